#include <nlohmann/json.hpp>

#include "core/front/client.h"
#include "core/shell/command.h"
#include "core/shell/options.h"
#include "core/shell/print.h"
#include "help_texts.h"

#include <seed/util/text.h>

namespace seed::shell {

using nlohmann::json;

namespace {

int run(Context &context, const Arguments &arguments) {
    bool as_json = false;
    Options options;
    options.flag("--json", as_json).parse(arguments);
    json answer = context.client.request("health", json::object(), context.cancel);
    bool ok = answer.value("ok", false);
    if (as_json) {
        context.out.write(json_line(answer));
        return ok ? exit_ok : exit_failure;
    }
    context.out.line("seedd " + text_of(answer, "version", "?") + (ok ? ": healthy" : ": not healthy"));
    std::vector<std::vector<std::string>> rows = {{"KIND", "PLUGIN", "STATE", "REMARKS"}};
    for (auto &provider : list_of(answer, "providers")) {
        std::string remarks;
        for (auto &remark : list_of(provider, "remarks"))
            if (remark.is_string()) remarks += (remarks.empty() ? "" : "; ") + printable(remark.get_ref<const std::string &>());
        rows.push_back({text_of(provider, "kind", "?"), text_of(provider, "plugin", "?"),
                        provider.value("ok", false) ? "ok" : "failing", remarks});
    }
    context.out.write(table(rows));
    return ok ? exit_ok : exit_failure;
}

}  // namespace

extern const Command health_command;
const Command health_command = {"health", "whether the daemon and its providers can work", help_text_health, run};

}  // namespace seed::shell
