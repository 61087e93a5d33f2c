#include "plugins/dns-rfc2136/ownership.h"

#include <seed/util/file.h>
#include <seed/codec.hpp>

namespace seed::rfc2136 {

// {"zone.": [["name", "type", "owner"]..]}
Ownership::Ownership(std::string file) : file_(std::move(file)) {
    auto text = read_file_if_exists(file_, 256u << 20);
    if (!text) return;
    const json document = parse_json(*text, file_);
    for (const auto &[zone, sets] : document.items()) {
        owners_[zone];
        for (const json &set : sets) owners_[zone][{set.at(0), set.at(1)}] = set.at(2);
    }
}

std::string Ownership::owner(const std::string &zone, const SetKey &key) const {
    std::lock_guard guard(lock_);
    auto known = owners_.find(zone);
    if (known == owners_.end()) return "";
    auto found = known->second.find(key);
    return found == known->second.end() ? "" : found->second;
}

std::set<std::string> Ownership::zones() const {
    std::lock_guard guard(lock_);
    std::set<std::string> names;
    for (const auto &[zone, sets] : owners_) names.insert(zone);
    return names;
}

void Ownership::note_zone(const std::string &zone) {
    std::lock_guard guard(lock_);
    if (owners_.try_emplace(zone).second) save();
}

void Ownership::note(const std::string &zone, const std::set<SetKey> &keys, const std::string &owner) {
    std::lock_guard guard(lock_);
    for (const auto &key : keys) owners_[zone][key] = owner;
    save();
}

void Ownership::forget(const std::string &zone, const std::set<SetKey> &keys) {
    std::lock_guard guard(lock_);
    for (const auto &key : keys) owners_[zone].erase(key);
    save();
}

void Ownership::save() const {
    json document = json::object();
    for (const auto &[zone, sets] : owners_) {
        document[zone] = json::array();
        for (const auto &[key, owner] : sets) document[zone].push_back({key.first, key.second, owner});
    }
    write_file_atomically(file_, document.dump(), 0600);
}

}  // namespace seed::rfc2136
