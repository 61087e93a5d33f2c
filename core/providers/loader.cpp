#include "core/providers/loader.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/dll/shared_library.hpp>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>

#include <seed/util/failure.h>
#include <seed/util/file.h>

namespace seed::providers {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string &path, const std::string &reason, Code code = Code::invalid) {
    throw Failure(code, "plugin " + path + " " + reason);
}

struct stat status_of(const fs::path &path, const std::string &plugin) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) {
        int error = errno;
        if (error == ENOENT) refuse(plugin, "does not exist: install it or correct the path", Code::not_found);
        refuse(plugin, std::string("cannot be read: ") + std::strerror(error), Code::denied);
    }
    return status;
}

// Who may own what we load: root, ourselves, and whoever owns the running program, who could change us anyway.
bool trusted_owner(uid_t uid) {
    if (uid == 0 || uid == geteuid()) return true;
    struct stat self {};
    return stat("/proc/self/exe", &self) == 0 && self.st_uid == uid;
}

bool writable_by_strangers(const struct stat &status) {
    if (status.st_mode & S_IWOTH) return true;
    return (status.st_mode & S_IWGRP) && status.st_gid != 0 && status.st_gid != getegid();
}

// The names in .dynsym that are defined here and visible outside.  Bounds are checked: a damaged file is an error, not a crash.
class ElfFile {
public:
    ElfFile(const std::string &path, std::string bytes) : path_(path), bytes_(std::move(bytes)) {}

    std::vector<std::string> exported() const {
        auto header = at<Elf64_Ehdr>(0);
        if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64) {
            refuse(path_, "is not a 64-bit shared object: give the path of the built .so");
        }
        std::vector<std::string> names;
        for (unsigned i = 0; i < header.e_shnum; ++i) {
            auto section = at<Elf64_Shdr>(header.e_shoff + size_t{i} * header.e_shentsize);
            if (section.sh_type != SHT_DYNSYM) continue;
            auto strings = at<Elf64_Shdr>(header.e_shoff + size_t{section.sh_link} * header.e_shentsize);
            for (size_t offset = 0; offset + sizeof(Elf64_Sym) <= section.sh_size; offset += sizeof(Elf64_Sym)) {
                auto symbol = at<Elf64_Sym>(section.sh_offset + offset);
                auto binding = ELF64_ST_BIND(symbol.st_info);
                auto visibility = ELF64_ST_VISIBILITY(symbol.st_other);
                if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_ABS || binding == STB_LOCAL) continue;
                if (visibility == STV_HIDDEN || visibility == STV_INTERNAL) continue;
                names.push_back(text(strings.sh_offset + symbol.st_name));
            }
        }
        return names;
    }

private:
    template <typename T>
    T at(size_t offset) const {
        if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) refuse(path_, "is damaged: build or install it again");
        T value;
        std::memcpy(&value, bytes_.data() + offset, sizeof value);
        return value;
    }
    std::string text(size_t offset) const {
        auto end = offset < bytes_.size() ? bytes_.find('\0', offset) : std::string::npos;
        if (end == std::string::npos) refuse(path_, "is damaged: build or install it again");
        return bytes_.substr(offset, end - offset);
    }
    const std::string &path_;
    std::string bytes_;
};

// Loaded libraries by path, for ever: a plugin is never unloaded.
boost::dll::shared_library load_once(const std::string &path) {
    static std::mutex lock;
    static auto &loaded = *new std::map<std::string, boost::dll::shared_library>;
    std::lock_guard guard(lock);
    auto found = loaded.find(path);
    if (found == loaded.end()) {
        try {
            using boost::dll::load_mode::rtld_local;
            using boost::dll::load_mode::rtld_now;
            found = loaded.emplace(path, boost::dll::shared_library(path, rtld_now | rtld_local)).first;
        } catch (const std::exception &error) {
            refuse(path, std::string("cannot be loaded: ") + error.what());
        }
    }
    return found->second;
}

std::string text_of(const char *text) {
    return text ? text : "";
}

}  // namespace

