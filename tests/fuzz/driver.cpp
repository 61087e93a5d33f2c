// Runs a fuzz target without libFuzzer: every file of the corpus, then `-runs=N` random mutations of them.  The seed is printed
// first; SEED_FUZZ_SEED repeats a run.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv) {
    long runs = 1000;
    std::vector<std::string> inputs = {""};
    for (int i = 1; i < argc; ++i) {
        if (!std::strncmp(argv[i], "-runs=", 6)) {
            runs = std::atol(argv[i] + 6);
            continue;
        }
        for (auto &entry : std::filesystem::directory_iterator(argv[i])) {
            std::ifstream file(entry.path(), std::ios::binary);
            inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
        }
    }
    const char *given = std::getenv("SEED_FUZZ_SEED");
    unsigned long seed = given ? std::strtoul(given, nullptr, 10) : std::random_device{}();
    std::printf("SEED_FUZZ_SEED=%lu\n", seed);
    std::fflush(stdout);
    std::mt19937_64 random(seed);
    auto run = [](const std::string &input) {
        LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(input.data()), input.size());
    };
    for (auto &input : inputs) run(input);
    for (long i = 0; i < runs; ++i) {
        std::string input = inputs[random() % inputs.size()];
        for (int changes = int(random() % 8); changes >= 0; --changes) {
            size_t at = input.empty() ? 0 : random() % input.size();
            switch (random() % 3) {
                case 0:
                    input.insert(at, 1, char(random()));
                    break;
                case 1:
                    if (!input.empty()) input[at] = char(random());
                    break;
                default:
                    if (!input.empty()) input.erase(at, 1 + random() % 4);
            }
        }
        run(input);
    }
    return 0;
}
