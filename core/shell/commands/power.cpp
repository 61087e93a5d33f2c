// start, stop, restart: an instance boots, ends, or both.  seedd does it; the person is told that it has begun.
#include <nlohmann/json.hpp>

#include "core/front/client.h"
#include "core/shell/command.h"
#include "core/shell/options.h"
#include "core/shell/print.h"
#include "help_texts.h"

namespace seed::shell {

using nlohmann::json;

namespace {

template <const char *&operation>
int run(Context &context, const Arguments &arguments) {
    bool as_json = false;
    std::string instance;
    Options options;
    options.flag("--json", as_json).argument("INSTANCE", instance, /*required=*/true).parse(arguments);
    json answer = context.client.request(operation, {{"instance", instance}}, context.cancel);
    if (as_json)
        context.out.write(json_line(answer));
    else
        context.out.line(text_of(answer, "instance", instance) + " " + operation + "s now; see: " + context.program + " status");
    return exit_ok;
}

const char *start = "start", *stop = "stop", *restart = "restart";

}  // namespace

extern const Command start_command, stop_command, restart_command;
const Command start_command = {"start", "boot an instance that rests", help_text_start, run<start>};
const Command stop_command = {"stop", "end an instance until it is started again", help_text_stop, run<stop>};
const Command restart_command = {"restart", "boot an instance anew", help_text_restart, run<restart>};

}  // namespace seed::shell
