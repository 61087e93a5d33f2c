#include <nlohmann/json.hpp>

#include "core/front/client.h"
#include "core/shell/command.h"
#include "core/shell/options.h"
#include "core/shell/print.h"
#include "help_texts.h"

namespace seed::shell {

using nlohmann::json;

namespace {

int run(Context &context, const Arguments &arguments) {
    bool as_json = false;
    std::string instance;
    Options options;
    options.flag("--json", as_json).argument("INSTANCE", instance, /*required=*/true).parse(arguments);
    json answer = context.client.request("stop", {{"instance", instance}}, context.cancel);
    if (as_json)
        context.out.write(json_line(answer));
    else
        context.out.line(text_of(answer, "instance", instance) + " stops now; see: " + context.program + " status");
    return exit_ok;
}

}  // namespace

extern const Command stop_command;
const Command stop_command = {"stop", "end an instance until it is started again", help_text_stop, run};

}  // namespace seed::shell
