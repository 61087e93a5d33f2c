// plugin check, call, trace, restart.
#include <cstdio>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>
#include <seed/codec.hpp>

#include "core/front/client.h"
#include "core/shell/commands/plugin_actions.h"
#include "core/shell/options.h"
#include "core/shell/print.h"

namespace seed::shell {

using nlohmann::json;

namespace {

json parsed(const std::string &text, const std::string &what) {
    json value = json::parse(text, nullptr, false);
    if (value.is_discarded()) throw UsageError(what + " is no JSON");
    if (!value.is_object()) throw UsageError(what + " is no JSON object");
    return value;
}

// For people.  Escaped to ASCII: what providers pass on may come from strangers.
std::string indented(const json &value) {
    return value.dump(2, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
}

std::string duration(int64_t microseconds) {
    char text[40];
    if (microseconds < 1000000)
        std::snprintf(text, sizeof text, "%.2f ms", static_cast<double>(microseconds) / 1000);
    else
        return format_duration_ms(microseconds / 1000);
    return text;
}

std::string line_of(const json &entry) {
    std::string event = text_of(entry, "event");
    std::string line = iso_time(number_of(entry, "time_ms")) + "  ";
    if (event == "tracing") {
        std::string plugins;
        for (auto &plugin : list_of(entry, "plugins")) plugins += (plugins.empty() ? "" : ", ") + text_of(plugin, "id", "?");
        return line + "tracing " + plugins + "; Ctrl-C ends it";
    }
    if (event == "gap") return line + std::to_string(number_of(entry, "missed")) + " calls are not kept any more: they came faster than they were read";
    line += text_of(entry, "plugin", "?") + " " + text_of(entry, "operation", "?");
    if (event == "begin") return line + "  begins  " + text_of(entry, "call");
    line += "  " + text_of(entry, "code", "?") + "  " + duration(number_of(entry, "duration_us")) + "  " +
            format_size(uint64_t(number_of(entry, "request_bytes"))) + " -> " + format_size(uint64_t(number_of(entry, "reply_bytes")));
    if (int64_t items = number_of(entry, "items")) line += " in " + std::to_string(items) + " items";
    if (int64_t descriptors = number_of(entry, "descriptors")) line += " with " + std::to_string(descriptors) + " descriptors";
    line += "  " + text_of(entry, "call");
    if (auto text = text_of(entry, "text"); !text.empty()) line += "  " + text;
    return line;
}

}  // namespace

int check_plugin(Context &context, const PluginWords &words) {
    json args = {{"plugin", words.plugin}};
    if (!words.config.empty()) args["config"] = parsed(read_file(words.config, 48u << 10), words.config);
    if (!words.only.empty()) args["only"] = words.only;
    auto show = [&](const json &verdict) {
        if (words.as_json) return context.out.write(json_line(verdict));
        std::string text = text_of(verdict, "text");
        context.out.line(text_of(verdict, "verdict", "?") + "  " + text_of(verdict, "id", "?") + ": " + text_of(verdict, "rule") + (text.empty() ? "" : "\n      " + text));
    };
    json answer = context.client.stream("plugin_check", args, show, context.cancel);
    int64_t failed = number_of(answer, "failed");
    if (!words.as_json)
        context.out.line(text_of(answer, "path", "?") + ": " + std::to_string(number_of(answer, "checks")) + " checks, " + (failed ? std::to_string(failed) + " FAILED" : "none failed"));
    return failed ? exit_failure : exit_ok;
}

int call_plugin(Context &context, const PluginWords &words) {
    json args = {{"plugin", words.plugin}, {"operation", words.operation}, {"confirm", words.confirmed}};
    if (!words.request.empty()) args["request"] = parsed(words.request, "the request");
    if (words.timeout_seconds > 0) args["timeout_ms"] = words.timeout_seconds * 1000;
    auto show = [&](const json &item) { context.out.write(words.as_json ? json_line(item) : indented(item.value("item", json())) + "\n"); };
    json answer = context.client.stream("plugin_call", args, show, context.cancel);
    if (words.as_json)
        context.out.write(json_line(answer));
    else if (answer.contains("reply"))
        context.out.line(indented(answer["reply"]));
    return exit_ok;
}

int trace_plugins(Context &context, const PluginWords &words) {
    json args = {{"bodies", words.bodies}};
    if (!words.plugin.empty()) args["plugin"] = words.plugin;
    if (!words.only_operation.empty()) args["operation"] = words.only_operation;
    auto show = [&](const json &entry) {
        if (words.as_json) return context.out.write(json_line(entry));
        context.out.line(line_of(entry));
        for (auto part : {"request", "reply", "item_bodies"})
            if (entry.contains(part)) context.out.line(std::string("    ") + part + ": " + entry[part].dump(-1, ' ', true, json::error_handler_t::replace));
    };
    context.client.stream("plugin_trace", args, show, context.cancel);
    return exit_ok;
}

int restart_plugin(Context &context, const PluginWords &words) {
    json answer = context.client.request("plugin_restart", {{"plugin", words.plugin}}, context.cancel);
    if (words.as_json) {
        context.out.write(json_line(answer));
        return exit_ok;
    }
    std::string before = text_of(answer, "version_before"), now = text_of(answer, "version", "?");
    context.out.line(text_of(answer, "plugin", words.plugin) + " is taken up anew, version " + now + (before.empty() || before == now ? "" : " (it was " + before + ")") +
                     ", process " + std::to_string(number_of(answer, "pid")));
    return exit_ok;
}

int forget_plugin(Context &context, const PluginWords &words) {
    json answer = context.client.request("plugin_forget", {{"plugin", words.plugin}, {"confirm", words.confirmed}}, context.cancel);
    if (words.as_json) {
        context.out.write(json_line(answer));
        return exit_ok;
    }
    std::string zones;
    for (auto &zone : list_of(answer, "zones"))
        if (zone.is_string()) zones += (zones.empty() ? "" : ", ") + printable(zone.get_ref<const std::string &>(), 255);
    std::string name = text_of(answer, "plugin", words.plugin);
    context.out.line(name + " is forgotten: what it still has of " + zones + " stays there, and whoever asks its server is answered. Have it removed there if that " +
                     "server lives. Its folder " + text_of(answer, "folder", "?") + " stays, too: remove it when nobody needs it.");
    return exit_ok;
}

}  // namespace seed::shell
