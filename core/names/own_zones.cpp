#include "core/names/own_zones.h"

#include <seed/codec.hpp>

namespace seed::names {
namespace {

constexpr const char *setting = "own zones";

}  // namespace

OwnZones::OwnZones(state::Store *store) : store_(store) {
    auto text = store ? store->setting(setting) : std::nullopt;
    if (text) zones_ = from_json_text<std::map<std::string, std::string>>(*text, setting);
}

void OwnZones::put(const std::string &zone, const std::string &ns) {
    if (auto known = zones_.find(zone); known != zones_.end() && known->second == ns) return;
    zones_[zone] = ns;
    save();
}

void OwnZones::remove(const std::string &zone) {
    if (zones_.erase(zone)) save();
}

void OwnZones::save() {
    if (store_) store_->set_setting(setting, to_json_text(zones_));
}

}  // namespace seed::names
