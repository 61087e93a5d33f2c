// Makes what is there equal to what one flake wants: observe, plan (core/model), carry out, observe again.
//
// Every action is idempotent and journalled before and after, so a crash at any point is repaired by converging again.  Actions of
// different instances run side by side; those of one instance in the plan's order.
#pragma once
#include <map>
#include <string>

#include "core/deploy/world.h"
#include "core/model/planner.h"

#include <seed/runtime.hpp>

namespace seed::deploy {

// An instance of the new desired state that did not get ready.
class NotReady : public Failure {
public:
    NotReady(Code code, const std::string &text, std::string instance, std::string handle)
        : Failure(code, text), instance(std::move(instance)), handle(std::move(handle)) {}
    std::string instance, handle;   // handle: of the boot whose log says more
};

class Converger {
public:
    Converger(World &world, std::string repository, std::string ns);

    // Throws the first failure after all other instances were given their chance.  Returns the number of actions done.
    Task<size_t> converge(const Call &call, std::map<std::string, model::InstanceSpec> instances);
    // What converge() would do now.  Failure(invalid) when it cannot be; `new_wishes`: also when a volume would have to shrink, which a
    // rollback may ask for (the volume then stays as it is).
    Task<std::vector<model::Action>> plan(const Call &call, const std::map<std::string, model::InstanceSpec> &instances, bool new_wishes = false);

    // Newer work waits: whoever waits for a boot to get ready stops waiting, and no further action begins.  What is under way ends by
    // itself, so that two boots of one instance never meet.  converge() then throws Failure(cancelled).
    void interrupt(std::string why);

    // Loopback ports of the host that lead to instances, as the runtime told at the last publication.
    const std::vector<runtime::Forward> &forwards() const { return forwards_; }
    // What became of the flake's public routes at the last publication.
    const std::vector<runtime::RouteReport> &routes() const { return route_reports_; }
    // Perhaps it is not as we sent it last (the runtime was started again, say): the next converging sends it again, as a whole.
    void doubt_publication() { publication_known_ = false; }
    // The same when it cannot be trusted for ever (it cannot be asked for, and that was minutes ago), or when a route was refused and might
    // be had by now.
    void doubt_old_publication();

private:
    struct Progress;
    model::Desired desired(const std::map<std::string, model::InstanceSpec> &instances) const;
    Task<model::Observed> observe(const Call &call, const std::map<std::string, model::InstanceSpec> &instances);
    Task<void> carry_out(const Call &call, const model::Desired &want, std::vector<model::Action> actions);
    Task<void> chain(const Call &call, const model::Desired &want, std::vector<model::Action> actions, std::shared_ptr<Progress> progress);
    Task<void> act(const Call &call, const model::Desired &want, const model::Action &action, std::string &started);
    Task<std::string> start(const Call &call, const model::Desired &want, std::string instance);
    Task<void> await_ready(const Call &call, std::string instance, std::string handle);
    runtime::Service service(const model::Desired &want, const std::string &instance, const std::string &handle) const;
    std::map<std::string, runtime::Service> services_of(const model::Desired &want, const model::Observed &seen) const;
    Task<void> send_publication(const Call &call);
    void tell_routes(const runtime::PublishRequest &request, std::vector<runtime::RouteReport> reports);

    World &world_;
    std::string repository_, ns_;
    std::map<std::string, runtime::Service> services_;   // what was published, by instance
    std::map<std::string, runtime::Service> awaited_;    // what will be: published without a boot when another one is
    bool publication_known_ = false;
    std::string sent_;                    // the request that the runtime took last, while the publication is known
    Call::Clock::time_point sent_at_{};
    std::vector<runtime::Forward> forwards_;
    std::vector<runtime::RouteReport> route_reports_;
    std::map<std::string, Call> waits_;   // by boot handle: who waits until it is ready
    std::string interrupted_;             // why; empty: it goes on
    std::shared_ptr<Event> publishing_;   // set when nobody is sending; each sends the whole, so they must not overtake each other
};

}  // namespace seed::deploy
