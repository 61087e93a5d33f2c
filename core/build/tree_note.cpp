#include "core/build/tree_note.h"

#include <algorithm>

#include <seed/util/file.h>
#include <seed/util/text.h>

namespace seed::build {

TreeNote TreeNote::of(const std::vector<LockedInput> &inputs) {
    TreeNote note{"pending", {}};
    for (const auto &input : inputs) note.inputs.push_back({input.key, input.store_path, input.from != LockedInput::From::platform});
    return note;
}

// The rules' line, then "KEY STORE_PATH network|platform" for each input.
std::optional<TreeNote> TreeNote::read(const std::filesystem::path &file) {
    auto text = read_file_if_exists(file);
    if (!text) return std::nullopt;
    TreeNote note;
    for (const auto &line : split(*text, '\n')) {
        if (note.rules.empty()) {
            note.rules = line;
            continue;
        }
        auto words = split(line, ' ');
        if (words.size() == 3) note.inputs.push_back({words[0], words[1], words[2] == "network"});
    }
    if (note.rules.empty()) return std::nullopt;
    return note;
}

void TreeNote::write(const std::filesystem::path &file) const {
    std::string text = rules + "\n";
    for (const auto &input : inputs)
        text += input.key + " " + input.store_path + (input.from_network ? " network\n" : " platform\n");
    write_file_atomically(file, text, 0600);
}

bool TreeNote::from_network() const {
    return std::any_of(inputs.begin(), inputs.end(), [](const NotedInput &input) { return input.from_network; });
}

}  // namespace seed::build
