#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/front/client.h"
#include "core/shell/command.h"
#include "core/shell/options.h"
#include "core/shell/print.h"
#include "help_texts.h"

namespace seed::shell {

using nlohmann::json;

namespace {

int list(Context &context, const json &answer, bool as_json) {
    if (as_json) {
        context.out.write(json_line(answer));
        return exit_ok;
    }
    std::vector<std::vector<std::string>> rows = {{"KIND", "PLUGIN", "VERSION", "CONTRACT", "STATE", "RESTARTS"}};
    for (auto &plugin : list_of(answer, "plugins"))
        rows.push_back({text_of(plugin, "kind", "?"), text_of(plugin, "id", "?"), text_of(plugin, "version", "?"),
                        text_of(plugin, "contract", "?"), text_of(plugin, "state", "?"), std::to_string(number_of(plugin, "restarts"))});
    context.out.write(table(rows));
    return exit_ok;
}

int show(Context &context, const json &answer, const std::string &name, bool as_json) {
    for (auto &plugin : list_of(answer, "plugins")) {
        if (text_of(plugin, "id") != name && text_of(plugin, "kind") != name) continue;
        if (as_json) {
            context.out.write(json_line(plugin));
            return exit_ok;
        }
        std::string operations;
        for (auto &slot : list_of(plugin, "slots"))
            if (slot.is_string()) operations += (operations.empty() ? "" : ", ") + printable(slot.get_ref<const std::string &>());
        std::vector<std::vector<std::string>> rows;
        for (auto part : {"id", "kind", "version", "contract", "summary", "state", "isolation", "path", "last_end"})
            if (auto text = text_of(plugin, part); !text.empty()) rows.push_back({part, text});
        rows.push_back({"restarts", std::to_string(number_of(plugin, "restarts"))});
        rows.push_back({"process", std::to_string(number_of(plugin, "pid"))});
        rows.push_back({"operations", operations});
        context.out.write(table(rows));
        return exit_ok;
    }
    throw Failure(Code::not_found, "no provider in use is called '" + printable(name, 64) + "'; see: plugin list");
}

int run(Context &context, const Arguments &arguments) {
    bool as_json = false;
    std::string action, name;
    Options options;
    options.flag("--json", as_json).argument("ACTION", action, /*required=*/true).argument("PLUGIN", name, /*required=*/false);
    options.parse(arguments);
    bool one = action == "show" && !name.empty();
    if (!one && !(action == "list" && name.empty())) throw UsageError("say plugin list, or plugin show PLUGIN");
    json answer = context.client.request("plugins", json::object(), context.cancel);
    return one ? show(context, answer, name, as_json) : list(context, answer, as_json);
}

}  // namespace

extern const Command plugin_command;
const Command plugin_command = {"plugin", "the providers in use, and all about one", help_text_plugin, run};

}  // namespace seed::shell
