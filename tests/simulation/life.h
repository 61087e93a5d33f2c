// One life of seedd: its rooms on a context of their own, from start to a kill at any await.
#pragma once
#include <memory>

#include "core/deploy/deployer.h"
#include "tests/simulation/sandbox_builder.h"

namespace seed::simulation {

class Life {
public:
    Life(VirtualTime &time, Chance &chance, Outside &outside, const Faults &faults, state::Store &store);
    ~Life();  // the kill: whatever waits is destroyed where it stands

    asio::io_context &context() { return *context_; }
    deploy::Deployer &deployer() { return *deployer_; }
    ProviderSet &providers() { return providers_; }
    bool taken_up() const { return taken_up_; }  // the front listens
    bool ended() const { return ended_; }        // it could not start

private:
    Task<void> start();
    bool is_wanted_as_it_is(const runtime::Boot &boot);

    std::unique_ptr<asio::io_context> context_;
    VirtualTime &time_;
    Outside &outside_;
    state::Store &store_;
    ProviderSet providers_;
    SandboxBuilder builder_;
    names::Records records_;
    std::unique_ptr<deploy::Deployer> deployer_;
    bool taken_up_ = false, ended_ = false;
};

}  // namespace seed::simulation
