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
    std::string repository, from, to;
    Options options;
    options.flag("--json", as_json)
        .argument("REPOSITORY", repository, /*required=*/false)
        .argument("FROM", from, /*required=*/false)
        .argument("TO", to, /*required=*/false)
        .parse(arguments);
    json answer = context.client.request("diff", {{"repository", repository}, {"from", from}, {"to", to}}, context.cancel);
    if (as_json) {
        context.out.write(json_line(answer));
        return exit_ok;
    }
    context.out.line(text_of(answer, "repository", "?") + ": " + text_of(answer, "from", "?") + " -> " + text_of(answer, "to", "?"));
    for (auto &one : list_of(answer, "differences")) context.out.line("  " + text_of(one, "text", "?"));
    return exit_ok;
}

}  // namespace

extern const Command diff_command;
const Command diff_command = {"diff", "what differs between two generations, or from a commit", help_text_diff, run};

}  // namespace seed::shell
