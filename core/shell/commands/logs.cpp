#include <nlohmann/json.hpp>

#include <seed/util/text.h>

#include "core/front/client.h"
#include "core/shell/command.h"
#include "core/shell/options.h"
#include "core/shell/print.h"
#include "help_texts.h"

namespace seed::shell {

using nlohmann::json;

namespace {

int run(Context &context, const Arguments &arguments) {
    bool as_json = false, follow = false;
    int64_t lines = 100;
    std::string instance, since, grep;
    Options options;
    options.flag("--json", as_json)
        .flag("-f,--follow", follow)
        .number("-n,--lines", lines, 0, 100000)
        .text("--since", since)
        .text("--grep", grep)
        .argument("INSTANCE", instance, /*required=*/true)
        .parse(arguments);
    json args = {{"instance", instance}, {"lines", lines}, {"follow", follow}};
    if (!since.empty()) args["since_ms"] = parse_since(since, unix_ms_now());
    if (!grep.empty()) args["grep"] = grep;
    auto show = [&](const json &item) {
        context.out.write(as_json ? json_line(item) : iso_time(number_of(item, "time_ms")) + "  " + text_of(item, "text") + "\n");
    };
    context.client.stream("logs", args, show, context.cancel);
    return exit_ok;
}

}  // namespace

extern const Command logs_command;
const Command logs_command = {"logs", "what an instance wrote to its console", help_text_logs, run};

}  // namespace seed::shell
