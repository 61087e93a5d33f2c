// host.*: the same plugin in a process of its own, over frames, as the core runs it.
#include <fcntl.h>
#include <sys/socket.h>

#include <seed/util/file.h>
#include <seed/util/frame.h>
#include <seed/util/process.h>
#include <seed/codec.hpp>

#include "core/conformance/scenario.h"

namespace seed::conformance {

namespace {

void same_in_a_process(const Subject &subject) {
    if (subject.host.empty()) skip("seed-plugin-host is not beside seed-plugin-check");
    Plugin plugin(subject);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) fail_errno("socketpair");
    UniqueFd ours(pair[0]), theirs(pair[1]);
    UniqueFd output = open_file(subject.work + "/host-output", O_RDWR | O_CREAT | O_TRUNC, 0600);
    SpawnOptions options;
    options.arguments = {subject.host, subject.path, plugin.id(), plugin.kind()};
    options.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"};
    options.descriptors = {{output.get(), 1}, {output.get(), 2}, {theirs.get(), 3}};
    Process process = Process::spawn(options);
    theirs.reset();

    auto next = [&](const char *member) {
        for (;;) {
            auto frame = receive_frame(ours.get(), 20s);
            if (!frame) fail(std::string("the host ended while '") + member + "' was awaited: " + read_file(subject.work + "/host-output"));
            json message = json::parse(frame->body);
            if (message.contains("failed")) fail("in a host: " + message["failed"].value("text", ""));
            if (message.contains(member)) return message[member];
        }
    };
    json loaded = next("loaded");
    require(loaded["slots"] == json(plugin.slots()), "the host sees other slots: " + loaded["slots"].dump());
    int64_t deadline = (std::chrono::steady_clock::now() + 20s).time_since_epoch() / 1ns;
    send_frame(ours.get(), to_json_text(json{{"open", {{"config", subject.config}, {"state_dir", state_directory(subject, "host")}, {"deadline_ns", deadline}}}}));
    next("opened");
    Scenario scenario(plugin, subject);
    uint64_t number = 0;
    std::vector<Step> steps = scenario.steps("prepare");
    for (const Step &step : scenario.valid()) steps.push_back(step);
    for (const Step &step : scenario.steps("undo")) steps.push_back(step);
    for (const Step &step : steps) {
        json call = {{"id", ++number}, {"slot", step.slot}, {"name", "kit"}, {"request_id", "kit-" + std::to_string(number)},
                     {"deadline_ns", deadline}, {"request", step.request}};
        send_frame(ours.get(), to_json_text(json{{"call", call}}));
        json done = next("done");
        require(done["code"] == 0, "in a host '" + step.slot + "' answers " + done.dump());
    }
    ours.reset();
    auto status = process.wait(10s);
    require(status.has_value(), "the host does not end when the core is gone: close() hangs");
    require(status->ok(), "the host ended with " + status->to_string() + " when the core was gone");
}

}  // namespace

std::vector<Check> host_checks() {
    return {{"host.process", "behind seed-plugin-host it does the same, and ends when the core is gone", same_in_a_process, 60}};
}

}  // namespace seed::conformance
