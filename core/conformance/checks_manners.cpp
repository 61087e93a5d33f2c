// manners.* and secrets.*: what a guest in somebody's process does not do.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include <seed/util/file.h>
#include <seed/util/text.h>
#include <seed/codec.hpp>

#include "core/conformance/process_state.h"
#include "core/conformance/random_request.h"
#include "core/conformance/scenario.h"

namespace seed::conformance {

namespace {

// Opens, asks everything that is valid and some that is not, and closes.
void live_through(const Plugin &plugin, const Subject &subject, const std::string &state = "state", Heard *heard = nullptr) {
    Scenario scenario(plugin, subject);
    Instance instance(plugin, subject, state);
    scenario.prepare(instance);
    for (const Step &step : scenario.valid()) instance.call(step.slot, step.request);
    for (const char *list : {"unknown", "conflict", "invalid", "ignored"}) {
        for (const Step &step : scenario.steps(list)) instance.call(step.slot, step.request);
    }
    for (const Step &step : scenario.valid()) instance.call_text(step.slot, "{");
    scenario.undo(instance);
    instance.close();
    if (heard) heard->add(instance.heard().all());
}

void quiet(const Subject &subject) {
    std::string path = subject.work + "/output";
    UniqueFd captured = open_file(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    UniqueFd out(dup(1)), error(dup(2));
    Plugin plugin(subject);
    std::fflush(nullptr);
    dup2(captured.get(), 1);
    dup2(captured.get(), 2);
    std::string trouble;
    try {
        live_through(plugin, subject);
    } catch (const Finding &finding) {
        trouble = finding.text;
    }
    std::fflush(nullptr);
    dup2(out.get(), 1);
    dup2(error.get(), 2);
    std::string written = read_file(path);
    require(written.empty(), "writes to stdout or stderr: " + printable(written, 200) + ": use host->log()");
    if (!trouble.empty()) skip("other checks fail first: " + trouble);
}

void leaves_process_alone(const Subject &subject) {
    Plugin plugin(subject);
    std::string before = manners_state();
    live_through(plugin, subject);
    std::string after = manners_state();
    if (before == after) return;
    auto lines = split(before, '\n');
    for (const std::string &line : split(after, '\n')) {
        require(std::find(lines.begin(), lines.end(), line) != lines.end(), "changed the process: now " + printable(line, 200));
    }
    auto now = split(after, '\n');
    for (const std::string &line : lines) {
        require(std::find(now.begin(), now.end(), line) != now.end(), "changed the process: gone is " + printable(line, 200));
    }
    fail("changed the process");
}

void ends_threads(const Subject &subject) {
    Plugin plugin(subject);
    live_through(plugin, subject);   // libraries may start what they keep
    auto before = threads();
    live_through(plugin, subject, "again");
    for (int thread : threads()) {
        if (before.count(thread)) continue;
        auto name = read_file_if_exists("/proc/self/task/" + std::to_string(thread) + "/comm").value_or("");
        fail("thread " + std::to_string(thread) + " (" + std::string(trim(name)) + ") outlives close(): join it there");
    }
}

void ends_children(const Subject &subject) {
    Plugin plugin(subject);
    live_through(plugin, subject);
    auto left = children();
    if (left.empty()) return;
    auto name = read_file_if_exists("/proc/" + std::to_string(*left.begin()) + "/comm").value_or("");
    std::string which = std::string(trim(name));
    for (int child : left) kill(child, SIGKILL);
    fail("process " + which + " outlives close(): end it and wait for it there");
}

void descriptors(const Subject &subject) {
    Plugin plugin(subject);
    live_through(plugin, subject);
    auto before = open_descriptors();
    live_through(plugin, subject, "again");
    for (const auto &[number, target] : open_descriptors()) {
        require(before.count(number), "descriptor " + std::to_string(number) + " (" + target + ") is still open after close()");
    }
    for (const auto &[number, target] : before) {
        require(open_descriptors().count(number), "descriptor " + std::to_string(number) + " (" + target + ") was closed, and was not the plugin's");
    }
}

void borrowed_descriptors(const Subject &subject) {
    Plugin plugin(subject);
    Scenario scenario(plugin, subject);
    Instance instance(plugin, subject);
    scenario.prepare(instance);
    UniqueFd one(open("/dev/null", O_RDWR | O_CLOEXEC));
    CallOptions options;
    options.descriptors = {one.get()};
    for (const Step &step : scenario.valid()) {
        instance.call(step.slot, step.request, options);
        require(fcntl(one.get(), F_GETFD) >= 0, "'" + step.slot + "' closed a descriptor that it had only borrowed");
    }
    scenario.undo(instance);
}

// The configuration with a canary in every place the schema marks as secret.
json with_canaries(const json &schema, json config, std::vector<std::string> &canaries) {
    const json members = schema.value("properties", json::object());
    for (const auto &[name, member] : members.items()) {
        if (member.value("x-seed-secret", false) && member.value("type", "") == "string" && !member.contains("pattern")) {
            canaries.push_back("canary-" + random_hex(8));
            config[name] = canaries.back();
        } else if (config.contains(name) && config[name].is_object()) {
            config[name] = with_canaries(member, config[name], canaries);
        }
    }
    return config;
}

void keeps_secrets(const Subject &subject) {
    Plugin plugin(subject);
    std::vector<std::string> canaries;
    Subject guarded = subject;
    guarded.config = with_canaries(plugin.config_schema(), subject.config, canaries);
    if (canaries.empty()) skip("its configuration has no secrets");
    Heard heard;
    bool works = true;
    std::string trouble;
    try {
        live_through(plugin, guarded, "state", &heard);
    } catch (const Finding &finding) {   // the secret was a real one: what it says about a wrong one counts as well
        works = false;
        trouble = finding.text;
    }
    heard.add(trouble);
    for (const std::string &canary : canaries) {
        std::string all = heard.all();
        auto at = all.find(canary);
        if (at != std::string::npos) {
            auto begin = at > 80 ? at - 80 : 0;
            fail("tells a secret: ..." + printable(all.substr(begin, 80 + canary.size()), 300));
        }
        for (const auto &entry : std::filesystem::recursive_directory_iterator(subject.work)) {
            if (!entry.is_regular_file()) continue;
            auto content = read_file_if_exists(entry.path(), 64u << 20);
            struct stat status {};
            if (!content || content->find(canary) == std::string::npos || stat(entry.path().c_str(), &status) != 0) continue;
            require((status.st_mode & 077) == 0, "writes a secret to " + entry.path().filename().string() + ", which others can read");
        }
    }
    if (!works) warn("could not be opened with other secrets, so only that failure was looked at");
}

// A state directory is private; what a plugin makes in it must not be writable by the world.
void files(const Subject &subject) {
    Plugin plugin(subject);
    Scenario scenario(plugin, subject);
    Instance instance(plugin, subject);
    scenario.prepare(instance);
    for (const auto &entry : std::filesystem::recursive_directory_iterator(subject.work)) {
        struct stat status {};
        if (lstat(entry.path().c_str(), &status) != 0 || S_ISLNK(status.st_mode) || S_ISSOCK(status.st_mode)) continue;
        require((status.st_mode & S_IWOTH) == 0, "makes " + entry.path().filename().string() + " writable by everybody");
    }
    scenario.undo(instance);
}

}  // namespace

std::vector<Check> manners_checks() {
    return {
        {"manners.quiet", "nothing is written to stdout or stderr", quiet},
        {"manners.process", "working directory, umask, signals, locale, environment and limits stay as they are", leaves_process_alone},
        {"manners.threads", "no thread outlives close()", ends_threads},
        {"manners.children", "no child process outlives close()", ends_children},
        {"manners.descriptors", "no descriptor is left open, and none of others is closed", descriptors},
        {"manners.borrowed", "descriptors of a call are not closed", borrowed_descriptors},
        {"manners.files", "nothing it makes can be written by everybody", files},
        {"secrets.kept", "no secret of the configuration is said, logged, or left where others can read", keeps_secrets},
    };
}

}  // namespace seed::conformance
