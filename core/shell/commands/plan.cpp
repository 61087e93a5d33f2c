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
    bool as_json = false, providers = false;
    std::string repository, commit;
    Options options;
    options.flag("--json", as_json)
        .flag("--providers", providers)
        .argument("REPOSITORY", repository, /*required=*/false)
        .argument("COMMIT", commit, /*required=*/false)
        .parse(arguments);
    if (providers && !repository.empty()) throw UsageError("plan --providers is about the platform: name no repository");
    json asked = {{"repository", repository}, {"commit", commit}};
    if (providers) asked = {{"providers", true}};
    json answer = context.client.request("plan", asked, context.cancel);
    if (as_json) {
        context.out.write(json_line(answer));
        return exit_ok;
    }
    for (auto &line : list_of(answer, "lines"))
        if (line.is_string()) context.out.line(printable(line.get_ref<const std::string &>()));
    return exit_ok;
}

}  // namespace

extern const Command plan_command;
const Command plan_command = {"plan", "what deploying a commit would change", help_text_plan, run};

}  // namespace seed::shell
