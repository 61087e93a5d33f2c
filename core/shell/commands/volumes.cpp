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

// Deleting is for ever: the name is said twice.
int delete_one(Context &context, const std::string &volume, const std::string &confirmed, bool as_json) {
    if (confirmed.empty())
        throw UsageError("this deletes " + volume + " and all that is in it for ever; if you mean it: volumes delete " + volume + " --yes " + volume);
    json answer = context.client.request("volume_delete", {{"volume", volume}, {"confirm", confirmed}}, context.cancel);
    if (as_json)
        context.out.write(json_line(answer));
    else
        context.out.line(text_of(answer, "deleted", volume) + " is deleted");
    return exit_ok;
}

int run(Context &context, const Arguments &arguments) {
    bool as_json = false;
    std::string repository, volume, confirmed;
    Options options;
    options.flag("--json", as_json)
        .text("--yes", confirmed)
        .argument("REPOSITORY", repository, /*required=*/false)
        .argument("VOLUME", volume, /*required=*/false)
        .parse(arguments);
    if (repository == "delete" && !volume.empty()) return delete_one(context, volume, confirmed, as_json);
    if (!volume.empty() || !confirmed.empty()) throw UsageError("say volumes [REPOSITORY], or volumes delete VOLUME --yes VOLUME");
    json args = json::object();
    if (!repository.empty()) args["repository"] = repository;
    json answer = context.client.request("volumes", args, context.cancel);
    if (as_json) {
        context.out.write(json_line(answer));
        return exit_ok;
    }
    auto &volumes = list_of(answer, "volumes");
    if (volumes.empty()) {
        context.out.line("There are no volumes.");
        return exit_ok;
    }
    std::vector<std::vector<std::string>> rows = {{"VOLUME", "SIZE", "ON DISK", "ATTACHED"}};
    for (auto &volume : volumes)
        rows.push_back({text_of(volume, "name", text_of(volume, "volume", "?")), format_size(uint64_t(number_of(volume, "size_bytes"))),
                        format_size(uint64_t(number_of(volume, "used_bytes"))),
                        volume.value("attached", false) ? "yes" : "no, kept"});
    context.out.write(table(rows));
    return exit_ok;
}

}  // namespace

extern const Command volumes_command;
const Command volumes_command = {"volumes", "the disks of your instances, also those kept after their instance",
                                 help_text_volumes, run};

}  // namespace seed::shell
