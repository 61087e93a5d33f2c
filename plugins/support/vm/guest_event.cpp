#include "plugins/support/vm/guest_event.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <seed/util/text.h>

namespace seed::vm {
namespace {

void take_ports(const nlohmann::json &object, const char *name, std::vector<uint16_t> &into) {
    auto found = object.find(name);
    if (found == object.end() || !found->is_array()) return;
    for (const auto &port : *found) {
        if (into.size() == 256) return;
        if (port.is_number_unsigned() && port.get<uint64_t>() > 0 && port.get<uint64_t>() < 65536)
            into.push_back(port.get<uint16_t>());
    }
    std::sort(into.begin(), into.end());
    into.erase(std::unique(into.begin(), into.end()), into.end());
}

void take_paths(const nlohmann::json &object, const char *name, std::vector<std::string> &into) {
    auto found = object.find(name);
    if (found == object.end() || !found->is_array()) return;
    for (const auto &path : *found)
        if (path.is_string() && into.size() < 16) into.push_back(printable(path.get_ref<const std::string &>(), 256));
}

std::string take_text(const nlohmann::json &object, const char *name) {
    auto found = object.find(name);
    return found != object.end() && found->is_string() ? printable(found->get_ref<const std::string &>(), 512) : std::string();
}

}  // namespace

std::optional<GuestEvent> parse_guest_line(std::string_view line) {
    if (line.empty() || line.size() > guest_line_bytes || std::count(line.begin(), line.end(), '[') > 8 ||
        std::count(line.begin(), line.end(), '{') > 8)  // nothing we know is nested
        return std::nullopt;
    auto object = nlohmann::json::parse(line, nullptr, false);
    if (!object.is_object()) return std::nullopt;
    auto event = object.find("event");
    if (event == object.end() || !event->is_string()) return std::nullopt;
    const std::string &name = event->get_ref<const std::string &>();
    GuestEvent result;
    using Kind = GuestEvent::Kind;
    if (name == "hello") result.kind = Kind::hello;
    if (name == "started") result.kind = Kind::started;
    if (name == "waiting") result.kind = Kind::waiting, take_ports(object, "ports", result.ports);
    if (name == "ready") {
        result.kind = Kind::ready;
        take_ports(object, "ipv4_only", result.ports);
        take_ports(object, "ipv4_only_udp", result.udp_ports);
    }
    if (name == "volumes") {
        result.kind = Kind::volumes;
        take_paths(object, "full", result.full);
        take_paths(object, "damaged", result.damaged);
    }
    if (name == "note") result.kind = Kind::note, result.text = take_text(object, "text");
    if (name == "failed") result.kind = Kind::failed, result.text = take_text(object, "reason");
    return result;
}

}  // namespace seed::vm