void check_plugin_file(const std::string &path) {
    fs::path file(path);
    if (!file.is_absolute()) refuse(path, "must be named by an absolute path");
    struct stat status = status_of(file, path);
    if (!S_ISREG(status.st_mode)) refuse(path, "is not a regular file");
    if (!trusted_owner(status.st_uid)) {
        refuse(path, "belongs to user " + std::to_string(status.st_uid) + ": it must belong to root or to the user Seed runs as",
               Code::denied);
    }
    if (writable_by_strangers(status)) refuse(path, "can be written by others: chmod go-w " + path, Code::denied);
    // Where the real file lies: a link is judged by what it leads to.
    fs::path folder = fs::canonical(file).parent_path();
    for (;; folder = folder.parent_path()) {
        struct stat above = status_of(folder, path);
        bool sticky = above.st_mode & S_ISVTX;  // /tmp: others cannot rename what is not theirs
        if (!sticky && writable_by_strangers(above)) {
            refuse(path, "lies in " + folder.string() + ", which others can write to: chmod go-w " + folder.string(),
                   Code::denied);
        }
        if (folder == folder.root_path()) break;
    }
}

void check_plugin_symbols(const std::string &path) {
    auto names = ElfFile(path, read_file(path, 256u << 20)).exported();
    const std::string wanted = "seed_plugin_v" + std::to_string(abi_revision);
    std::string other_revision, extra;
    bool found = false;
    for (const auto &name : names) {
        if (name == wanted)
            found = true;
        else if (name.rfind("seed_plugin_v", 0) == 0)
            other_revision = name.substr(13);
        else
            extra = name;
    }
    if (!found && !other_revision.empty()) {
        refuse(path, "speaks plugin ABI v" + other_revision + ", this Seed " SEED_VERSION " speaks v" +
                         std::to_string(abi_revision) + ": install a plugin built for it");
    }
    if (!found) refuse(path, "exports no " + wanted + ": it is not a Seed plugin");
    if (!extra.empty()) {
        refuse(path, "exports " + std::to_string(names.size()) + " symbols, such as " + extra + ", and may export " + wanted +
                         " only: build it with seed_add_plugin()");
    }
}

std::vector<const seed_provider *> list_providers(const std::string &path) {
    check_plugin_file(path);
    check_plugin_symbols(path);
    auto library = load_once(path);
    auto entry = library.get<const seed_provider *(uint32_t)>("seed_plugin_v" + std::to_string(abi_revision));
    std::vector<const seed_provider *> offered;
    while (offered.size() < 64) {
        auto index = static_cast<uint32_t>(offered.size());
        const seed_provider *provider = entry(index);
        if (!provider) break;
        if (!SEED_KNOWS(provider, ops) || !provider->open || !provider->close || !provider->ops) {
            refuse(path, "has an incomplete descriptor at index " + std::to_string(index) + ": a bug of the plugin");
        }
        offered.push_back(provider);
    }
    return offered;
}

LoadedPlugin load_plugin(const std::string &path, const std::string &id, const std::string &kind) {
    const Contract *contract = find_contract(kind);
    if (!contract) throw Failure(Code::invalid, "there is no kind of provider called '" + kind + "'");
    std::string ids, offered;
    for (const seed_provider *provider : list_providers(path)) {
        std::string name = text_of(provider->id), speaks = text_of(provider->contract);
        if (name != id) {
            ids += (ids.empty() ? "" : ", ") + name;
        } else if (speaks == contract->id()) {
            return {provider, contract};
        } else {
            offered += (offered.empty() ? "" : ", ") + speaks;
        }
    }
    if (offered.empty()) {
        refuse(path, "does not offer " + id + (ids.empty() ? "" : ", only " + ids) + ": correct the plugin's name or path");
    }
    if (offered.rfind("seed." + kind + "/", 0) == 0) {
        refuse(path, id + " speaks " + offered + ", this Seed " SEED_VERSION " speaks " + contract->id() +
                         ": install matching versions");
    }
    refuse(path, id + " speaks " + offered + " and is configured as " + kind + " provider: name it under its own kind");
}

}  // namespace seed::providers
