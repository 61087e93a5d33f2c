// What Nix printed, made short enough for a person: the error block, the end of the failing builder's log.
#pragma once
#include <deque>
#include <string>
#include <string_view>

namespace seed::build {

// Standard error of one step, line by line; keeps a bounded tail.
class NixMessages {
public:
    void add(std::string_view line);
    // What is wrong first, then where and how Nix came to it: at most 20 lines, printable, without store hashes of the source; empty:
    // Nix named no error.
    std::string error_block() const;
    // The same as a sentence: "WHAT: what is wrong ...", or only WHAT.
    std::string failure(std::string_view what) const;
    // The failing derivation's name and the last 10 lines of its log; empty when no builder failed.
    std::string failed_builder() const;
    bool contains(std::string_view text) const;  // in what error_block() would show, or in the tail
    std::string tail(size_t lines) const;

private:
    std::deque<std::string> lines_;   // the last ones
    std::deque<std::string> errors_;  // from the first "error:" on, without the middle of many; no builder's log
};

// The line as progress for the person who waits; empty: not worth showing.
std::string progress_line(std::string_view line);

}  // namespace seed::build
