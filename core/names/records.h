// The records the platform wants in its zone and in those of its tenants' own domains, written in batches.
//
// The first change is flushed at once; changes that come within 50 ms of a flush wait for it and go together, one apply and one
// remove per batch in the platform's zone.  A provider that hangs over one namespace's names keeps nobody else's waiting: the next batch
// begins two seconds later at most, and whoever was late goes by himself until he is in time again.  A tenant's own zone is made before its
// first record; nobody else writes to it, so it is written after the platform's, each by itself.  Foreign records (another owner mark, or
// none) are never touched.  One Asio context; no threads.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/async.h"
#include "core/model/planner.h"
#include "core/names/own_zones.h"
#include "core/providers/provider.h"

namespace seed::names {

class Records {
public:
    // `zone` with final dot; `owner` is our mark, "seed:PLATFORM".
    // `own_zones`: null: remembered in memory only.
    Records(asio::any_io_executor executor, std::shared_ptr<providers::Provider> dns, std::string zone, std::string owner,
            std::shared_ptr<OwnZones> own_zones = nullptr);
    ~Records();

    // Makes the records of a namespace exactly these (below NS.DOMAIN, or in the zone they name); returns when they are written.  Throws Failure.
    // `ns` with a final dot is one of the platform's own names, absolute and in the zone: its records become these.
    Task<void> set(const Call &call, std::string ns, std::vector<model::Record> records);
    // Ours, as the provider has them now: by namespace, sorted.
    Task<std::map<std::string, std::vector<model::Record>>> observe(const Call &call);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace seed::names
