// What the providers hold, looked at once for all who ask at the same time.
//
// Every flake compares what it wants with what is there.  A thousand flakes that heal together share two looks instead of making a
// thousand, each of which would carry everybody's machines; so do fifty people who ask for the status of theirs.  A look always begins
// after the question: nobody gets an old answer.  All on the core's thread.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <seed/runtime.hpp>
#include <seed/storage.hpp>

#include "core/names/records.h"
#include "core/providers/provider.h"

namespace seed::deploy {

struct View {
    std::map<std::string, std::vector<runtime::Boot>> boots;       // by namespace
    std::map<std::string, std::vector<storage::Volume>> volumes;   // by namespace
    std::map<std::string, std::vector<model::Record>> records;     // ours, by namespace
    std::set<std::string> images;                                  // keys the runtime holds
};

class Lookout {
public:
    // `records` outlives this.
    Lookout(asio::any_io_executor executor, std::shared_ptr<providers::Provider> runtime, std::shared_ptr<providers::Provider> storage,
            names::Records &records);

    // Throws what the providers threw; timeout when the call ends first (the look goes on for the others).
    Task<std::shared_ptr<const View>> look(const Call &call);

    // The same with boots and volumes alone: what people are shown does not depend on the DNS provider.
    Task<std::shared_ptr<const View>> look_at_machines(const Call &call);

private:
    struct State;
    std::shared_ptr<State> state_, machines_;
};

}  // namespace seed::deploy
