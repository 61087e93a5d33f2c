// Who changes which repository at the moment, and whether one may hold what a killed git left behind.
//
// git's own locks are files: a receive-pack or repack that was killed leaves them, and nobody could push again.  A lock is stale
// when nobody is at work.  So whoever wants to change a repository enters it here first; the first one in, when it is not
// known to be clean (after our start, after a kill), tidies it up.  Thread-safe; entering waits only while somebody tidies.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace seed::silo {

class Activity {
    struct Place {
        std::mutex mutex;
        int inside = 0;
        bool clean = false;
    };

public:
    class Guard {
    public:
        explicit Guard(std::shared_ptr<Place> place) : place_(std::move(place)) {}
        Guard(Guard &&) = default;
        ~Guard();
        void killed() const;  // a process that was at work here did not end by itself

    private:
        std::shared_ptr<Place> place_;
    };
    // `repository`: its folder.
    Guard enter(const std::filesystem::path &repository);

private:
    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<Place>> places_;  // by folder
};

// Removes lock files, quarantines and half-written objects.  Only while nothing is at work in the repository.
// How many things were removed.
size_t remove_leftovers(const std::filesystem::path &repository);

}  // namespace seed::silo
