#include "core/guest/text.h"

#include <algorithm>
#include <charconv>

namespace seed::guest {

std::string environment_file(const std::vector<std::pair<std::string, std::string>> &environment) {
    std::string result;
    constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:@%+,";
    for (const auto &[name, value] : environment) {
        if (value.find_first_not_of(plain) == std::string::npos) {  // simple readers need no idea of quotes
            result += name + "=" + value + "\n";
            continue;
        }
        result += name + "=\"";
        for (char c : value) {
            if (c == '"' || c == '\\' || c == '$' || c == '`') result += '\\';
            result += c;
        }
        result += "\"\n";
    }
    return result;
}

std::string json_string(std::string_view text, size_t limit) {
    std::string result = "\"";
    for (char c : text.substr(0, limit)) {
        if (c == '"' || c == '\\') result += '\\';
        result += c >= 32 && c < 127 ? c : '?';
    }
    return result + "\"";
}

unsigned vsock_port_in(std::string_view command_line) {
    constexpr std::string_view key = "seed.vsock=";
    unsigned port = 0;
    for (size_t at = 0; at < command_line.size();) {
        size_t end = std::min(command_line.find_first_of(" \t\n", at), command_line.size());
        std::string_view word = command_line.substr(at, end - at);
        at = end + 1;
        if (!word.starts_with(key)) continue;
        word.remove_prefix(key.size());
        unsigned number = 0;
        auto [rest, error] = std::from_chars(word.data(), word.data() + word.size(), number);
        port = error == std::errc() && rest == word.data() + word.size() ? number : 0;
    }
    return port;
}

}  // namespace seed::guest
