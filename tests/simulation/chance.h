// The dice of one schedule.
#pragma once
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace seed::simulation {

class Chance {
public:
    explicit Chance(uint64_t seed) : engine_(seed) {}
    bool once_in(unsigned n) { return n && between(1, n) == 1; }
    // Both ends included.  Not std::uniform_int_distribution: its results differ between libraries.
    uint64_t between(uint64_t low, uint64_t high) { return low + engine_() % (high - low + 1); }
    template <typename T>
    const T &one_of(const std::vector<T> &choices) {
        return choices[between(0, choices.size() - 1)];
    }
    std::string hex(size_t bytes) {
        std::string text;
        while (text.size() < 2 * bytes) text += "0123456789abcdef"[engine_() & 15];
        return text;
    }

private:
    std::mt19937_64 engine_;
};

}  // namespace seed::simulation
