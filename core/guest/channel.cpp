#include "core/guest/channel.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include <cerrno>
#include <cstring>

#include "core/guest/text.h"

namespace seed::guest {
namespace {

constexpr std::string_view port_name = "org.seed.ctl";

int64_t now_ms() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// The index of a port differs between machines: only the name in /sys is sure.
int open_port() {
    DIR *folder = opendir("/sys/class/virtio-ports");
    if (!folder) return -1;
    int result = -1;
    while (dirent *entry = readdir(folder)) {
        if (entry->d_name[0] == '.') continue;
        char name[64] = {};
        int fd = ::open((std::string("/sys/class/virtio-ports/") + entry->d_name + "/name").c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0) continue;
        ssize_t size = read(fd, name, sizeof name - 1);
        close(fd);
        while (size > 0 && name[size - 1] == '\n') name[--size] = 0;
        if (size != static_cast<ssize_t>(port_name.size()) || port_name != name) continue;
        result = ::open((std::string("/dev/") + entry->d_name).c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
        break;
    }
    closedir(folder);
    return result;
}

// A stream to the host; -1 as long as the device is not there or the host does not answer.
int connect_to_host(unsigned port) {
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    sockaddr_vm host{};
    host.svm_family = AF_VSOCK;
    host.svm_cid = VMADDR_CID_HOST;
    host.svm_port = port;
    timeval patience{5, 0};
    setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &patience, sizeof patience);
    if (connect(fd, reinterpret_cast<sockaddr *>(&host), sizeof host) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0) return fd;
    close(fd);
    return -1;
}

// Of the running kernel; 0: none is named.
unsigned vsock_port() {
    char line[4097] = {};
    int fd = ::open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t size = read(fd, line, sizeof line - 1);
    close(fd);
    return size > 0 ? vsock_port_in({line, static_cast<size_t>(size)}) : 0;
}

std::string port_list(const std::vector<uint16_t> &ports) {
    std::string result = "[";
    for (uint16_t port : ports) result += (result.size() > 1 ? "," : "") + std::to_string(port);
    return result + "]";
}

}  // namespace

bool Channel::open() {
    unsigned port = vsock_port();
    int64_t end = now_ms() + 10000;
    while (fd_ < 0 && now_ms() < end) {
        fd_ = port ? connect_to_host(port) : open_port();
        if (fd_ < 0) usleep(10000);
    }
    return fd_ >= 0;
}

void Channel::send(std::string_view object) {
    std::string line = std::string(object) + "\n";
    std::string_view rest = line;
    for (int64_t end = now_ms() + 10000; !rest.empty() && now_ms() < end;) {
        ssize_t written = write(fd_, rest.data(), rest.size());
        if (written > 0) {
            rest.remove_prefix(static_cast<size_t>(written));
            continue;
        }
        pollfd wanted{fd_, POLLOUT, 0};
        poll(&wanted, 1, 100);
    }
}

std::optional<std::string> Channel::receive(int patience_ms) {
    for (int64_t end = now_ms() + patience_ms;;) {
        size_t newline = buffer_.find('\n');
        if (newline != std::string::npos) {
            std::string line = buffer_.substr(0, newline);
            buffer_.erase(0, newline + 1);
            return line;
        }
        if (buffer_.size() > configuration_limit) buffer_.clear();
        int64_t left = end - now_ms();
        pollfd wanted{fd_, POLLIN, 0};
        int ready = poll(&wanted, 1, left > 0 ? static_cast<int>(left) : 0);
        if (ready > 0) {
            char bytes[4096];
            ssize_t size = read(fd_, bytes, sizeof bytes);
            if (size > 0) {
                buffer_.append(bytes, static_cast<size_t>(size));
                continue;
            }
            if (size == 0 || (wanted.revents & POLLHUP)) usleep(50000);  // nobody at the other end: reads return at once
        }
        if (now_ms() >= end) return std::nullopt;
    }
}

void Channel::say_hello() {
    send("{\"event\":\"hello\",\"version\":1}");
}
void Channel::say_started() {
    send("{\"event\":\"started\"}");
}
void Channel::say_ready(const Readiness &readiness) {
    send("{\"event\":\"ready\",\"ipv4_only\":" + port_list(readiness.ipv4_only) +
         ",\"ipv4_only_udp\":" + port_list(readiness.ipv4_only_udp) + "}");
}
void Channel::say_waiting(const Readiness &readiness) {
    send("{\"event\":\"waiting\",\"ports\":" + port_list(readiness.missing) + "}");
}
void Channel::say_volumes(const std::vector<std::string> &full, const std::vector<std::string> &damaged) {
    auto list = [](const std::vector<std::string> &paths) {
        std::string result = "[";
        for (const std::string &path : paths) result += (result.size() > 1 ? "," : "") + json_string(path);
        return result + "]";
    };
    send("{\"event\":\"volumes\",\"full\":" + list(full) + ",\"damaged\":" + list(damaged) + "}");
}
void Channel::say_note(std::string_view text) {
    send("{\"event\":\"note\",\"text\":" + json_string(text) + "}");
}
void Channel::say_failed(std::string_view reason) {
    send("{\"event\":\"failed\",\"reason\":" + json_string(reason) + "}");
}

}  // namespace seed::guest
