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
    bool as_json = false;
    std::string target, generation;
    Options options;
    options.flag("--json", as_json)
        .argument("TARGET", target, /*required=*/true)
        .argument("GENERATION", generation, /*required=*/false)
        .parse(arguments);
    json args = {{"target", target}};
    if (!generation.empty()) args["generation"] = generation;
    auto show = [&](const json &item) {
        if (!as_json) context.out.line(text_of(item, "line"));
    };
    json answer = context.client.stream("rollback", args, show, context.cancel);
    if (as_json) {
        context.out.write(json_line(answer));
        return exit_ok;
    }
    std::string instance = text_of(answer, "instance");
    context.out.line(text_of(answer, "repository", "?") + (instance.empty() ? "" : "/" + instance) + " is back: generation " +
                     std::to_string(number_of(answer, "generation")) + " runs after " +
                     format_duration_ms(number_of(answer, "finished_ms") - number_of(answer, "created_ms")) + "; the next push moves on");
    return exit_ok;
}

}  // namespace

extern const Command rollback_command;
const Command rollback_command = {"rollback", "go back to what ran before, in seconds", help_text_rollback, run};

}  // namespace seed::shell
