#include "core/shell/print.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <seed/util/text.h>

namespace seed::shell {

using nlohmann::json;

namespace {

size_t width_of(std::string_view text) {  // characters, not bytes; printable() has made sure that it is UTF-8
    return size_t(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string table(const std::vector<std::vector<std::string>> &rows, std::string_view indent) {
    std::vector<size_t> widths;
    for (auto &row : rows) {
        if (widths.size() < row.size()) widths.resize(row.size());
        for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
    }
    std::string text;
    for (auto &row : rows) {
        std::string line(indent);
        for (size_t i = 0; i < row.size(); ++i) line += row[i] + std::string(widths[i] - width_of(row[i]) + 2, ' ');
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text;
}

std::string format_uptime(int64_t milliseconds) {
    int64_t seconds = std::max<int64_t>(0, milliseconds) / 1000, minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
    auto with = [](int64_t whole, const char *unit, int64_t part, const char *part_unit) {
        std::string text = std::to_string(whole) + unit;
        return part ? text + " " + std::to_string(part) + part_unit : text;
    };
    if (days) return with(days, " d", hours % 24, " h");
    if (hours) return with(hours, " h", minutes % 60, " min");
    if (minutes) return std::to_string(minutes) + " min";
    return std::to_string(seconds) + " s";
}

std::string text_of(const json &object, const char *name, std::string_view missing) {
    if (!object.is_object()) return std::string(missing);
    auto found = object.find(name);
    if (found == object.end() || !found->is_string() || found->get_ref<const std::string &>().empty())
        return std::string(missing);
    return printable(found->get_ref<const std::string &>());
}

int64_t number_of(const json &object, const char *name, int64_t missing) {
    if (!object.is_object()) return missing;
    auto found = object.find(name);
    return found == object.end() || !found->is_number() ? missing : found->get<int64_t>();
}

const json &list_of(const json &object, const char *name) {
    static const json none = json::array();
    if (!object.is_object()) return none;
    auto found = object.find(name);
    return found == object.end() || !found->is_array() ? none : *found;
}

std::string json_line(const json &value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace seed::shell
