#include "core/conformance/host_process.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>

#include <seed/util/file.h>
#include <seed/util/frame.h>
#include <seed/util/text.h>
#include <seed/codec.hpp>

namespace seed::conformance {

namespace {

constexpr milliseconds patience_at_the_end = 60s;   // a leak checker reads all of the memory

int64_t deadline_in(milliseconds time) { return (std::chrono::steady_clock::now() + time).time_since_epoch() / 1ns; }

// Reports are long, and begin with what matters.
std::string report_in(const std::string &text) {
    auto begin = text.npos;
    for (const char *mark : {"ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", ": runtime error: "})
        begin = std::min(begin, text.find(mark));
    return begin == text.npos ? "" : text.substr(begin, 3000);
}

}  // namespace

HostProcess::HostProcess(const Plugin &plugin, const Subject &subject, const std::string &state)
    : plugin_(plugin), output_(subject.work + "/" + state + "-output") {
    if (subject.host.empty()) skip("seed-plugin-host is not beside seed-plugin-check");
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) fail_errno("socketpair");
    socket_.reset(pair[0]);
    UniqueFd theirs(pair[1]);
    UniqueFd output = open_file(output_, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
    SpawnOptions options;
    options.arguments = {subject.host, subject.path, plugin.id(), plugin.kind()};
    options.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"};
    options.descriptors = {{output.get(), 1}, {output.get(), 2}, {theirs.get(), 3}};
    process_ = Process::spawn(options);
    theirs.reset();

    json loaded = next("loaded", 20s);
    require(loaded["slots"] == json(plugin.slots()), "the host sees other slots: " + loaded["slots"].dump());
    json open = {{"config", subject.config}, {"state_dir", state_directory(subject, state)}, {"deadline_ns", deadline_in(20s)}};
    send_frame(socket_.get(), to_json_text(json{{"open", open}}));
    next("opened", 20s);
}

std::string HostProcess::said() const {
    std::string text = read_file(output_), report = report_in(text);
    return report.empty() ? text.substr(text.size() > 2000 ? text.size() - 2000 : 0) : report;
}

json HostProcess::next(const char *member, milliseconds patience) {
    for (;;) {
        std::optional<Frame> frame;
        try {
            frame = receive_frame(socket_.get(), patience);
        } catch (const Failure &failure) {
            fail(std::string("no '") + member + "' from the host: " + failure.what() + ": " + said());
        }
        if (!frame) {
            auto status = process_.wait(patience_at_the_end);
            fail(std::string("the host ended while '") + member + "' was awaited (" + (status ? status->to_string() : "it still runs") + "): " + said());
        }
        json message = json::parse(frame->body);
        if (message.contains("failed")) fail("in a host: " + message["failed"].value("text", ""));
        if (message.contains("item")) items_.push_back(message["item"].at("body").dump());
        if (message.contains(member)) return message[member];
    }
}

Outcome HostProcess::call(const std::string &slot, const json &request, const CallOptions &options) {
    items_.clear();
    std::string name = "kit-" + std::to_string(++number_);
    json call = {{"id", number_}, {"slot", slot}, {"name", "kit"}, {"request_id", options.request_id.empty() ? name : options.request_id},
                 {"deadline_ns", deadline_in(options.deadline)}, {"request", request}};
    auto began = std::chrono::steady_clock::now();
    send_frame(socket_.get(), to_json_text(json{{"call", call}}));
    json done = next("done", std::max(options.deadline, 0ms) + (options.patience.count() >= 0 ? options.patience : 2s));
    require(done.value("call", uint64_t{0}) == number_, "'" + slot + "' ends twice");
    Outcome outcome;
    outcome.raw = done.value("code", static_cast<int>(SEED_INTERNAL));
    outcome.code = code_from_int(outcome.raw);
    outcome.text = done.value("text", "");
    outcome.retry_after_ms = done.value("retry_after_ms", int64_t{0});
    outcome.replies = std::move(items_);
    if (auto body = done.find("body"); body != done.end()) outcome.replies.push_back(body->dump());
    outcome.took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
    return outcome;
}

void HostProcess::close() {
    socket_.reset();
    auto status = process_.wait(patience_at_the_end);
    require(status.has_value(), "the host does not end when the core is gone: close() hangs");
    require(status->ok(), "the host ended with " + status->to_string() + " when the core was gone: " + said());
    std::string report = report_in(read_file(output_));
    require(report.empty(), "a sanitizer reports: " + report);
}

}  // namespace seed::conformance
