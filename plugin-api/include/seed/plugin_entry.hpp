// The last line of a C++ plugin.  Exactly one file of a plugin includes this and says one of:
//
//   SEED_RUNTIME_PLUGIN(Class, "runtime-qemu", "0.1.0", "QEMU microVMs", config_schema)
//   SEED_DNS_PLUGIN, SEED_GIT_PLUGIN, SEED_STORAGE_PLUGIN, SEED_REGISTRAR_PLUGIN, SEED_ACME_PLUGIN: the same
//
// Class derives from the Provider of that contract (seed/plugin.hpp) and has the constructor
// (const seed::plugin::Host &, const seed::json &config); the Host lives as long as the object.  A sixth argument `true` says
// SEED_CONCURRENT: calls that are not streams may then overlap too.  The slots a contract marks optional stay NULL.
#pragma once
#include <seed/plugin.hpp>

namespace seed::plugin::entry {

// What `self` points to: a member order that ends the provider before its Host.
template <typename Provider>
struct Instance {
    Host host;
    std::unique_ptr<Provider> provider;
};

// Called in a catch block; tells the host and returns the code.
seed_code report_exception(const seed_host *host, const seed_call *call) noexcept;

// The optional slots are NULL.  Each is defined in a file of its own in plugin-api/wrapper.
extern const seed_runtime_v0 runtime_operations;
extern const seed_dns_v0 dns_operations;
extern const seed_git_v0 git_operations;
extern const seed_storage_v0 storage_operations;
extern const seed_registrar_v0 registrar_operations;
extern const seed_acme_v0 acme_operations;

json settings_from(std::string_view config);  // Failure(invalid) unless it is an object; nothing counts as {}

template <typename Provider, typename Class>
std::unique_ptr<Provider> make(const Host &host, const json &settings) try {
    return std::make_unique<Class>(host, settings);
} catch (const json::exception &error) {  // a member of another type than the schema says
    throw Failure(Code::invalid, std::string("configuration: ") + error.what());
}

template <typename Provider, typename Class>
seed_code open(const seed_host *host, const seed_call *call, seed_text config, void **self) noexcept {
    try {
        auto instance = std::make_unique<Instance<Provider>>(Instance<Provider>{Host(host), nullptr});
        instance->provider = make<Provider, Class>(instance->host, settings_from({config.data, config.size}));
        *self = instance.release();
        return SEED_OK;
    } catch (...) {
        return report_exception(host, call);
    }
}

template <typename Provider>
void close(void *self) noexcept {
    delete static_cast<Instance<Provider> *>(self);
}

constexpr uint32_t flags(bool concurrent = false) {
    return concurrent ? SEED_CONCURRENT : 0;
}

}  // namespace seed::plugin::entry

#define SEED_PLUGIN_ENTRY(Provider, kind, Class, id_, version_, summary_, schema_, ...) \
    extern "C" SEED_EXPORT const seed_provider *seed_plugin_v1(uint32_t index) {        \
        static const seed_provider provider = {                                         \
            .size = sizeof(seed_provider),                                              \
            .id = id_,                                                                  \
            .contract = "seed." #kind "/0",                                             \
            .version = version_,                                                        \
            .summary = summary_,                                                        \
            .config_schema = schema_,                                                   \
            .flags = seed::plugin::entry::flags(__VA_ARGS__),                           \
            .open = seed::plugin::entry::open<seed::plugin::Provider, Class>,           \
            .close = seed::plugin::entry::close<seed::plugin::Provider>,                \
            .ops = &seed::plugin::entry::kind##_operations,                             \
            .extension = nullptr,                                                       \
        };                                                                              \
        return index == 0 ? &provider : nullptr;                                        \
    }

#define SEED_RUNTIME_PLUGIN(Class, id, version, summary, schema, ...) \
    SEED_PLUGIN_ENTRY(RuntimeProvider, runtime, Class, id, version, summary, schema, __VA_ARGS__)
#define SEED_DNS_PLUGIN(Class, id, version, summary, schema, ...) \
    SEED_PLUGIN_ENTRY(DnsProvider, dns, Class, id, version, summary, schema, __VA_ARGS__)
#define SEED_GIT_PLUGIN(Class, id, version, summary, schema, ...) \
    SEED_PLUGIN_ENTRY(GitProvider, git, Class, id, version, summary, schema, __VA_ARGS__)
#define SEED_STORAGE_PLUGIN(Class, id, version, summary, schema, ...) \
    SEED_PLUGIN_ENTRY(StorageProvider, storage, Class, id, version, summary, schema, __VA_ARGS__)
#define SEED_REGISTRAR_PLUGIN(Class, id, version, summary, schema, ...) \
    SEED_PLUGIN_ENTRY(RegistrarProvider, registrar, Class, id, version, summary, schema, __VA_ARGS__)
#define SEED_ACME_PLUGIN(Class, id, version, summary, schema, ...) \
    SEED_PLUGIN_ENTRY(AcmeProvider, acme, Class, id, version, summary, schema, __VA_ARGS__)
