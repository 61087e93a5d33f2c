// What a flake.lock names, brought into a namespace's own store: the only step that has a network.
//
//   1. A fetched input has a note, HASH of origin and content.  Nothing else counts: that Nix knows a path of that hash proves
//      only that somebody in this namespace had such bytes, not where they are from.
//   2. One box per input: an archive or a git commit through a door of its own (door.h), which leads to that input's host and
//      where its rules allow it to redirect to; a repository of this platform as a stream of the git provider, without a door.
//   3. The NAR hash decides.  What differs from flake.lock is deleted and refused.
#pragma once
#include <filesystem>

#include "core/build/box.h"
#include "core/build/flake_lock.h"

namespace seed::build {

class Inputs {
public:
    Inputs(asio::any_io_executor executor, const BuilderSettings &settings, Boxes &boxes)
        : executor_(std::move(executor)), settings_(settings), boxes_(boxes) {}

    bool has(const std::string &ns, const std::string &key) const;
    // In the caller's turn.  Throws Failure with the input, the reason and the remedy in one line.
    Task<void> fetch(Call call, std::string ns, LockedInput input);
    // Forgets all but these, before the store may lose them.
    void forget_except(const std::string &ns, const std::vector<std::string> &keys) const;

private:
    std::filesystem::path folder(const std::string &ns) const;
    Task<BoxResult> run_through_door(Call call, BoxStep step, const LockedInput &input);
    Task<BoxResult> run_from_platform(Call call, BoxStep step, const LockedInput &input);

    asio::any_io_executor executor_;
    const BuilderSettings &settings_;
    Boxes &boxes_;
};

}  // namespace seed::build
