// Nix, confined: the platform's builder.  One private Nix store per namespace.
//
// Each step is a `seed-nix-box` process: its own user, mount, pid, ipc and network namespace (root: uids 600000+, a size-limited
// file system as /nix; otherwise a chroot store), cgroup limits, a SIGKILL deadline, capped output.  At most `parallel` at once.
#pragma once
#include <chrono>
#include <memory>

#include "core/build/builder.h"
#include "core/build/turns.h"

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
    // Flake inputs that a flake.lock may name (InputRules::allowed); "path" is never allowed.
    std::vector<std::string> allowed_inputs;
    std::vector<std::string> fetch_hosts;  // "HOST:PORT": where listed inputs may redirect to; "public" needs none
    // Where a host is ("HOST" or "HOST:PORT" to "ADDRESS:PORT") instead of asking DNS: mirrors of the operator's, also private ones.
    std::map<std::string, std::string> addresses;
    std::string certificates = "/etc/ssl/certs/ca-certificates.crt";  // CA certificates, PEM
    uint64_t fetch_bytes = 1ull << 30;                                // download of one input
    std::chrono::seconds fetch_deadline{300};                         // of one input
    // Git inputs of this host are repositories of the platform: platform_source writes the tree of a revision as a tar stream.
    std::string platform_host;
    std::function<Task<void>(Call call, std::string repository, std::string revision, int write_fd)> platform_source;
    // Binary caches for the builds of flakes that have inputs from the network: https URL to public key ("NAME:BASE64").
    std::map<std::string, std::string> substituters;
    bool fixed_outputs = false;  // their builders may reach public hosts, too (all others: never)
    // Whose a namespace is and how much of its owner's runs at once; null: each namespace for itself.
    std::function<Share(const std::string &ns)> share;
    // For one namespace, never more than evaluation_deadline; null: evaluation_deadline.
    std::function<std::chrono::seconds(const std::string &ns)> evaluation_time;
    std::string box_program;    // empty: seed-nix-box beside the running program
    std::string proxy_program;  // the same: seed-fetch-proxy
};

class NixBuilder : public Builder {
public:
    NixBuilder(asio::any_io_executor executor, BuilderSettings settings);
    ~NixBuilder() override;

    Task<Source> unpack(const Call &call, std::string ns, std::string tree, std::function<Task<void>(int write_fd)> produce) override;
    Task<nlohmann::json> evaluate(const Call &call, const Source &source) override;
    Task<void> build(const Call &call, const Source &source, std::map<std::string, std::string> drv_by_instance,
                     std::string generation) override;
    Task<Image> image(const Call &call, const std::string &ns, std::string out_path) override;
    bool has_image(const std::string &key) const override;
    Task<void> collect(const Call &call, const std::string &ns, std::vector<std::string> keep_generations,
                       std::vector<std::string> keep_trees) override;
    bool needs_collecting(const std::string &ns) const override;
    void remove_images_except(const std::vector<std::string> &keys) override;
    // What protects less here than it should, in sentences for the operator ("no disk limit: no loop device").
    std::vector<std::string> remarks() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace seed::build
