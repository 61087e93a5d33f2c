#include "plugins/dns-powerdns/managed_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <memory>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/frame.h>
#include <seed/util/process.h>
#include <seed/util/text.h>

#include "plugins/dns-powerdns/http_client.h"

namespace seed::powerdns {
namespace fs = std::filesystem;
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr const char *program = "/usr/sbin/pdns_server";
constexpr const char *schema_file = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";
constexpr auto start_patience = seconds(30), adopt_patience = seconds(8);

bool is_ipv6(const std::string &address) {
    return address.find(':') != address.npos;
}

// 0: any port.  The number that was bound, or 0 when it is taken.
uint16_t bind_port(const std::string &address, int type, uint16_t port, UniqueFd &kept) {
    sockaddr_storage storage{};
    socklen_t size = is_ipv6(address) ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    if (is_ipv6(address)) {
        auto *in6 = reinterpret_cast<sockaddr_in6 *>(&storage);
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        inet_pton(AF_INET6, address.c_str(), &in6->sin6_addr);
    } else {
        auto *in4 = reinterpret_cast<sockaddr_in *>(&storage);
        in4->sin_family = AF_INET;
        in4->sin_port = htons(port);
        inet_pton(AF_INET, address.c_str(), &in4->sin_addr);
    }
    kept.reset(socket(storage.ss_family, type | SOCK_CLOEXEC, 0));
    int yes = 1;  // as the server does: its own connections in TIME_WAIT must not look like somebody else's port
    if (type == SOCK_STREAM) setsockopt(kept.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (!kept || bind(kept.get(), reinterpret_cast<sockaddr *>(&storage), size) != 0) return 0;
    if (getsockname(kept.get(), reinterpret_cast<sockaddr *>(&storage), &size) != 0) return 0;
    return ntohs(is_ipv6(address) ? reinterpret_cast<sockaddr_in6 *>(&storage)->sin6_port
                                  : reinterpret_cast<sockaddr_in *>(&storage)->sin_port);
}

bool is_free(const std::string &address, uint16_t port) {
    UniqueFd tcp, udp;
    return port != 0 && bind_port(address, SOCK_STREAM, port, tcp) == port && bind_port(address, SOCK_DGRAM, port, udp) == port;
}

uint16_t free_port(const std::string &address) {
    for (int attempt = 0; attempt < 100; ++attempt) {
        UniqueFd tcp, udp;
        uint16_t port = bind_port(address, SOCK_STREAM, 0, tcp);
        if (port != 0 && bind_port(address, SOCK_DGRAM, port, udp) == port) return port;
    }
    throw Failure(Code::unavailable, "no free port was found on " + address + ": is it an address of this host?");
}

bool has_ended(int pidfd, milliseconds patience) {
    pollfd set{pidfd, POLLIN, 0};
    return poll(&set, 1, static_cast<int>(patience.count())) > 0;
}

}  // namespace

ManagedServer::ManagedServer(fs::path folder, const Settings &settings, std::function<void(const std::string &)> log)
    : folder_(std::move(folder)), settings_(settings), log_(std::move(log)) {
    make_directory(folder_, 0700);
    for (const char *needed : {program, schema_file})
        if (access(needed, R_OK) != 0)
            throw Failure(Code::invalid,
                          "dns-powerdns: " + std::string(needed) + " is missing: install pdns-server and pdns-backend-sqlite3");
    if (auto kept = read_file_if_exists(folder_ / "api-key", 4096)) api_key_ = trim(*kept);
    if (api_key_.size() < 32) {
        api_key_ = random_hex(24);
        write_file_atomically(folder_ / "api-key", api_key_ + "\n", 0600);
    }
    if (auto kept = read_file_if_exists(folder_ / "ports", 4096)) {
        auto parts = split(trim(*kept), ' ');
        if (parts.size() == 2)
            for (auto [text, port] : {std::pair{&parts[0], &dns_port_}, std::pair{&parts[1], &api_port_}})
                std::from_chars(text->data(), text->data() + text->size(), *port);
    }
    if (settings_.dns_port != 0) dns_port_ = settings_.dns_port;
    stop_watching_.reset(eventfd(0, EFD_CLOEXEC));
    if (!stop_watching_) fail_errno("making an eventfd");
    watcher_ = std::thread([this] { watch(); });
}

ManagedServer::~ManagedServer() {
    uint64_t one = 1;
    [[maybe_unused]] ssize_t written = write(stop_watching_.get(), &one, sizeof one);
    watcher_.join();
    if (settings_.keep) return;
    try {
        stop();
    } catch (const std::exception &error) {
        log_(std::string("ignoring: pdns_server was not stopped: ") + error.what());
    }
}

std::string ManagedServer::url() const {
    std::lock_guard lock(mutex_);
    return "http://127.0.0.1:" + std::to_string(api_port_);
}

std::string ManagedServer::dns_address() const {
    std::lock_guard lock(mutex_);
    std::string address = is_ipv6(settings_.listen) ? "[" + settings_.listen + "]" : settings_.listen;
    return address + ":" + std::to_string(dns_port_);
}

pid_t ManagedServer::pid() const {
    std::lock_guard lock(mutex_);
    return is_running() ? pid_ : 0;
}

bool ManagedServer::is_running() const {
    return pidfd_ && !has_ended(pidfd_.get(), milliseconds(0));
}

void ManagedServer::ensure_running() {
    std::lock_guard lock(mutex_);
    if (is_running()) return;
    if (adopt()) return;
    start();
}

// The server that listens on our control socket, if there is one.
bool ManagedServer::adopt() {
    pidfd_.reset();
    pid_ = 0;
    UniqueFd control;
    try {
        control = connect_unix((folder_ / "pdns.controlsocket").string());
    } catch (const Failure &) {
        return false;  // nobody listens
    }
    pid_t pid = peer_credentials(control.get()).pid;
    pidfd_.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd_) return false;  // it went meanwhile
    pid_ = pid;
    // Another configuration (port, address, an older version of ours) is not adopted.
    bool same = read_file_if_exists(folder_ / "pdns.conf") == configuration();
    for (auto deadline = Clock::now() + adopt_patience; same && Clock::now() < deadline && is_running();) {
        if (answers()) {
            log_("pdns_server " + std::to_string(pid) + " still runs from before and is used again");
            return true;
        }
        has_ended(pidfd_.get(), milliseconds(100));
    }
    log_("pdns_server " + std::to_string(pid) + " runs from before but " + (same ? "does not answer" : "with other settings") +
         "; it is replaced");
    stop();
    return false;
}

