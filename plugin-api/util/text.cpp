#include <seed/util/text.h>

#include <sys/random.h>

#include <seed/util/failure.h>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace seed {

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    for (;;) {
        size_t at = text.find(separator);
        parts.emplace_back(text.substr(0, at));
        if (at == std::string_view::npos) return parts;
        text.remove_prefix(at + 1);
    }
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view blank = " \t\r\n";
    size_t first = text.find_first_not_of(blank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::string to_lower(std::string_view text) {
    std::string result(text);
    for (char &c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

std::string to_hex(std::string_view bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string result;
    result.reserve(bytes.size() * 2);
    for (unsigned char c : bytes) {
        result += digits[c >> 4];
        result += digits[c & 15];
    }
    return result;
}

std::string base32_lower(std::string_view bytes) {
    constexpr char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    std::string result;
    uint32_t buffer = 0;
    int bits = 0;
    for (unsigned char c : bytes) {
        buffer = (buffer << 8 | c) & 0xffff;
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            result += alphabet[buffer >> bits & 31];
        }
    }
    if (bits) result += alphabet[buffer << (5 - bits) & 31];
    return result;
}

std::optional<std::string> base64_decode(std::string_view text) {
    if (text.size() % 4) return std::nullopt;
    auto value = [](char c) -> int {
        if (c >= 'A' && c <= 'Z') return c - 'A';
        if (c >= 'a' && c <= 'z') return c - 'a' + 26;
        if (c >= '0' && c <= '9') return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
    };
    std::string result;
    result.reserve(text.size() / 4 * 3);
    for (size_t n = 0; n < text.size(); n += 4) {
        bool last = n + 4 == text.size();
        int padding = last && text[n + 3] == '=' ? (text[n + 2] == '=' ? 2 : 1) : 0;
        uint32_t word = 0;
        for (int i = 0; i < 4; ++i) {
            int v = i >= 4 - padding ? 0 : value(text[n + static_cast<size_t>(i)]);
            if (v < 0) return std::nullopt;
            word = word << 6 | static_cast<uint32_t>(v);
        }
        // Bits that belong to no byte must be zero: one text for one value.
        if ((padding == 1 && (word & 0xff)) || (padding == 2 && (word & 0xffff))) return std::nullopt;
        for (int i = 0; i < 3 - padding; ++i) result += static_cast<char>(word >> (16 - 8 * i));
    }
    return result;
}

std::string random_bytes(size_t count) {
    std::string result(count, '\0');
    size_t done = 0;
    while (done < count) {
        ssize_t n = getrandom(result.data() + done, count - done, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail_errno("cannot get random bytes");
        done += static_cast<size_t>(n);
    }
    return result;
}

std::string random_hex(size_t bytes) {
    return to_hex(random_bytes(bytes));
}

namespace {

// The length of the well-formed UTF-8 character at the start, 0 when there is none; sets its code point.
size_t utf8_character(std::string_view text, uint32_t &point) {
    auto byte = [&](size_t n) { return static_cast<unsigned char>(text[n]); };
    unsigned char first = byte(0);
    size_t size = first < 0x80                    ? 1
                  : first >= 0xc2 && first < 0xe0 ? 2
                  : first >= 0xe0 && first < 0xf0 ? 3
                  : first >= 0xf0 && first < 0xf5 ? 4
                                                  : 0;
    if (!size || size > text.size()) return 0;
    point = size == 1 ? first : first & (0xffu >> (size + 1));
    for (size_t n = 1; n < size; ++n) {
        if ((byte(n) & 0xc0) != 0x80) return 0;
        point = point << 6 | (byte(n) & 0x3fu);
    }
    constexpr uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < smallest[size] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return 0;
    return size;
}

// Control characters of both blocks, and those that reorder what a reader sees.
bool harmful(uint32_t point) {
    return (point < 0x20 && point != '\t') || (point >= 0x7f && point < 0xa0) || (point >= 0x200e && point <= 0x200f) ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) || point == 0xfeff;
}

}  // namespace

std::string printable(std::string_view text, size_t limit) {
    std::string result;
    while (!text.empty()) {
        uint32_t point = 0;
        size_t size = utf8_character(text, point);
        bool good = size && !harmful(point);
        if (result.size() + (good ? size : 1) > limit) break;
        if (good)
            result += text.substr(0, size);
        else
            result += '?';
        text.remove_prefix(size ? size : 1);
    }
    return result;
}

std::optional<uint64_t> parse_size(std::string_view text) {
    constexpr uint64_t most = uint64_t(1) << 50;
    uint64_t value = 0;
    size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
        value = value * 10 + static_cast<uint64_t>(text[digits++] - '0');
        if (value > most) return std::nullopt;
    }
    std::string_view unit = text.substr(digits);
    int shift = unit.empty() ? 0 : unit == "Ki" ? 10 : unit == "Mi" ? 20 : unit == "Gi" ? 30 : unit == "Ti" ? 40 : -1;
    if (!digits || shift < 0 || !value || value > most >> shift) return std::nullopt;
    return value << shift;
}

std::string format_size(uint64_t bytes) {
    constexpr const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = static_cast<double>(bytes);
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < std::size(units)) {
        value /= 1024;
        ++unit;
    }
    char text[64];
    bool whole = unit == 0 || value == static_cast<double>(static_cast<uint64_t>(value));
    snprintf(text, sizeof text, whole ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text;
}

std::string format_duration_ms(int64_t milliseconds) {
    char text[64];
    auto whole = [](int64_t n) { return static_cast<long long>(n); };
    int64_t seconds = milliseconds / 1000;
    if (milliseconds < 9995)
        snprintf(text, sizeof text, "%.2f s", static_cast<double>(milliseconds) / 1000);
    else if (milliseconds < 59950)
        snprintf(text, sizeof text, "%.1f s", static_cast<double>(milliseconds) / 1000);
    else if (seconds < 3600)
        snprintf(text, sizeof text, "%lld min %lld s", whole(seconds / 60), whole(seconds % 60));
    else if (seconds < 86400)
        snprintf(text, sizeof text, "%lld h %lld min", whole(seconds / 3600), whole(seconds / 60 % 60));
    else
        snprintf(text, sizeof text, "%lld d %lld h", whole(seconds / 86400), whole(seconds / 3600 % 24));
    return text;
}

std::string iso_time(int64_t unix_ms) {
    time_t seconds = static_cast<time_t>(unix_ms / 1000);
    int64_t rest = unix_ms % 1000;
    if (rest < 0) {
        rest += 1000;
        --seconds;
    }
    tm parts{};
    gmtime_r(&seconds, &parts);
    char day[64], text[96];
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, sizeof text, "%s.%03dZ", day, static_cast<int>(rest));
    return text;
}

int64_t unix_ms_now() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace seed
