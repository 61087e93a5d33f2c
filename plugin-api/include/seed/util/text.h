// Small text helpers that the standard library lacks.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace seed {

std::vector<std::string> split(std::string_view text, char separator);   // "a,,b" gives three parts
std::string_view trim(std::string_view text);                            // spaces, tabs, CR, LF at both ends
std::string to_lower(std::string_view text);                             // ASCII
std::string to_hex(std::string_view bytes);
std::string base32_lower(std::string_view bytes);                        // RFC 4648 alphabet, lower case, no padding
std::string base64(std::string_view bytes);
std::optional<std::string> base64_decode(std::string_view text);
std::string sha256(std::string_view bytes);                              // 32 raw bytes (OpenSSL)
std::string sha256_hex(std::string_view bytes);
std::string random_bytes(size_t count);                                  // getrandom(2)
std::string random_hex(size_t bytes);
// For text that came from a stranger and goes to a terminal or log: control and invalid UTF-8 bytes become '?', tab stays.
std::string printable(std::string_view text, size_t limit = 4096);
// "10Gi", "500Mi", "512Ki", "1024" to bytes; none when malformed, zero or above 2^50.
std::optional<uint64_t> parse_size(std::string_view text);
std::string format_size(uint64_t bytes);                                 // "1.5 GiB"
std::string format_duration_ms(int64_t milliseconds);                    // "0.42 s", "3 min 4 s"
std::string iso_time(int64_t unix_ms);                                   // "2026-11-21T10:15:00.123Z"
int64_t unix_ms_now();

}  // namespace seed
