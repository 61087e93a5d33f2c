// Runs a fuzz target over the files of the folders and over cut and changed copies of them: no clang needed, always the same.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>

#include <seed/util/file.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int count, char **words) {
    std::mt19937 random(1);
    size_t runs = 0;
    auto run = [&](const std::string &bytes) {
        LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
        ++runs;
    };
    for (int n = 1; n < count; ++n)
        for (const auto &entry : std::filesystem::directory_iterator(words[n])) {
            const std::string original = seed::read_file(entry.path());
            run(original);
            for (int copy = 0; copy < 200 && !original.empty(); ++copy) {
                std::string bytes = original.substr(0, random() % original.size() + 1);
                for (unsigned changes = random() % 4; changes > 0; --changes)
                    bytes[random() % bytes.size()] = static_cast<char>(random());
                run(bytes);
            }
        }
    printf("%zu inputs\n", runs);
    return runs ? 0 : 1;
}
