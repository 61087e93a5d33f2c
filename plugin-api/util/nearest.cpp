#include "seed/util/nearest.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace seed {
namespace {

constexpr size_t longest = 128;  // what is longer is no typing mistake

// Optimal string alignment.
size_t distance(std::string_view a, std::string_view b) {
    std::vector<size_t> before, above(b.size() + 1), row(b.size() + 1);
    std::iota(above.begin(), above.end(), size_t{0});
    for (size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before = std::exchange(above, row);
    }
    return above[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view typed, const std::vector<std::string> &known) {
    if (typed.empty() || typed.size() > longest) return {};
    std::string_view best;
    size_t fewest = typed.size() <= 3 ? 1 : typed.size() <= 8 ? 2 : 3;
    for (const auto &word : known) {
        if (word.size() > longest) continue;
        size_t changes = word.starts_with(typed) ? 0 : distance(typed, word);
        if (best.empty() ? changes <= fewest : changes < fewest) best = word, fewest = changes;
    }
    return best;
}

}  // namespace seed
