// The log of an instance: the rings of its boots, and what is kept of boots that were destroyed.
#pragma once
#include <deque>
#include <filesystem>
#include <map>
#include <memory>

#include <seed/plugin.hpp>

#include "plugins/support/vm/machines.h"
#include "plugins/support/vm/log_ring.h"

namespace seed::vm {

class Logs {
public:
    Logs(std::filesystem::path folder, const Machines &machines) : folder_(std::move(folder)), machines_(machines) {}
    // Keeps what a boot wrote, at most 4 MiB for an instance: the oldest boots go first.
    void keep(const Machine &machine) const;
    void stream(plugin::Call &call, const runtime::LogsRequest &request) const;

private:
    std::filesystem::path folder_;  // one folder for each instance, in it STARTED-BOOTID.log
    const Machines &machines_;
};

std::string boot_id(const std::string &handle);  // "b1" of "ns/web/b1"

}  // namespace seed::vm
