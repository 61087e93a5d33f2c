// Which zones beside the platform's own are served for whom: the durable list of what tenants' domains were made here.
//
// A zone is in it from before its first record until after its last one, so that what a flake no longer wants is found and removed also
// after a restart.  Blocking, on the core's thread.
#pragma once
#include <map>
#include <string>

#include "core/state/store.h"

namespace seed::names {

class OwnZones {
public:
    // Null: only in memory, for tests.
    explicit OwnZones(state::Store *store = nullptr);

    const std::map<std::string, std::string> &all() const { return zones_; }   // zone, with final dot, to namespace
    void put(const std::string &zone, const std::string &ns);
    void remove(const std::string &zone);

private:
    void save();
    state::Store *store_;
    std::map<std::string, std::string> zones_;
};

}  // namespace seed::names
