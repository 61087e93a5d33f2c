// What somebody who mistyped a word most likely meant.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace seed {

// Of `known` the one that begins with `typed`, or else needs the fewest changes (a character added, dropped, replaced, or two
// neighbours swapped); empty when none is near: one change for words up to three characters, two up to eight, three beyond.
// A view into `known`.
std::string_view nearest(std::string_view typed, const std::vector<std::string> &known);

}  // namespace seed
