// Keeping repositories small and fast, in the background.
//
//  1. A push notes the repository and goes on; nobody ever waits for what happens here.
//  2. Once a repository has been quiet for a moment, one thread looks at it: how many packs, loose objects and loose refs?
//  3. Many packs: they are merged geometrically, with an index over all and a bitmap (`git repack --geometric --write-midx`).
//     Many loose refs: they are packed.  New commits go into the commit-graph.
//  4. Once a day, if there were pushes: everything reachable into one pack, and what no ref reaches any more is kept apart for a
//     day (a cruft pack) and then dropped.  It never becomes loose files, which a tenant could make in masses.
//
// One repository at a time, at the lowest priority, in the cage of a push, with limits on time and memory.  git's repack adds
// before it removes, so it may be killed at any moment; what such a git leaves is removed when nobody is at work (activity.h).
// A repository on which it fails is left alone for an hour, or for a day.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include <seed/util/fd.h>
#include <seed/util/process.h>

#include "activity.h"
#include "git_child.h"
#include "repositories.h"

namespace seed::silo {

struct MaintenanceSettings {
    std::chrono::milliseconds quiet{10000};    // since the last push
    size_t packs = 20, loose = 500;            // more are merged
    size_t loose_refs = 500;
    std::chrono::seconds full_every{86400};    // also how long unreachable objects are kept
    std::chrono::seconds patience{1800};       // for one repository
    MaintenanceSettings() {}
};

// What there is to do; each number is counted up to a little more than its limit.
struct Disorder {
    size_t packs = 0, loose = 0, loose_refs = 0;
    std::chrono::system_clock::time_point last_full{};  // epoch: never
    bool changed_since = false;                         // there were pushes, or unreachable objects wait to be dropped
    static Disorder of(const std::filesystem::path &repository, const MaintenanceSettings &settings);
};

class Maintenance {
public:
    // All borrowed.  `log` is called from our thread.
    Maintenance(const Repositories &repositories, Activity &activity, std::function<void(const std::string &)> log,
                MaintenanceSettings settings = {});
    ~Maintenance();  // ends what is running
    void pushed(const std::string &repository);

    // One repository now, on the caller's thread; what pushed() leads to.  Failure(...) when git failed.
    void look_after(const std::string &repository);
    size_t waiting() const;  // repositories that have not been looked at since their last push

private:
    void run();
    void git(const std::filesystem::path &repository, const Activity::Guard &guard, std::vector<std::string> arguments);

    const Repositories &repositories_;
    Activity &activity_;
    const std::function<void(const std::string &)> log_;
    const MaintenanceSettings settings_;
    using Clock = std::chrono::steady_clock;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::map<std::string, Clock::time_point> due_, not_before_;
    bool stopped_ = false;
    Pipe stop_;  // its reading end becomes readable when we stop
    std::thread thread_;
};

}  // namespace seed::silo
