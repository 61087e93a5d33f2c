#include "plugins/runtime-clh/event_stream.h"

#include <optional>

#include <nlohmann/json.hpp>

namespace seed::clh {
namespace {

constexpr size_t most_bytes = 65536;  // of one event; real ones have about 200

std::optional<vm::MonitorEvent> meaning(const std::string &text) {
    using Kind = vm::MonitorEvent::Kind;
    // No callback and no exceptions; deep nesting is harmless, because the parser keeps its own stack.
    auto object = nlohmann::json::parse(text, nullptr, false);
    if (!object.is_object()) return std::nullopt;
    auto word = [&](const char *member) {
        auto found = object.find(member);
        return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    std::string what = word("source") + " " + word("event");
    if (what == "vm shutdown" || what == "vmm shutdown") return vm::MonitorEvent{Kind::powered_off};
    if (what == "vm rebooting") return vm::MonitorEvent{Kind::restarting};
    return std::nullopt;
}

}  // namespace

std::vector<vm::MonitorEvent> EventStream::read(std::string_view bytes) {
    std::vector<vm::MonitorEvent> events;
    lines_.add(bytes, [&](std::string_view line, bool whole) {
        if (whole && line.empty()) {
            if (!too_long_)
                if (auto event = meaning(object_)) events.push_back(*event);
            object_.clear();
            too_long_ = false;
        } else if (too_long_ || object_.size() + line.size() > most_bytes) {
            too_long_ = true;
        } else {
            object_.append(line).append(whole ? "\n" : "");
        }
    });
    return events;
}

}  // namespace seed::clh
