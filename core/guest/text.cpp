#include "core/guest/text.h"

namespace seed::guest {

std::string environment_file(const std::vector<std::pair<std::string, std::string>> &environment) {
    std::string result;
    for (const auto &[name, value] : environment) {
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
