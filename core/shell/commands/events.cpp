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

std::string line_of(const json &event) {
    std::string type = text_of(event, "type", "?");
    std::string line = iso_time(number_of(event, "time_ms")) + "  " + type + std::string(type.size() < 13 ? 13 - type.size() : 0, ' ');
    if (type == "gap") return line + "  " + std::to_string(number_of(event, "missed")) + " events are not kept any more";
    std::string about = text_of(event, "repository", text_of(event, "subject", "platform"));
    std::string instance = text_of(event, "instance"), commit = text_of(event, "commit"), reason = text_of(event, "reason");
    line += "  " + about + (instance.empty() ? "" : "/" + instance);
    if (!commit.empty()) line += " " + commit.substr(0, 10);
    if (int64_t took = number_of(event, "duration_ms", -1); took >= 0) line += " after " + format_duration_ms(took);
    if (!reason.empty()) line += ": " + reason;
    return line;
}

int run(Context &context, const Arguments &arguments) {
    bool as_json = false, follow = false;
    int64_t lines = 100, after = -1;
    std::string repository, since;
    Options options;
    options.flag("--json", as_json)
        .flag("-f,--follow", follow)
        .number("-n,--lines", lines, 0, 100000)
        .text("--since", since)
        .number("--after", after, 0, INT64_MAX)
        .argument("REPOSITORY", repository, /*required=*/false)
        .parse(arguments);
    json args = {{"follow", follow}, {"lines", lines}};
    if (!repository.empty()) args["repository"] = repository;
    if (!since.empty()) args["since_ms"] = parse_since(since, unix_ms_now());
    if (after >= 0) args["after"] = after;
    auto show = [&](const json &event) { context.out.write(as_json ? json_line(event) : line_of(event) + "\n"); };
    context.client.stream("events", args, show, context.cancel);
    return exit_ok;
}

}  // namespace

extern const Command events_command;
const Command events_command = {"events", "what happened: pushes, builds, boots, ends, refusals", help_text_events, run};

}  // namespace seed::shell
