#include "core/guest/text.h"

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

}  // namespace seed::guest
