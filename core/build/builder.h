// Nix, confined: source in, evaluated instances, store paths and closure images out.  One private Nix store per namespace.
//
// Each step is a `seed-nix-box` process: its own user, mount, pid, ipc and network namespace (root: uids 600000+, a size-limited
// file system as /nix; otherwise a chroot store), cgroup limits, a SIGKILL deadline, capped output.  Work of one namespace is
// serialised; different namespaces run side by side (at most `parallel`).
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/base/async.h"

namespace seed::build {

struct BuilderSettings {
    std::string state_directory;  // DIR/build: NAMESPACE/ below it
    std::string image_directory;  // DIR/images: KEY.erofs, world-readable
    std::string platform;         // names our cgroups
    uint64_t evaluation_memory = 2ull << 30;
    uint64_t build_memory = 4ull << 30;
    uint64_t store_bytes = 8ull << 30;     // per namespace (root only)
    uint64_t source_bytes = 256ull << 20;  // unpacked tree
    size_t output_limit = 4u << 20;        // of `nix eval`
    std::chrono::seconds evaluation_deadline{60};
    std::chrono::seconds build_deadline{600};
    unsigned parallel = 2;
    // Flake inputs that a flake.lock may name: "TYPE", or "TYPE:PREFIX" as in "github:NixOS/nixpkgs"; "path" is never allowed.
    std::vector<std::string> allowed_inputs;
    std::string box_program;  // empty: seed-nix-box beside the running program
};

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
    Builder(asio::any_io_executor executor, BuilderSettings settings);
    ~Builder();

    // Unpacks the tar stream that `produce` writes into its descriptor (ours to close), inside the box.  Checks flake.nix and
    // flake.lock.  A tree that is there already is not asked for again.
    Task<Source> unpack(const Call &call, std::string ns, std::string tree, std::function<Task<void>(int write_fd)> produce);
    // `nix eval` of everything the flake exports: {"NAME": {"meta":…, "drvPath":…, "outPath":…}}.
    Task<nlohmann::json> evaluate(const Call &call, const Source &source);
    // `nix build` of these derivations; progress lines through the call.  Makes the GC root GENERATION-INSTANCE of each;
    // a generation is [0-9a-z]+.
    // Failure carries Nix's failing line and the last lines of the builder's log.
    Task<void> build(const Call &call, const Source &source, std::map<std::string, std::string> drv_by_instance,
                     std::string generation);
    Task<Image> image(const Call &call, const std::string &ns, std::string out_path);  // cached by content
    bool has_image(const std::string &key) const;                                      // its file is there
    // Drops GC roots of other generations than these, then collects the store; and unpacked sources but `trees`.
    Task<void> collect(const Call &call, const std::string &ns, std::vector<std::string> keep_generations,
                       std::vector<std::string> keep_trees);
    // Image files in image_directory that are none of these keys are deleted.
    void remove_images_except(const std::vector<std::string> &keys);
    // What protects less here than it should, in sentences for the operator ("no disk limit: no loop device").
    std::vector<std::string> remarks() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace seed::build
