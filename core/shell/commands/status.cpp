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

std::string addressed(const json &instance) {
    std::string address = text_of(instance, "address", "-");
    return instance.value("ipv4_only", false) ? address + " (IPv4 only inside)" : address;
}

std::string first_url(const json &instance) {
    auto &urls = list_of(instance, "urls");
    if (urls.empty() || !urls[0].is_string()) return "-";
    return printable(urls[0].get_ref<const std::string &>());
}

void show_revision(Output &out, const json &flake) {
    auto found = flake.find("revision");
    if (found == flake.end() || !found->is_object()) {
        out.line("  nothing has been pushed yet");
        return;
    }
    const json &revision = *found;
    std::string state = text_of(revision, "state", "unknown"), stage = text_of(revision, "stage");
    std::string line = "  commit " + text_of(revision, "commit", "-").substr(0, 12) + " " + state;
    if (!stage.empty()) line += " in " + stage;
    int64_t finished = number_of(revision, "finished_ms"), created = number_of(revision, "created_ms");
    if (finished > 0)
        line += ", " + format_uptime(unix_ms_now() - finished) + " ago";
    else if (created > 0)
        line += ", since " + format_uptime(unix_ms_now() - created);
    out.line(line);
    std::string message = text_of(revision, "message");
    if (!message.empty()) out.line("  " + message);
}

// What runs when that is not what was pushed last: somebody or the platform went back.
void show_rollback(Output &out, const json &flake) {
    auto found = flake.find("deployment");
    if (found == flake.end() || text_of(*found, "kind") == "push") return;
    out.line("  generation " + std::to_string(number_of(flake, "generation_number")) + " (commit " + text_of(*found, "commit", "-").substr(0, 12) +
             ") after a rollback" + (text_of(*found, "kind") == "return" ? ": " + text_of(*found, "message", "the push did not get ready") : "") +
             "; the next push moves on");
}

// Names in the tenant's own domains, and ports of the host's addresses.
void show_public(Output &out, const json &instance) {
    std::string name = "  " + text_of(instance, "name", "?") + ": ", names;
    for (auto &own : list_of(instance, "names"))
        if (own.is_string()) names += (names.empty() ? "" : ", ") + printable(own.get_ref<const std::string &>());
    if (!names.empty()) out.line(name + "also " + names);
    for (auto &route : list_of(instance, "routes")) {
        std::string address = text_of(route, "address", "?"), reason = text_of(route, "reason");
        if (address.find(':') != std::string::npos) address = "[" + address + "]";
        out.line(name + (route.value("udp", false) ? "udp " : "tcp ") + address + ":" + std::to_string(number_of(route, "port")) + " leads to its port " +
                 std::to_string(number_of(route, "target_port")) + (reason.empty() ? "" : ", but is not served: " + reason));
    }
}

void show_flake(Output &out, const json &flake) {
    std::string role = text_of(flake, "role");
    out.line(text_of(flake, "repository", "?") + (role.empty() ? "" : " (" + role + ")"));
    show_revision(out, flake);
    show_rollback(out, flake);
    auto &instances = list_of(flake, "instances");
    if (!instances.empty()) {
        std::vector<std::vector<std::string>> rows = {{"NAME", "STATE", "UPTIME", "ADDRESS", "URL"}};
        for (auto &instance : instances)
            rows.push_back({text_of(instance, "name", "?"), text_of(instance, "state", "?"),
                            number_of(instance, "uptime_ms") > 0 ? format_uptime(number_of(instance, "uptime_ms")) : "-", addressed(instance),
                            first_url(instance)});
        out.write(table(rows, "  "));
        for (auto &instance : instances) {
            std::string reason = text_of(instance, "reason");
            if (!reason.empty()) out.line("  " + text_of(instance, "name", "?") + ": " + reason);
            show_public(out, instance);
        }
    }
    std::string quota;
    for (auto &one : list_of(flake, "quota")) {
        std::string what = text_of(one, "what");
        bool bytes = what == "memory" || what == "disk";
        auto shown = [&](const char *member) {
            auto value = uint64_t(number_of(one, member));
            return bytes ? format_size(value) : std::to_string(value);
        };
        quota += (quota.empty() ? "" : ", ") + shown("used") + "/" + shown("limit") + " " + what;
    }
    if (!quota.empty() && !instances.empty()) out.line("  quota: " + quota);
    std::string kept;
    for (auto &volume : list_of(flake, "detached_volumes"))
        kept += (kept.empty() ? "" : ", ") +
                (volume.is_string() ? printable(volume.get_ref<const std::string &>()) : text_of(volume, "volume", "?"));
    if (!kept.empty()) out.line("  volumes kept without an instance: " + kept);
}

void show(Output &out, const json &answer) {
    auto &flakes = list_of(answer, "flakes");
    for (size_t i = 0; i < flakes.size(); ++i) {
        if (i > 0) out.line("");
        show_flake(out, flakes[i]);
    }
    if (flakes.empty()) {
        std::string silo = answer.contains("platform") ? text_of(answer["platform"], "silo") : "";
        out.line(silo.empty() ? "There is nothing here yet." : "There is nothing here yet: git push a flake to " + silo + ".");
    }
}

int run(Context &context, const Arguments &arguments) {
    bool as_json = false;
    int64_t watch = 0;
    std::string repository;
    Options options;
    options.flag("--json", as_json)
        .number("-w,--watch", watch, 1, 3600)
        .argument("REPOSITORY", repository, /*required=*/false)
        .parse(arguments);
    json args = json::object();
    if (!repository.empty()) args["repository"] = repository;
    do {
        json answer = context.client.request("status", args, context.cancel);
        if (as_json) {
            context.out.write(json_line(answer));
            continue;
        }
        // On a terminal the old picture goes, all at once; elsewhere each begins with its time.
        if (watch > 0) context.out.write(context.terminal ? "\x1b[H\x1b[2J" : "--- " + iso_time(unix_ms_now()) + "\n");
        show(context.out, answer);
    } while (watch > 0 && pause(context, watch * 1000));
    return exit_ok;
}

}  // namespace

extern const Command status_command;
const Command status_command = {"status", "what runs, where, and since when", help_text_status, run};

}  // namespace seed::shell
