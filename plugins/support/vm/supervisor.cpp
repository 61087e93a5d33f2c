#include "plugins/support/vm/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include <seed/util/file.h>
#include <seed/util/frame.h>
#include <seed/util/replace_file.h>
#include <seed/util/text.h>

namespace seed::vm {
namespace {

constexpr int64_t kill_after_grace_ms = 1500;  // the guest powers itself off at the end of the grace
constexpr int64_t space_pause_ms = 2000;       // between two tries to go on after the host's disk was full
constexpr int64_t console_batch_ms = 3;        // a serial port sends single bytes: let some gather

int64_t now_ms() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Bytes that are there now; empty at the end of the stream or when there are none (then `open` tells).
std::string read_some(UniqueFd &fd, size_t limit = 65536) {
    std::string bytes(limit, '\0');
    ssize_t size = read(fd.get(), bytes.data(), bytes.size());
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) fd.reset();
    bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return bytes;
}

std::string port_names(const std::vector<uint16_t> &ports) {
    std::string text = ports.size() == 1 ? "port " : "ports ";
    for (size_t n = 0; n < ports.size() && n < 16; ++n) text += (n ? ", " : "") + std::to_string(ports[n]);
    return text;
}

}  // namespace

Supervisor::Supervisor(const VmSpec &spec, Hypervisor &hypervisor, Started started, UniqueFd listener)
    : spec_(spec),
      hypervisor_(hypervisor),
      process_(std::move(started.process)),
      channels_(std::move(started.channels)),
      listener_(std::move(listener)) {
    for (UniqueFd *fd : {&channels_.console, &channels_.control, &channels_.monitor, &channels_.complaints})
        if (*fd) set_nonblocking(fd->get(), true);
    state_.reason = "the machine is booting";
    save();
    if (!spec_.call.empty()) log_.write(unix_ms_now(), "seed: started by " + spec_.call);
}

void Supervisor::run() {
    for (bool ended = false; !ended;) {
        int64_t now = now_ms();
        console_allowance_.pass_time(now);
        control_allowance_.pass_time(now);
        check_deadlines(now);
        bool console = channels_.console && now >= console_pause_until_ && !console_allowance_.exhausted();
        bool control = channels_.control && !control_allowance_.exhausted();
        int patience = channels_.console && now < console_pause_until_ ? static_cast<int>(console_pause_until_ - now) : 1000;
        if (console_allowance_.exhausted() || control_allowance_.exhausted()) patience = std::min(patience, 50);
        if (kill_at_ms_) patience = static_cast<int>(std::clamp<int64_t>(kill_at_ms_ - now, 0, patience));
        auto want = [](const UniqueFd &fd, bool wanted, short events) { return pollfd{wanted ? fd.get() : -1, events, 0}; };
        pollfd waits[] = {want(channels_.console, console, POLLIN),
                          want(channels_.control, control || !control_out_.empty(),
                               static_cast<short>((control ? POLLIN : 0) | (control_out_.empty() ? 0 : POLLOUT))),
                          want(channels_.monitor, bool(channels_.monitor), POLLIN),
                          want(channels_.complaints, bool(channels_.complaints), POLLIN),
                          want(listener_, true, POLLIN),
                          {process_.pidfd(), POLLIN, 0},
                          want(channels_.control_listener, bool(channels_.control_listener), POLLIN)};
        if (poll(waits, std::size(waits), patience) < 0 && errno != EINTR) fail_errno("waiting for the virtual machine");
        now = now_ms();
        if (waits[0].revents) read_console(now);
        if (waits[1].revents & (POLLIN | POLLHUP | POLLERR)) read_control(now);
        if (waits[1].revents & POLLOUT) flush_control();
        if (waits[2].revents) read_monitor();
        if (waits[3].revents) read_complaints();
        if (waits[4].revents)
            if (UniqueFd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)); socket) serve(std::move(socket));
        ended = waits[5].revents != 0;
        if (waits[6].revents) accept_control();
    }
    ExitStatus status = process_.wait();
    for (int n = 0; n < 64 && channels_.console; ++n) read_console(now_ms());  // what is left in the pipe, at most 4 MiB
    for (int n = 0; n < 16 && channels_.control; ++n) read_control(now_ms());
    for (int n = 0; n < 16 && channels_.monitor; ++n) read_monitor();
    for (int n = 0; n < 16 && channels_.complaints; ++n) read_complaints();
    if (!console_lines_.pending().empty()) log_.write(unix_ms_now(), console_lines_.pending());
    state_.state = "exited";
    state_.remarks.clear();
    state_.reason = exit_reason(status);
    log_.write(unix_ms_now(), "seed: " + state_.reason);
    save();
    unlink(socket_file);
}

