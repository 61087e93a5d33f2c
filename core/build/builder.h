// What the deployer asks of a build: source in, evaluated instances, store paths and closure images out.
//
// An interface, so that the simulation (tests/simulation) can answer in virtual time; NixBuilder (nix_builder.h) is the one of the
// platform.  All on the core's thread; work of one namespace is serialised, different namespaces run side by side.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/base/async.h"

namespace seed::build {

struct Source {
    std::string ns;
    std::string tree;       // git tree id: same tree, same source
    std::string directory;  // where the box sees it; it lies in the namespace's store image, not on the host
};
struct Image {
    std::string key;   // sha256 hex of the namespace and the closure's sorted store paths
    std::string path;  // KEY.erofs
};

class Builder {
public:
    virtual ~Builder() = default;

    // Unpacks the tar stream that `produce` writes into its descriptor (ours to close), inside the box.  Checks flake.nix and
    // flake.lock, and fetches the inputs that this namespace has not fetched yet.  A tree that is there already is not asked for
    // again.
    virtual Task<Source> unpack(const Call &call, std::string ns, std::string tree, std::function<Task<void>(int write_fd)> produce) = 0;
    // What the flake exports, in one evaluation: {"seeds": {"NAME": {"meta":…, "drvPath":…, "outPath":…}}} and, when it has them,
    // "domains" (its combine.domains), "ipv4" and "ipv6", as it wrote them.
    virtual Task<nlohmann::json> evaluate(const Call &call, const Source &source) = 0;
    // `nix build` of these derivations; progress lines through the call.  Makes the GC root GENERATION-INSTANCE of each;
    // a generation is [0-9a-z]+.
    // Failure carries Nix's failing line and the last lines of the builder's log.
    virtual Task<void> build(const Call &call, const Source &source, std::map<std::string, std::string> drv_by_instance,
                             std::string generation) = 0;
    virtual Task<Image> image(const Call &call, const std::string &ns, std::string out_path) = 0;  // cached by content
    virtual bool has_image(const std::string &key) const = 0;                                      // its file is there
    // Drops GC roots of other generations than these, then collects the store; and unpacked sources but `trees`.
    virtual Task<void> collect(const Call &call, const std::string &ns, std::vector<std::string> keep_generations,
                               std::vector<std::string> keep_trees) = 0;
    // Something was unpacked, evaluated or built since the last collection that succeeded (also by a seedd before us).
    virtual bool needs_collecting(const std::string &) const { return false; }
    // Image files that are none of these keys are deleted.
    virtual void remove_images_except(const std::vector<std::string> &keys) = 0;
};

}  // namespace seed::build
