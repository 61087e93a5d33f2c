// One open provider: a plugin loaded in a seed-plugin-host process (default) or inside this process (isolation: inline).
//
// Used from one Asio context.  Calls may overlap; those that are not streams are queued unless the provider is concurrent.
// A host that dies ends every call in flight with Failure(unavailable) and is started again with backoff at the next call.
// A call that overruns its deadline is cancelled, given two seconds of grace, then ends with Failure(timeout) here; the host is
// restarted once its other calls have drained.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/base/async.h"
#include "core/providers/grants.h"
#include "core/providers/secrets.h"

namespace seed::providers {

using json = nlohmann::json;

enum class Isolation { process, inline_ };

struct ProviderSettings {
    std::string kind;    // runtime, dns, git, storage, registrar, acme
    std::string plugin;  // id: "dns-powerdns"
    std::string path;    // absolute path of the .so
    json config = json::object();
    std::string state_directory;  // made for it, 0700, owned by `uid` when we are root
    Isolation isolation = Isolation::process;
    bool privileged = false;  // keeps root (only runtimes); otherwise runs as `uid` when we are root
    unsigned uid = 0;
    std::string platform;     // its id: names the control groups of unprivileged hosts; empty: they have none
    std::vector<std::string> read_paths;  // for the cage of an unprivileged host, beside what `grants` says
    // Set by open_provider from the manifest beside the plugin; null and empty when there is none.
    json manifest;
    Grants grants;
};

struct CallOptions {
    // Not an aggregate: g++ 12 copies an aggregate temporary bitwise when it is an argument of a coroutine that is awaited.
    CallOptions() {}

    std::string request_id;                                                            // empty: the call's id
    std::vector<int> descriptors;                                                      // borrowed until the call returns
    std::function<void(const json &item, std::vector<UniqueFd> descriptors)> on_item;  // streams
    bool stream = false;                                                               // does not queue behind others
};

class Provider {
public:
    virtual ~Provider() = default;
    // The reply's body ({} when there is none; the last item for streams).  Throws Failure.
    virtual Task<json> call(const Call &call, std::string slot, json request, CallOptions options = {}) = 0;
    virtual const ProviderSettings &settings() const = 0;
    virtual json describe() const = 0;  // id, version, contract, slots, restarts, pid
    virtual void shut_down() = 0;       // ends the host; calls in flight end with unavailable
    // Takes up the plugin's file as it is on disk now.  The new host is loaded and its configuration checked while the old one serves; only
    // then the old one's calls finish (streams end with unavailable), and calls that come meanwhile wait.  When this throws, the provider
    // works as before: with the file it had, of which a descriptor is kept.  `call` bounds the waiting of the caller alone.
    virtual Task<void> restart(const Call &call);
    virtual const Secrets &secrets() const;  // of its configuration

    // Typed: one request and one reply struct of seed/<kind>.hpp.
    template <typename Reply, typename Request>
    Task<Reply> ask(const Call &call, std::string slot, Request request, CallOptions options = {}) {
        json reply = co_await this->call(call, std::move(slot), json(request), std::move(options));
        co_return reply.get<Reply>();
    }
};

// Starts the host and opens the provider.  Throws Failure naming plugin, reason and remedy (bad configuration: Code::invalid).
Task<std::shared_ptr<Provider>> open_provider(asio::any_io_executor executor, ProviderSettings settings, const Call &call);

// Finds PLUGIN in `directories` (absolute): PLUGIN.so or PLUGIN/PLUGIN.so; refuses files writable by others.
std::string find_plugin(const std::vector<std::string> &directories, const std::string &plugin);

}  // namespace seed::providers
