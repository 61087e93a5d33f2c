// Drops roots and sources nobody named, then lets Nix collect what has no root.
#include <filesystem>
#include <set>

#include <seed/util/failure.h>

#include "core/programs/seed-nix-box/actions.h"
#include "core/programs/seed-nix-box/command.h"

namespace seed::box {

int collect_garbage(const Options &options) {
    namespace fs = std::filesystem;
    std::set<std::string> generations, trees, inputs;
    for (size_t i = 1; i < options.action.size(); ++i) {
        const std::string &item = options.action[i];
        if (item.starts_with("generation:"))
            generations.insert(checked_component(item.substr(11), "generation"));
        else if (item.starts_with("tree:"))
            trees.insert(checked_component(item.substr(5), "tree"));
        else if (item.starts_with("input:"))
            inputs.insert(checked_component(item.substr(6), "input"));
        else
            throw Failure(Code::invalid, "'" + item + "' is none of generation:G, tree:T and input:HASH-source");
    }
    const fs::path roots = "/nix/var/nix/gcroots/seed";
    if (fs::exists(roots))
        for (const auto &entry : fs::directory_iterator(roots)) {
            std::string name = entry.path().filename();
            size_t dash = name.find('-');  // a generation has none
            if (!generations.contains(name.substr(0, dash))) fs::remove(entry.path());
        }
    if (fs::exists(input_roots))
        for (const auto &entry : fs::directory_iterator(input_roots))
            if (!inputs.contains(entry.path().filename())) fs::remove(entry.path());
    for (const auto &entry : fs::directory_iterator("/sources"))
        if (!trees.contains(entry.path().filename())) fs::remove_all(entry.path());
    Command collect;
    collect.arguments = {"nix-store", "--gc", "--quiet"};
    collect.out = -1;
    return run_to_end(collect);
}

}  // namespace seed::box
