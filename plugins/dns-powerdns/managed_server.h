// A pdns_server of our own with SQLite, in one folder.
//
// It outlives this process, so that names are answered while seedd or the plugin host restarts.  How it is found again: its
// control socket lies in the folder, and whoever listens there is it (SO_PEERCRED); that needs no file that could be stale.
// A watcher thread starts it again when it dies.  Thread-safe.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include <seed/util/fd.h>

#include "plugins/dns-powerdns/settings.h"

namespace seed::powerdns {

class ManagedServer {
public:
    // `log` is called from the watcher thread too.
    ManagedServer(std::filesystem::path folder, const Settings &settings, std::function<void(const std::string &)> log);
    ~ManagedServer();  // stops the server unless settings.keep

    void ensure_running();    // throws Failure(unavailable) with the end of its log
    std::string url() const;  // of its API
    std::string api_key() const { return api_key_; }
    std::string dns_address() const;  // "127.0.0.1:PORT"
    pid_t pid() const;                // 0: not running

private:
    bool is_running() const;
    bool adopt();
    void start();
    void stop();
    void choose_ports();
    std::string configuration() const;
    void make_database() const;
    bool answers() const;
    void watch();

    std::filesystem::path folder_;
    Settings settings_;
    std::function<void(const std::string &)> log_;
    std::string api_key_;
    mutable std::mutex mutex_;  // guards what follows
    uint16_t dns_port_ = 0, api_port_ = 0;
    pid_t pid_ = 0;
    UniqueFd pidfd_;          // of the running server
    UniqueFd stop_watching_;  // eventfd
    std::thread watcher_;
};

}  // namespace seed::powerdns
