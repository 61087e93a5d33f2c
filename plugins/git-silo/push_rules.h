// What a push may contain, beside what git itself checks (receive.fsckObjects, the size of the pack).  Pure.
#pragma once
#include <optional>
#include <seed/git.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace seed::silo {

inline constexpr size_t updates_limit = 1000;  // in one push
inline constexpr size_t options_limit = 64;         // push options (`git push -o`) of one push
inline constexpr size_t option_bytes_limit = 1024;  // in one of them; together 16 KiB
inline constexpr size_t all_options_bytes_limit = 16384;

// "OLD NEW REF" per line, as git writes it to its hooks.  Throws Failure(invalid).
std::vector<git::RefUpdate> parse_updates(std::string_view text);
// Why this push is refused, in one line for the pusher; none: it may go on.
std::optional<std::string> objection(const std::vector<git::RefUpdate> &updates, const std::vector<std::string> &push_options);
// The first option that is not among `known` ("NAME", or "NAME=SECONDS": digits follow), with the list; none: all are, or any is.
std::optional<std::string> unknown_option(const std::vector<std::string> &options, const std::vector<std::string> &known);
bool is_branch_or_tag(std::string_view ref);  // and its name is harmless everywhere

}  // namespace seed::silo