bool ManagedServer::answers() const {
    try {
        std::string url = "http://127.0.0.1:" + std::to_string(api_port_) + "/api/v1/servers/localhost";
        return http_request("GET", url, api_key_, "", {seconds(2), nullptr}).status == 200;
    } catch (const Failure &) {
        return false;
    }
}

void ManagedServer::choose_ports() {
    if (settings_.dns_port == 0 && !is_free(settings_.listen, dns_port_)) dns_port_ = free_port(settings_.listen);
    if (!is_free("127.0.0.1", api_port_) || api_port_ == dns_port_) api_port_ = free_port("127.0.0.1");
    write_file_atomically(folder_ / "ports", std::to_string(dns_port_) + " " + std::to_string(api_port_) + "\n", 0600);
}

std::string ManagedServer::configuration() const {
    std::string folder = folder_.string();
    return "launch=gsqlite3\ngsqlite3-database=" + folder +
           "/pdns.sqlite3\ngsqlite3-pragma-journal-mode=WAL\n"
           "gsqlite3-pragma-synchronous=1\nsocket-dir=" +
           folder + "\nlocal-address=" + settings_.listen + "\nlocal-port=" + std::to_string(dns_port_) +
           "\nsetuid=\nsetgid=\ndaemon=no\nguardian=no\napi=yes\napi-key=" + api_key_ +
           "\nwebserver=yes\nwebserver-address=127.0.0.1\nwebserver-port=" + std::to_string(api_port_) +
           "\nwebserver-allow-from=127.0.0.0/8\nwebserver-loglevel=none\n"
           "default-soa-content=ns1.@ hostmaster.@ 0 10800 3600 604800 60\nsecurity-poll-suffix=\nversion-string=anonymous\n"
           "loglevel=4\nlog-dns-queries=no\n"
           // A name asked before its zone existed must not stay refused.
           "cache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\nzone-cache-refresh-interval=0\ndefault-api-rectify=yes\n";
}

