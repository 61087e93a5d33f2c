#include "core/guest/helper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/guest/machine.h"

namespace seed::guest {
namespace {

constexpr int fast_ms = 25, slow_ms = 2000;  // between two looks at the ports: before and after the machine is ready
constexpr int owner_patience_ms = 60000, etc_patience_ms = 10000, etc_settle_ms = 1000;

int64_t now_ms() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

std::string read_table(const char *path) {
    std::string result;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return result;
    char bytes[8192];
    for (ssize_t size; result.size() < (4u << 20) && (size = read(fd, bytes, sizeof bytes)) > 0;)
        result.append(bytes, static_cast<size_t>(size));
    close(fd);
    return result;
}

class Helper {
public:
    Helper(const Configuration &configuration, Channel &channel) : configuration_(configuration), channel_(channel) {
        for (const Volume &volume : configuration.volumes) waiting_owner_.push_back(&volume);
    }
    [[noreturn]] void run() {
        started_ = now_ms();
        channel_.say_started();
        for (;;) {
            look_at_ports();
            give_owners();
            look_at_volumes();
            complete();
            bool hurry = !ready_ || !waiting_owner_.empty();
            int pause = stop_at_ ? 50 : hurry ? (now_ms() - started_ < 10000 ? fast_ms : 200) : slow_ms;
            if (!etc_done_ && pause > 200) pause = 200;
            if (auto line = channel_.receive(pause)) obey(*line);
            if (stop_at_ && now_ms() >= stop_at_) power_off();
        }
    }

private:
    void look_at_ports() {
        Listeners tcp, udp;
        bool exposes_tcp = false, exposes_udp = false;
        for (const Expose &one : configuration_.expose) exposes_tcp = exposes_tcp || one.tcp, exposes_udp = exposes_udp || one.udp;
        if (exposes_tcp) {
            add_listeners(read_table("/proc/net/tcp6"), true, /*udp=*/false, tcp);
            add_listeners(read_table("/proc/net/tcp"), false, /*udp=*/false, tcp);
        }
        if (exposes_udp) {
            add_listeners(read_table("/proc/net/udp6"), true, /*udp=*/true, udp);
            add_listeners(read_table("/proc/net/udp"), false, /*udp=*/true, udp);
        }
        Readiness now = judge(configuration_.expose, tcp, udp);
        // A server opens its sockets one after the other: "IPv4 only" must be seen twice in a row.
        bool settled = (now.ipv4_only.empty() && now.ipv4_only_udp.empty()) || now == last_;
        if (now.ready && settled && (!ready_ || now != told_)) {
            ready_ = true;
            told_ = now;
            channel_.say_ready(now);
        } else if (!now.ready && !ready_ && !told_waiting_ && now_ms() - started_ > 10000) {
            told_waiting_ = true;
            channel_.say_waiting(now);
        }
        last_ = now;
    }
    void look_at_volumes() {
        if (configuration_.volumes.empty() || now_ms() < next_look_) return;
        next_look_ = now_ms() + slow_ms;
        std::vector<std::string> full, damaged;
        for (const Volume &volume : configuration_.volumes) {
            bool was_full = std::find(full_.begin(), full_.end(), volume.mount_point) != full_.end();
            VolumeHealth health = look_at_volume(volume, was_full);
            if (health.full) full.push_back(volume.mount_point);
            if (health.damaged) damaged.push_back(volume.mount_point);
        }
        if (full == full_ && damaged == damaged_) return;
        full_ = full;
        damaged_ = damaged;
        channel_.say_volumes(full, damaged);
    }
    void give_owners() {
        std::erase_if(waiting_owner_, [](const Volume *volume) { return apply_owner(*volume); });
        if (waiting_owner_.empty() || now_ms() - started_ < owner_patience_ms) return;
        for (const Volume *volume : waiting_owner_)
            channel_.say_note("the volume at " + volume->mount_point + " stays with root: there is no user '" + volume->user +
                              "' or no group '" + volume->group + "' in this guest");
        waiting_owner_.clear();
    }
    // A closure that brings an /etc does so in its first moments; one that has none gets ours.
    void complete() {
        if (etc_done_) return;
        if (!etc_seen_ && closure_made_etc()) etc_seen_ = now_ms();
        if (etc_seen_ ? now_ms() - etc_seen_ < etc_settle_ms : now_ms() - started_ < etc_patience_ms) return;
        complete_etc(configuration_);
        etc_done_ = true;
    }
    void obey(const std::string &line) {
        if (line.rfind("stop ", 0) != 0) return;
        long grace = strtol(line.c_str() + 5, nullptr, 10);
        if (grace < 0 || grace > 3600000) grace = 5000;
        if (!stop_at_) {
            bool systemd = access("/run/systemd/system", F_OK) == 0;
            kill(1, systemd ? SIGRTMIN + 4 : SIGTERM);  // systemd: poweroff.target
        }
        stop_at_ = now_ms() + grace + 1;
    }

    const Configuration &configuration_;
    Channel &channel_;
    std::vector<const Volume *> waiting_owner_;
    std::vector<std::string> full_, damaged_;  // what was told of the volumes
    int64_t next_look_ = 0;
    Readiness told_;
    Readiness last_;
    int64_t started_ = 0, etc_seen_ = 0, stop_at_ = 0;
    bool ready_ = false, told_waiting_ = false, etc_done_ = false;
};

}  // namespace

void run_helper(const Configuration &configuration, Channel &channel, int executed) {
    setsid();
    for (int number : {SIGTERM, SIGHUP, SIGINT, SIGPIPE}) signal(number, SIG_IGN);
    int error = 0;
    if (read(executed, &error, sizeof error) == sizeof error) {
        channel.say_failed("cannot execute " + configuration.init + ": " + strerror(error));
        power_off();
    }
    close(executed);
    Helper(configuration, channel).run();
}

}  // namespace seed::guest
