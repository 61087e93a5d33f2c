#include "core/access/authorized_keys.h"

#include <algorithm>
#include <array>

#include <seed/util/text.h>

namespace seed::access {
namespace {

constexpr std::array<std::string_view, 7> key_types = {
    "ssh-ed25519",         "ecdsa-sha2-nistp256",        "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521", "ssh-rsa",                    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com"};

bool is_key_type(std::string_view word) { return std::find(key_types.begin(), key_types.end(), word) != key_types.end(); }

// Words are separated by blanks; a double-quoted part of an option may hold blanks.
std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    size_t at = 0;
    while (at < line.size()) {
        while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
        size_t begin = at;
        bool quoted = false;
        while (at < line.size() && (quoted || (line[at] != ' ' && line[at] != '\t'))) {
            if (line[at] == '\\' && quoted && at + 1 < line.size()) ++at;
            else if (line[at] == '"') quoted = !quoted;
            ++at;
        }
        at = std::min(at, line.size());
        if (at > begin) words.push_back(line.substr(begin, at - begin));
    }
    return words;
}

// Of the string that a blob of at least four bytes begins with (RFC 4251, section 5).
size_t length_of(std::string_view blob) {
    size_t length = 0;
    for (size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(blob[i]);
    return length;
}

// The blob's first string is the key type again (RFC 4253, section 6.6): both must agree.
bool blob_names_type(std::string_view blob, std::string_view type) {
    if (blob.size() < 4) return false;
    size_t length = length_of(blob);
    return length == type.size() && blob.size() > 4 + length && blob.substr(4, length) == type;
}

std::string key_of(std::string_view type, std::string_view encoded) {
    auto blob = base64_decode(encoded);
    if (!blob || !blob_names_type(*blob, type)) return {};
    return std::string(type) + " " + base64(*blob);
}

}  // namespace

std::string canonical_key(std::string_view text) {
    auto words = words_of(text);
    if (words.size() < 2 || !is_key_type(words[0])) return {};
    return key_of(words[0], words[1]);
}

bool is_whole_key(std::string_view key) {
    auto blob = base64_decode(key.substr(std::min(key.size(), key.find(' ') + 1)));
    if (!blob) return false;
    std::string_view rest = *blob;
    size_t fields = 0;
    for (; rest.size() >= 4; ++fields) {
        size_t length = length_of(rest);
        if (length > rest.size() - 4) return false;
        rest.remove_prefix(4 + length);
    }
    return rest.empty() && fields >= 2;
}

std::string fingerprint_of(const std::string &key) {
    size_t space = key.find(' ');
    auto blob = space == std::string::npos ? std::nullopt : base64_decode(std::string_view(key).substr(space + 1));
    if (!blob) return key;
    std::string text = base64(sha256(*blob));
    text.erase(text.find_last_not_of('=') + 1);
    return "SHA256:" + text;
}

std::vector<std::string> parse_authorized_keys(std::string_view content) {
    std::vector<std::string> keys;
    for (const auto &raw : split(content, '\n')) {
        auto line = trim(raw);
        if (line.empty() || line[0] == '#') continue;
        auto words = words_of(line);
        size_t first = !words.empty() && is_key_type(words[0]) ? 0 : 1;
        if (first == 1 && (words.size() < 3 || !is_key_type(words[1]))) continue;
        if (first == 1 && words[0].find("cert-authority") != std::string_view::npos) continue;
        if (words.size() < first + 2) continue;
        auto key = key_of(words[first], words[first + 1]);
        if (!key.empty()) keys.push_back(std::move(key));
    }
    return keys;
}

}  // namespace seed::access