// Made beside its place and renamed: a crash leaves no half schema behind.
void ManagedServer::make_database() const {
    fs::path final = folder_ / "pdns.sqlite3", fresh = folder_ / "pdns.sqlite3.new";
    if (fs::exists(final)) return;
    fs::remove(fresh);
    sqlite3 *opened = nullptr;
    int outcome = sqlite3_open(fresh.c_str(), &opened);
    std::unique_ptr<sqlite3, decltype(&sqlite3_close)> database(opened, sqlite3_close);
    if (outcome == SQLITE_OK) outcome = sqlite3_exec(database.get(), read_file(schema_file).c_str(), nullptr, nullptr, nullptr);
    if (outcome != SQLITE_OK)
        throw Failure(Code::internal,
                      "making " + fresh.string() + ": " + (opened ? sqlite3_errmsg(opened) : sqlite3_errstr(outcome)));
    database.reset();
    fs::permissions(fresh, fs::perms::owner_read | fs::perms::owner_write);
    fs::rename(fresh, final);
}

void ManagedServer::start() {
    choose_ports();
    write_file_atomically(folder_ / "pdns.conf", configuration(), 0600);
    make_database();
    std::error_code ignored;
    fs::remove(folder_ / "pdns.controlsocket", ignored);
    SpawnOptions options;
    options.arguments = {program, "--config-dir=" + folder_.string()};
    options.environment = {"PATH=/usr/sbin:/usr/bin", "LC_ALL=C"};
    options.directory = folder_;
    UniqueFd log_file = open_file(folder_ / "pdns.log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    options.descriptors = {{log_file.get(), 1}, {log_file.get(), 2}};
    options.outlive_parent = true;
    options.die_with_parent = false;
    Cage cage;
    cage.write = {folder_};
    cage.open_files = 4096;
    if (geteuid() == 0) {  // only when the provider runs inside seedd
        cage.uid = uids::pdns;
        for (const auto &entry : fs::directory_iterator(folder_)) change_owner(entry.path(), uids::pdns, uids::pdns);
        change_owner(folder_, uids::pdns, uids::pdns);
    }
    options.cage = cage;
    Process process = Process::spawn(options);
    pid_ = process.pid();
    pidfd_.reset(fcntl(process.pidfd(), F_DUPFD_CLOEXEC, 3));
    process.release();
    auto deadline = Clock::now() + start_patience;
    while (Clock::now() < deadline && is_running()) {
        if (answers()) {
            log_("pdns_server " + std::to_string(pid_) + " answers on port " + std::to_string(dns_port_));
            return;
        }
        has_ended(pidfd_.get(), milliseconds(30));
    }
    bool ended = !is_running();
    if (!ended) stop();
    pidfd_.reset();
    std::string said = read_file_if_exists(folder_ / "pdns.log").value_or("");
    if (said.size() > 600) said = said.substr(said.size() - 600);
    throw Failure(Code::unavailable,
                  "pdns_server " + std::string(ended ? "ended" : "did not answer within 30 s") + ": " +
                      std::string(trim(printable(said, 600))),
                  1000);
}

void ManagedServer::stop() {
    if (!is_running()) return;
    for (int signal : {SIGTERM, SIGKILL}) {
        if (syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) != 0) {
            if (errno == ESRCH) break;
            // Landlock keeps us from signalling a server that an earlier plugin host started: ask it through its own socket.
            try {
                UniqueFd control = connect_unix((folder_ / "pdns.controlsocket").string());
                write_all(control.get(), "QUIT\n");
            } catch (const Failure &) {
            }
        }
        if (has_ended(pidfd_.get(), seconds(5))) break;
    }
    if (is_running()) throw Failure(Code::unavailable, "pdns_server " + std::to_string(pid_) + " does not end");
    pidfd_.reset();
    pid_ = 0;
}

void ManagedServer::watch() {
    auto pause = milliseconds(100);  // grows while starting fails
    for (;;) {
        UniqueFd running;
        try {
            ensure_running();
            std::lock_guard lock(mutex_);
            if (pidfd_) running = pidfd_.duplicate();
            pause = milliseconds(100);
        } catch (const std::exception &error) {
            log_(error.what());
            pause = std::min(pause * 2, milliseconds(30'000));
        }
        pollfd set[2] = {{stop_watching_.get(), POLLIN, 0}, {running.get(), POLLIN, 0}};
        poll(set, 2, running ? -1 : static_cast<int>(pause.count()));
        if (set[0].revents) return;
        if (running && set[1].revents) log_("pdns_server ended; it is started again");
    }
}

}  // namespace seed::powerdns
