// seed-simulate: runs schedules of the deployer by their seeds; prints those that break something.
#include <charconv>
#include <cstdio>
#include <string>


#include "core/base/log.h"
#include "tests/simulation/schedule.h"

namespace {

constexpr const char *usage =
    "usage: seed-simulate --seeds FIRST[-LAST] [--trace]\n"
    "  runs one schedule for each seed; exit status 1 when something did not hold, with the seed to repeat it\n";

bool parse_seeds(std::string_view text, uint64_t &first, uint64_t &last) {
    auto [end, trouble] = std::from_chars(text.data(), text.data() + text.size(), first);
    last = first;
    if (trouble != std::errc()) return false;
    if (end == text.data() + text.size()) return true;
    if (*end != '-') return false;
    auto [end2, trouble2] = std::from_chars(end + 1, text.data() + text.size(), last);
    return trouble2 == std::errc() && end2 == text.data() + text.size() && last >= first;
}

}  // namespace

int main(int argc, char **argv) try {
    uint64_t first = 0, last = 0;
    bool trace = false, given = false;
    for (int i = 1; i < argc; ++i) {
        std::string_view word = argv[i];
        if (word == "--trace") trace = true;
        else if (word == "--seeds" && i + 1 < argc && parse_seeds(argv[i + 1], first, last)) given = true, ++i;
        else return std::fputs(usage, stderr), 2;
    }
    if (!given) return std::fputs(usage, stderr), 2;
    seed::set_log_level(trace ? seed::LogLevel::info : seed::LogLevel::error);
    unsigned broken = 0, pushes = 0, lives = 0, deployed = 0, failed = 0, superseded = 0;
    for (uint64_t seed = first; seed <= last; ++seed) {
        auto outcome = seed::simulation::run_schedule(seed, trace);
        pushes += outcome.pushes, lives += outcome.lives, deployed += outcome.deployed, failed += outcome.failed, superseded += outcome.superseded;
        if (outcome.broken) {
            ++broken;
            std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), outcome.broken->c_str());
            std::fflush(stdout);
        }
    }
    std::printf("%llu schedules, %u broken: %u pushes (%u deployed, %u failed, %u superseded), %u lives of seedd\n",
                static_cast<unsigned long long>(last - first + 1), broken, pushes, deployed, failed, superseded, lives);
    if (broken) std::printf("again, with every step: seed-simulate --seeds N --trace\n");
    return broken ? 1 : 0;
} catch (const std::exception &error) {
    std::fprintf(stderr, "seed-simulate: %s\n", error.what());
    return 1;
}
