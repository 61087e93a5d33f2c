// plugin ACTION ...: the actions that look are here, those that do something are in plugin_operate.cpp.
#include "core/shell/commands/plugin_actions.h"

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/front/client.h"
#include "core/shell/options.h"
#include "core/shell/print.h"
#include "help_texts.h"

namespace seed::shell {

using nlohmann::json;

int list_plugins(Context &context, const PluginWords &words) {
    json answer = context.client.request("plugins", json::object(), context.cancel);
    if (words.as_json) {
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

int show_plugin(Context &context, const PluginWords &words) {
    json answer = context.client.request("plugins", json::object(), context.cancel);
    for (auto &plugin : list_of(answer, "plugins")) {
        if (text_of(plugin, "id") != words.plugin && text_of(plugin, "kind") != words.plugin) continue;
        if (words.as_json) {
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
    throw Failure(Code::not_found, "no provider in use is called '" + printable(words.plugin, 64) + "'; see: plugin list");
}

namespace {

// What an action takes.  Operands are counted from the plugin's name on.
struct Action {
    std::string_view name;
    size_t least, most;
    std::string_view options;  // beside --json
    int (*run)(Context &context, const PluginWords &words);
};

constexpr Action actions[] = {
    {"list", 0, 0, "", list_plugins},
    {"show", 1, 1, "", show_plugin},
    {"check", 1, 1, "--config --only", check_plugin},
    {"call", 2, 3, "--yes --timeout", call_plugin},
    {"trace", 0, 1, "--operation --bodies", trace_plugins},
    {"restart", 1, 1, "", restart_plugin},
    {"forget", 1, 1, "--yes", forget_plugin},
};

void must_fit(const Action &action, const PluginWords &words) {
    auto refuse = [&](const std::string &option, bool given) {
        if (given && action.options.find(option) == action.options.npos)
            throw UsageError("plugin " + std::string(action.name) + " has no option " + option);
    };
    refuse("--config", !words.config.empty());
    refuse("--only", !words.only.empty());
    refuse("--yes", !words.confirmed.empty());
    refuse("--timeout", words.timeout_seconds != 0);
    refuse("--operation", !words.only_operation.empty());
    refuse("--bodies", words.bodies);
    size_t count = !words.plugin.empty() + !words.operation.empty() + !words.request.empty();
    if (count < action.least || count > action.most) {
        std::string usage = "say plugin " + std::string(action.name);
        const char *operands[] = {" PLUGIN", " OPERATION", " JSON"};
        for (size_t i = 0; i < action.most; ++i) usage += i < action.least ? operands[i] : " [" + std::string(operands[i] + 1) + "]";
        throw UsageError(usage);
    }
}

int run(Context &context, const Arguments &arguments) {
    PluginWords words;
    std::string name;
    Options options;
    options.flag("--json", words.as_json)
        .text("--config", words.config)
        .text("--only", words.only)
        .text("--yes", words.confirmed)
        .number("--timeout", words.timeout_seconds, 1, 3600)
        .text("--operation", words.only_operation)
        .flag("--bodies", words.bodies)
        .argument("ACTION", name, /*required=*/true)
        .argument("PLUGIN", words.plugin, /*required=*/false)
        .argument("OPERATION", words.operation, /*required=*/false)
        .argument("JSON", words.request, /*required=*/false);
    options.parse(arguments);
    std::string known;
    for (const Action &action : actions) {
        known += (known.empty() ? "" : ", ") + std::string(action.name);
        if (action.name != name) continue;
        must_fit(action, words);
        return action.run(context, words);
    }
    throw UsageError("there is no plugin " + printable(name, 64) + "; there are " + known);
}

}  // namespace

extern const Command plugin_command;
const Command plugin_command = {"plugin", "the providers in use: look at them, call, trace, restart, check and forget them", help_text_plugin, run};

}  // namespace seed::shell