void Supervisor::read_console(int64_t now) {
    std::string bytes = read_some(channels_.console);
    console_allowance_.take(bytes.size());
    console_pause_until_ = now + console_batch_ms;
    int64_t time = unix_ms_now();
    console_lines_.add(bytes, [&](std::string_view line, bool) {
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (size_t panic = line.find("Kernel panic - not syncing: "); panic != std::string_view::npos)
            panic_ = printable(line.substr(panic + 28), 160);
        log_.write(time, line);
    });
}

void Supervisor::read_control(int64_t) {
    std::string bytes = read_some(channels_.control, 16384);
    control_allowance_.take(bytes.size());
    control_lines_.add(bytes, [&](std::string_view line, bool whole) {
        bool part = control_overlong_;
        control_overlong_ = !whole;
        if (!whole || part) {
            if (whole) ++state_.garbage;
            return;
        }
        if (auto event = parse_guest_line(line))
            take_guest_event(*event);
        else
            ++state_.garbage;
    });
}

void Supervisor::take_guest_event(const GuestEvent &event) {
    using Kind = GuestEvent::Kind;
    switch (event.kind) {
        case Kind::hello:
            if (configured_) return;  // once: the answer is long, and a guest may not make us repeat it
            configured_ = true;
            control_out_ += encode_configuration(spec_, unix_ms_now());
            flush_control();
            return;
        case Kind::started:
            helper_runs_ = true;
            if (state_.state != "starting" || state_.reason == "init runs") return;
            state_.reason = "init runs";
            return save();
        case Kind::waiting:
            if (state_.state == "ready" || event.ports.empty()) return;
            if (std::string reason = "nothing listens yet on " + port_names(event.ports); reason != state_.reason) {
                state_.reason = reason;
                save();
            }
            return;
        case Kind::ready:
            if (state_.state == "ready" && state_.ipv4_only == event.ports && state_.ipv4_only_udp == event.udp_ports) return;
            state_.state = "ready";
            state_.reason.clear();
            if (!state_.ready_ms) state_.ready_ms = unix_ms_now();
            state_.ipv4_only = event.ports;
            state_.ipv4_only_udp = event.udp_ports;
            return save();
        case Kind::volumes:
            return take_volumes(event);
        case Kind::note:
            return log_.write(unix_ms_now(), "seed: " + event.text);
        case Kind::failed:
            guest_reason_ = event.text;
            return;
        case Kind::unknown:
            return;
    }
}

void Supervisor::flush_control() {
    while (!control_out_.empty() && channels_.control) {
        ssize_t sent = send(channels_.control.get(), control_out_.data(), control_out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent <= 0) return;
        control_out_.erase(0, static_cast<size_t>(sent));
    }
    if (!channels_.control) control_out_.clear();
}

