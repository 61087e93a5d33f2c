#include "core/guest/configuration.h"

#include <cstdlib>

namespace seed::guest {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::optional<int64_t> parse_number(const std::string &text, int base, int64_t highest) {
    if (text.empty() || text.size() > 19) return std::nullopt;
    char *end = nullptr;
    long long value = strtoll(text.c_str(), &end, base);
    if (*end || value < 0 || value > highest) return std::nullopt;
    return value;
}

bool is_variable_name(std::string_view name) {
    if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
    for (char c : name)
        if (!(c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))) return false;
    return true;
}

bool is_file_name(std::string_view name) {
    return is_safe_path("/" + std::string(name)) && name.find('/') == std::string_view::npos;
}

// One line; true when it was understood.  Unknown keys are ignored: an older guest serves a newer host.
bool take_line(const std::vector<std::string> &fields, Configuration &into) {
    const std::string &key = fields[0];
    auto one = [&](std::string &value) { return fields.size() == 2 ? (value = fields[1], true) : false; };
    if (key == "time_ms") {
        auto number = fields.size() == 2 ? parse_number(fields[1], 10, INT64_MAX) : std::nullopt;
        if (number) into.time_ms = *number;
        return number.has_value();
    }
    if (key == "host_name") return one(into.host_name) && !into.host_name.empty() && into.host_name.size() <= 64;
    if (key == "address6") return one(into.address6);
    if (key == "address4") return one(into.address4);
    if (key == "search") return one(into.search);
    if (key == "init") return one(into.init);
    if (key == "resolver" && fields.size() == 2) return into.resolvers.push_back(fields[1]), true;
    if (key == "env") {
        if (fields.size() != 3 || !is_variable_name(fields[1])) return false;
        for (char c : fields[2])
            if ((static_cast<unsigned char>(c) < 32 && c != '\t') || c == 127) return false;
        return into.environment.emplace_back(fields[1], fields[2]), true;
    }
    if (key == "connect") {
        if (fields.size() != 3 || !is_file_name(fields[1])) return false;
        return into.connections.emplace_back(fields[1], fields[2]), true;
    }
    if (key == "volume") {
        auto mode = fields.size() == 6 ? parse_number(fields[5], 8, 07777) : std::nullopt;
        if (!mode || !is_safe_path(fields[2])) return false;
        return into.volumes.push_back({fields[1], fields[2], fields[3], fields[4], static_cast<uint32_t>(*mode)}), true;
    }
    if (key == "expose") {
        auto port = fields.size() == 3 ? parse_number(fields[1], 10, 65535) : std::nullopt;
        if (!port || *port == 0) return false;
        bool both = fields[2] == "both";
        if (!both && fields[2] != "tcp" && fields[2] != "udp") return false;
        return into.expose.push_back({static_cast<uint16_t>(*port), both || fields[2] == "tcp", both || fields[2] == "udp"}),
               true;
    }
    return true;
}

}  // namespace

std::optional<std::string> decode_field(std::string_view field) {
    std::string result;
    for (size_t i = 0; i < field.size(); ++i) {
        if (field[i] != '%') {
            result += field[i];
            continue;
        }
        if (i + 2 >= field.size()) return std::nullopt;
        int high = hex_digit(field[i + 1]), low = hex_digit(field[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        result += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return result;
}

bool is_safe_path(std::string_view path) {
    if (path.size() < 2 || path[0] != '/' || path.size() > 4000) return false;
    for (size_t begin = 1; begin <= path.size();) {
        size_t end = path.find('/', begin);
        if (end == std::string_view::npos) end = path.size();
        std::string_view part = path.substr(begin, end - begin);
        if (part.empty() || part == "." || part == "..") return false;
        begin = end + 1;
    }
    return path.find('\0') == std::string_view::npos;
}

std::optional<Configuration> parse_configuration(std::string_view text, std::string &error) {
    Configuration result;
    bool first = true;
    while (!text.empty()) {
        size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        std::vector<std::string> fields;
        for (size_t begin = 0; begin <= line.size();) {
            size_t stop = line.find(' ', begin);
            if (stop == std::string_view::npos) stop = line.size();
            auto field = decode_field(line.substr(begin, stop - begin));
            if (!field) return error = "a field of the configuration is not encoded properly", std::nullopt;
            fields.push_back(*field);
            begin = stop + 1;
        }
        if (first && (fields.size() != 2 || fields[0] != "seed" || fields[1] != "1"))
            return error = "the configuration is not of version 1", std::nullopt;
        if (!first && !take_line(fields, result)) return error = "the configuration's '" + fields[0] + "' is wrong", std::nullopt;
        first = false;
    }
    if (!is_safe_path(result.init)) return error = "the configuration has no init", std::nullopt;
    return result;
}

}  // namespace seed::guest
