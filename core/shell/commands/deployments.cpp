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

std::string change_of(const json &deployment) {
    auto name = [&](const char *member) {
        int64_t number = number_of(deployment, member);
        return number ? std::to_string(number) : "-";
    };
    return name("previous") + " -> " + name("generation");
}

std::string duration_of(const json &deployment) {
    int64_t finished = number_of(deployment, "finished_ms"), created = number_of(deployment, "created_ms");
    return finished > 0 ? format_duration_ms(finished - created) : "-";
}

int run(Context &context, const Arguments &arguments) {
    bool as_json = false;
    int64_t limit = 20;
    std::string repository;
    Options options;
    options.flag("--json", as_json)
        .number("-n,--lines", limit, 1, 1000)
        .argument("REPOSITORY", repository, /*required=*/false)
        .parse(arguments);
    json args = {{"limit", limit}};
    if (!repository.empty()) args["repository"] = repository;
    json answer = context.client.request("deployments", args, context.cancel);
    if (as_json) {
        context.out.write(json_line(answer));
        return exit_ok;
    }
    auto &deployments = list_of(answer, "deployments");
    if (deployments.empty()) {
        context.out.line("Nothing has been deployed yet.");
        return exit_ok;
    }
    std::vector<std::vector<std::string>> rows = {{"AGE", "REPOSITORY", "KIND", "COMMIT", "GENERATION", "TOOK", "STATE", "BY"}};
    for (auto &one : deployments)
        rows.push_back({format_uptime(unix_ms_now() - number_of(one, "created_ms")), text_of(one, "repository", "?"), text_of(one, "kind", "?"),
                        text_of(one, "commit", "-").substr(0, 10), change_of(one), duration_of(one), text_of(one, "state", "?"),
                        text_of(one, "by", "the platform")});
    context.out.write(table(rows));
    for (auto &one : deployments) {
        auto lines = split(one.value("message", ""), '\n');
        if (!lines.empty() && !lines[0].empty()) context.out.line(text_of(one, "commit", "-").substr(0, 10) + ": " + printable(lines[0]));
    }
    return exit_ok;
}

}  // namespace

extern const Command deployments_command;
const Command deployments_command = {"deployments", "what was pushed and rolled back, when, by whom, and what became of it",
                                     help_text_deployments, run};

}  // namespace seed::shell