// seed-guest connects before anything of the closure runs.  Whoever comes later is a stranger, and finds nobody.
void Supervisor::accept_control() {
    channels_.control = UniqueFd(accept4(channels_.control_listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (channels_.control) channels_.control_listener.reset();
}

void Supervisor::read_monitor() {
    for (const MonitorEvent &event : hypervisor_.read_monitor(read_some(channels_.monitor))) take_monitor_event(event);
}

void Supervisor::say_to_monitor(std::string_view words) {
    if (!words.empty() && send(channels_.monitor.get(), words.data(), words.size(), MSG_NOSIGNAL) < 0)
        kill(hypervisor_.name() + " does not listen to its monitor");
}

void Supervisor::take_monitor_event(const MonitorEvent &event) {
    using Kind = MonitorEvent::Kind;
    switch (event.kind) {
        case Kind::greeting:
            return say_to_monitor(hypervisor_.greeting());
        case Kind::powered_off:
        case Kind::reset:
            if (!end_) end_ = event.kind;
            return;
        case Kind::restarting:
            if (!end_) end_ = Kind::reset;
            return process_.signal(SIGKILL);
        case Kind::out_of_space:
            return pause_for_space(now_ms());
        case Kind::resumed:
            if (out_of_space_) resumed_ms_ = now_ms();
            return;
        case Kind::halted:
            if (!out_of_space_) kill("the processor emulation stopped with an internal error");  // it would stay for ever
            return;
    }
}

// The guest names mount points; only those that it was given count.
void Supervisor::take_volumes(const GuestEvent &event) {
    auto names = [this](const std::vector<std::string> &mount_points) {
        std::vector<std::string> found;
        for (const runtime::Volume &volume : spec_.boot.volumes)
            if (std::find(mount_points.begin(), mount_points.end(), volume.mount_point) != mount_points.end())
                found.push_back(volume.name + " (at " + volume.mount_point + ")");
        return found;
    };
    full_ = names(event.full);
    damaged_ = names(event.damaged);
    refresh_remarks();
}

void Supervisor::pause_for_space(int64_t now) {
    next_try_ms_ = now + space_pause_ms;
    resumed_ms_ = 0;
    if (out_of_space_) return;
    out_of_space_ = true;
    refresh_remarks();
}

void Supervisor::refresh_remarks() {
    std::vector<std::string> remarks;
    if (out_of_space_)
        remarks.push_back("it is halted in the middle of a write, because the host's disk that holds its volumes is full; it goes on by "
                          "itself when there is space");
    for (const std::string &volume : full_)
        remarks.push_back("the volume " + volume + " is full: remove something in it, or give it a larger size in seed.storage");
    for (const std::string &volume : damaged_)
        remarks.push_back("the file system of the volume " + volume + " reports errors: restore it from a backup, or repair it from within");
    if (remarks == state_.remarks) return;
    for (const std::string &remark : remarks)
        if (std::find(state_.remarks.begin(), state_.remarks.end(), remark) == state_.remarks.end()) log_.write(unix_ms_now(), "seed: " + remark);
    state_.remarks = std::move(remarks);
    save();
}

void Supervisor::read_complaints() {
    complaint_lines_.add(read_some(channels_.complaints, 4096), [&](std::string_view line, bool) {
        last_complaint_ = printable(line, 300);
        log_.write(unix_ms_now(), hypervisor_.name() + ": " + last_complaint_);
    });
}

void Supervisor::check_deadlines(int64_t now) {
    if (kill_at_ms_ && now >= kill_at_ms_) kill(stop_asked_ ? "stopped (it did not end by itself in time)" : "stopped");
    if (out_of_space_ && resumed_ms_ && now - resumed_ms_ > space_pause_ms) {   // and nothing failed since
        out_of_space_ = false;
        refresh_remarks();
    } else if (out_of_space_ && !resumed_ms_ && now >= next_try_ms_) {
        next_try_ms_ = now + space_pause_ms;
        say_to_monitor(hypervisor_.go_on());
    }
}

void Supervisor::serve(UniqueFd socket) {
    // Only root and the machine's own uid can connect.  One request, answered at once; a silent client costs 1 s of attention.
    nlohmann::json answer{{"id", nullptr}};
    try {
        auto frame = receive_frame(socket.get(), std::chrono::seconds(1), 65536);
        if (!frame) return;
        auto request = parse_json(frame->body, "request");
        answer["id"] = request.value("id", nlohmann::json());
        std::string op = request.value("op", "");
        if (op == "stop") {
            runtime::StopRequest stop;
            codec::read_member(request.value("args", nlohmann::json::object()), "grace_ms", stop.grace_ms);
            ask_to_stop(stop.grace_ms);
            answer["ok"] = nlohmann::json::object();
        } else if (op == "status") {
            answer["ok"] = state_;
        } else {
            answer["error"] = {{"code", "unsupported"}, {"text", "only stop and status are known"}};
        }
        send_frame(socket.get(), answer.dump());
    } catch (const std::exception &) {  // a broken client is no reason to end
    }
}

void Supervisor::ask_to_stop(uint32_t grace_ms) {
    int64_t now = now_ms();
    bool polite = helper_runs_ && grace_ms > 0;
    if (polite && !stop_asked_) {
        control_out_ += "stop " + std::to_string(grace_ms) + "\n";
        flush_control();
    }
    stop_asked_ = stop_asked_ || polite;
    int64_t at = polite ? now + std::min<int64_t>(grace_ms, 3600000) + kill_after_grace_ms : now;
    if (!kill_at_ms_ || at < kill_at_ms_) kill_at_ms_ = at;
}

void Supervisor::kill(const std::string &reason) {
    if (kill_reason_.empty()) kill_reason_ = reason;
    process_.signal(SIGKILL);
    kill_at_ms_ = 0;
}

std::string Supervisor::exit_reason(const ExitStatus &status) const {
    if (!kill_reason_.empty()) return kill_reason_;
    if (stop_asked_ || kill_at_ms_) return "stopped";
    if (!guest_reason_.empty()) return "the guest could not start: " + guest_reason_;
    if (!panic_.empty()) return "the guest's kernel gave up: " + panic_;
    if (end_ == MonitorEvent::Kind::powered_off) return "the guest switched itself off";
    if (end_ == MonitorEvent::Kind::reset) return "the guest restarted itself";
    std::string text = hypervisor_.name() + " ended: " + status.to_string();
    if (!last_complaint_.empty()) text += ": " + last_complaint_;
    return text;
}

void Supervisor::save() {
    try {
        replace_file(state_file, to_json_text(state_), 0600);
    } catch (const Failure &error) {  // a full disk: the state that counts (running or not) is told by the lock
        log_.write(unix_ms_now(), std::string("seed: ") + error.what());
    }
}

}  // namespace seed::vm
