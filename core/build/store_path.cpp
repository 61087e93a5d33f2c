#include "core/build/store_path.h"

#include <seed/util/text.h>

namespace seed::build {

std::optional<std::string> parse_sri_sha256(std::string_view text) {
    constexpr std::string_view prefix = "sha256-";
    if (!text.starts_with(prefix) || text.size() != prefix.size() + 44) return std::nullopt;
    auto bytes = base64_decode(text.substr(prefix.size()));
    if (!bytes || bytes->size() != 32) return std::nullopt;
    return bytes;
}

std::string nix_base32(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdfghijklmnpqrsvwxyz";
    auto at = [&](size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u; };
    std::string text;
    for (size_t n = bytes.empty() ? 0 : (bytes.size() * 8 - 1) / 5 + 1; n-- > 0;) {
        size_t bit = n * 5, i = bit / 8, shift = bit % 8;
        text += digits[((at(i) >> shift) | (at(i + 1) << (8 - shift))) & 0x1f];
    }
    return text;
}

std::string source_store_path(std::string_view nar_sha256) {
    std::string digest = sha256("source:sha256:" + to_hex(nar_sha256) + ":/nix/store:source"), folded(20, '\0');
    for (size_t i = 0; i < digest.size(); ++i) folded[i % folded.size()] = static_cast<char>(folded[i % folded.size()] ^ digest[i]);
    return "/nix/store/" + nix_base32(folded) + "-source";
}

}  // namespace seed::build
