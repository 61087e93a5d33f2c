// static.*: what can be seen without asking the provider anything.
#include <dlfcn.h>
#include <link.h>

#include <filesystem>
#include <regex>

#include <seed/util/file.h>
#include <seed/util/text.h>
#include <seed/codec.hpp>

#include "core/conformance/driver.h"
#include "core/providers/manifest.h"
#include "core/providers/schema.h"

namespace seed::conformance {

namespace {

void symbols(const Subject &subject) {
    try {
        providers::check_plugin_symbols(subject.path);
    } catch (const Failure &failure) {
        fail(failure.what());
    }
}

void file(const Subject &subject) {
    try {
        providers::check_plugin_file(subject.path);
    } catch (const Failure &failure) {
        fail(failure.what());
    }
}

void loads(const Subject &subject) {
    auto begin = std::chrono::steady_clock::now();
    void *library = dlopen(subject.path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) fail(std::string("cannot be loaded: ") + dlerror() + ": link with -Wl,-z,defs to see it when building");
    auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
    if (took > 500ms) warn("loading took " + std::to_string(took.count()) + " ms: constructors do work that belongs in open()");
}

void runpath(const Subject &subject) {
    void *library = dlopen(subject.path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) fail("cannot be loaded");
    link_map *map = nullptr;
    dlinfo(library, RTLD_DI_LINKMAP, &map);
    const char *strings = nullptr;
    for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; ++entry) {
        if (entry->d_tag == DT_STRTAB) strings = reinterpret_cast<const char *>(entry->d_un.d_ptr);
    }
    std::string folder = std::filesystem::path(subject.path).parent_path();
    for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; ++entry) {
        if (entry->d_tag != DT_RUNPATH && entry->d_tag != DT_RPATH) continue;
        for (const std::string &path : split(strings + entry->d_un.d_val, ':')) {
            bool fine = path.rfind("$ORIGIN", 0) == 0 || path.rfind("/nix/store/", 0) == 0 || path.rfind("/usr/lib", 0) == 0 || path == folder;
            require(fine, "looks for libraries in '" + path + "': whoever can write there runs code in the plugin; link without -rpath, or "
                          "with $ORIGIN");
        }
    }
}

void descriptor(const Subject &subject) {
    Plugin plugin(subject);
    const seed_provider &provider = plugin.provider();
    auto text = [](const char *value, const char *what) {
        require(value && *value, std::string("the descriptor has no ") + what);
        std::string checked = value;
        require(json(checked).dump(-1, ' ', false, json::error_handler_t::ignore) == json(checked).dump(-1, ' ', false, json::error_handler_t::replace),
                std::string(what) + " is not UTF-8");
        require(checked.find('\n') == std::string::npos, std::string(what) + " has more than one line");
        return checked;
    };
    std::string id = text(provider.id, "id"), version = text(provider.version, "version"), summary = text(provider.summary, "summary");
    require(std::regex_match(id, std::regex("[a-z][a-z0-9]*(-[a-z0-9]+)*")), "id '" + id + "': use lower-case words joined by '-'");
    require(std::regex_match(version, std::regex("[0-9]+\\.[0-9]+\\.[0-9]+([-+].*)?")), "version '" + version + "' is not like 1.2.3");
    require(summary.size() <= 100, "the summary is longer than 100 characters");
    require((provider.flags & ~uint32_t{SEED_CONCURRENT}) == 0, "flags " + std::to_string(provider.flags) + " has bits abi.h does not name");
    Plugin again(subject);
    require(&again.provider() == &provider, "seed_plugin_v1() gave another pointer for the same index");
}

void slots(const Subject &subject) {
    Plugin plugin(subject);
    std::string missing;
    for (const auto &slot : plugin.contract().slots) {
        if (!slot.optional && !plugin.operation(std::string(slot.name))) missing += (missing.empty() ? "" : ", ") + std::string(slot.name);
    }
    require(missing.empty(), plugin.contract().id() + " demands " + missing + ", which the provider leaves NULL: return SEED_UNSUPPORTED "
                             "from an operation instead");
}

// Names of members that hold secrets nearly always.
bool sounds_secret(const std::string &name) {
    static const std::regex words("(^|_)(password|passphrase|secret|token|api_?key|credential)s?($|_)", std::regex::icase);
    return std::regex_search(name, words) && name.find("file") == std::string::npos;
}

void schema(const Subject &subject) {
    Plugin plugin(subject);
    const char *text = plugin.provider().config_schema;
    if (!text || !*text) skip("has no config_schema: any configuration is accepted");
    json schema;
    try {
        schema = parse_json(text, "config_schema");
        providers::Schema compiled(schema);
        require(!compiled.mistake(subject.config), "the given configuration does not fit: " + compiled.mistake(subject.config).value_or(""));
    } catch (const Failure &failure) {
        fail(failure.what());
    }
    require(schema.is_object() && schema.value("type", "") == "object", "config_schema must have \"type\": \"object\"");
    require(schema.contains("additionalProperties") && schema["additionalProperties"] == false,
            "config_schema allows unknown members: a misspelt key would be ignored; add \"additionalProperties\": false");
    const json members = schema.value("properties", json::object());
    for (const auto &[name, member] : members.items()) {
        require(!sounds_secret(name) || member.value("x-seed-secret", false),
                "'" + name + "' sounds like a secret and is not marked \"x-seed-secret\": true, so logs would show it");
    }
    std::string bare;
    for (const auto &[name, member] : members.items()) {
        if (!member.contains("description")) bare += (bare.empty() ? "" : ", ") + name;
    }
    if (!bare.empty()) warn("members without a description: " + bare);
}

void manifest(const Subject &subject) {
    auto stored = providers::read_manifest(subject.path);
    if (!stored) skip("there is no " + providers::manifest_path(subject.path) + "; seed_add_plugin() makes it");
    json now = providers::make_manifest(subject.path);
    for (const auto &[member, value] : now.items()) {
        require(stored->contains(member) && (*stored)[member] == value, providers::manifest_path(subject.path) + " differs in '" + member +
                                                                            "' from what the plugin says: make it again with --manifest");
    }
}

}  // namespace

std::vector<Check> static_checks() {
    return {
        {"static.file", "a regular file that only its owner can write, like the folders above it", file},
        {"static.symbols", "exactly one exported symbol, seed_plugin_v1", symbols},
        {"static.loads", "loads with all symbols resolved, quickly", loads},
        {"static.runpath", "no library is looked for where others can write", runpath},
        {"static.descriptor", "id, version, summary and flags are in order, and the same each time", descriptor},
        {"static.slots", "every mandatory slot of the contract is there", slots},
        {"static.schema", "config_schema is a closed JSON Schema that marks its secrets", schema},
        {"static.manifest", "the manifest beside the plugin says what the plugin says", manifest},
    };
}

}  // namespace seed::conformance
