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

std::string standing_of(const json &generation) {
    if (generation.value("current", false)) return generation.value("ready", false) ? "runs" : "runs, not ready yet";
    if (!generation.value("ready", false)) return "never ready";
    return generation.value("kept", false) ? "kept" : "goes with the next deployment";
}

int run(Context &context, const Arguments &arguments) {
    bool as_json = false;
    std::string repository;
    Options options;
    options.flag("--json", as_json).argument("REPOSITORY", repository, /*required=*/false).parse(arguments);
    json args = json::object();
    if (!repository.empty()) args["repository"] = repository;
    json answer = context.client.request("generations", args, context.cancel);
    if (as_json) {
        context.out.write(json_line(answer));
        return exit_ok;
    }
    auto &generations = list_of(answer, "generations");
    if (generations.empty()) {
        context.out.line("Nothing has been deployed yet.");
        return exit_ok;
    }
    std::vector<std::vector<std::string>> rows = {{"GENERATION", "HASH", "COMMIT", "MADE", "STATE", "INSTANCES"}};
    for (auto &one : generations) {
        std::string instances;
        for (auto &name : list_of(one, "instances"))
            if (name.is_string()) instances += (instances.empty() ? "" : ", ") + printable(name.get_ref<const std::string &>());
        rows.push_back({std::to_string(number_of(one, "generation")), text_of(one, "hash", "-").substr(0, 12), text_of(one, "commit", "-").substr(0, 10),
                        format_uptime(unix_ms_now() - number_of(one, "created_ms")) + " ago", standing_of(one), instances});
    }
    context.out.write(table(rows));
    return exit_ok;
}

}  // namespace

extern const Command generations_command;
const Command generations_command = {"generations", "the desired states that are kept and can be gone back to", help_text_generations, run};

}  // namespace seed::shell
