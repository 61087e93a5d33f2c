#include "maintenance.h"

#include <dirent.h>
#include <poll.h>
#include <sys/stat.h>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace seed::silo {

namespace fs = std::filesystem;
using std::chrono::hours;

namespace {

constexpr const char *full_mark = "seed-full-repack";  // its time: when everything was repacked, or tried to be
constexpr auto between_sweeps = hours(24);

// How many names in `folder` satisfy `counts`; stops beyond `enough`.
template <typename Counts>
size_t count_names(const fs::path &folder, size_t enough, Counts counts) {
    std::unique_ptr<DIR, int (*)(DIR *)> listing(::opendir(folder.c_str()), ::closedir);
    size_t count = 0;
    while (dirent *entry = listing ? ::readdir(listing.get()) : nullptr)
        if (entry->d_name[0] != '.' && counts(*entry) && ++count > enough) break;
    return count;
}

size_t count_files_below(const fs::path &folder, size_t enough, int depth) {
    std::vector<std::string> below;
    size_t count = count_names(folder, enough, [&](const dirent &entry) {
        if (entry.d_type == DT_DIR) below.push_back(entry.d_name);
        return entry.d_type == DT_REG;
    });
    for (auto &name : below) {
        if (depth == 0 || count > enough) break;
        count += count_files_below(folder / name, enough - count, depth - 1);
    }
    return count;
}

}  // namespace

Disorder Disorder::of(const fs::path &repository, const MaintenanceSettings &settings) {
    Disorder found;
    found.packs = count_names(repository / "objects/pack", settings.packs, [](const dirent &entry) {
        return std::string_view(entry.d_name).ends_with(".pack");
    });
    // Names of objects are hashes: one of the 256 folders tells of all, as in git itself.
    for (auto sample : {"17", "b3"})
        found.loose += 128 * count_names(repository / "objects" / sample, settings.loose, [](const dirent &entry) {
            return strlen(entry.d_name) == 38;
        });
    found.loose_refs = count_files_below(repository / "refs", settings.loose_refs, 64);
    auto changed = [&](const char *path) {
        struct stat status {};
        bool there = ::stat((repository / path).c_str(), &status) == 0;
        return std::chrono::system_clock::from_time_t(there ? status.st_mtime : 0);
    };
    found.last_full = changed(full_mark);
    for (auto path : {"objects/pack", "packed-refs", "refs/heads", "refs/tags"})
        if (changed(path) > found.last_full) found.changed_since = true;
    // What was set apart waits to be dropped.
    found.changed_since |= count_names(repository / "objects/pack", 0, [](const dirent &entry) {
                               return std::string_view(entry.d_name).ends_with(".mtimes");
                           }) > 0;
    return found;
}

Maintenance::Maintenance(const Repositories &repositories, Activity &activity, std::function<void(const std::string &)> log,
                         MaintenanceSettings settings)
    : repositories_(repositories), activity_(activity), log_(std::move(log)), settings_(settings), stop_(make_pipe()) {
    thread_ = std::thread([this] { run(); });
}

Maintenance::~Maintenance() {
    {
        std::lock_guard lock(mutex_);
        stopped_ = true;
        stop_.write.reset();
    }
    wake_.notify_all();
    thread_.join();
}

void Maintenance::pushed(const std::string &repository) {
    {
        std::lock_guard lock(mutex_);
        auto &due = due_[repository];
        due = Clock::now() + settings_.quiet;
        if (auto pause = not_before_.find(repository); pause != not_before_.end()) due = std::max(due, pause->second);
    }
    wake_.notify_all();
}

size_t Maintenance::waiting() const {
    std::lock_guard lock(mutex_);
    return due_.size();
}

void Maintenance::run() {
    auto next_sweep = Clock::now() + settings_.quiet + std::chrono::minutes(5);
    std::unique_lock lock(mutex_);
    while (!stopped_) {
        auto now = Clock::now();
        if (now >= next_sweep) {  // what was pushed before we were started, and what waits for its day
            next_sweep = now + between_sweeps;
            std::vector<std::string> names;
            try {
                names = repositories_.names();
            } catch (const std::exception &error) {
                log_(std::string("maintenance: ") + error.what());
            }
            for (auto &name : names) due_.emplace(name, now);
        }
        auto first = std::min_element(due_.begin(), due_.end(), [](auto &a, auto &b) { return a.second < b.second; });
        auto until = first == due_.end() ? next_sweep : std::min(next_sweep, first->second);
        if (first == due_.end() || first->second > now) {
            wake_.wait_until(lock, until);
            continue;
        }
        std::string name = first->first;
        due_.erase(first);
        not_before_.erase(name);
        lock.unlock();
        std::string trouble;
        try {
            look_after(name);
        } catch (const Failure &failure) {
            if (failure.code() != Code::not_found && failure.code() != Code::cancelled) trouble = failure.what();
        } catch (const std::exception &error) {
            trouble = error.what();
        }
        if (!trouble.empty()) log_("maintenance of " + name + " failed, trying again after an hour: " + trouble);
        lock.lock();
        if (!trouble.empty()) not_before_[name] = Clock::now() + hours(1);
    }
}

void Maintenance::look_after(const std::string &name) {
    fs::path repository = repositories_.require(name);
    Disorder disorder = Disorder::of(repository, settings_);
    auto now = std::chrono::system_clock::now();
    bool young = disorder.last_full == std::chrono::system_clock::time_point{};
    if (young) write_file_atomically(repository / full_mark, "", 0600);  // its first day begins now
    bool full = !young && disorder.changed_since && now - disorder.last_full >= settings_.full_every;
    bool merge = disorder.packs > settings_.packs || disorder.loose > settings_.loose;
    bool pack_refs = disorder.loose_refs > settings_.loose_refs;
    if (!full && !merge && !pack_refs) return;

    Activity::Guard guard = activity_.enter(repository);
    if (pack_refs) git(repository, guard, {"pack-refs", "--all"});
    if (full) {
        write_file_atomically(repository / full_mark, "", 0600);  // first: what fails today is not tried again before tomorrow
        auto kept = std::to_string(settings_.full_every.count()) + ".seconds.ago";
        git(repository, guard, {"repack", "-d", "-l", "-q", "--cruft", "--cruft-expiration=" + kept, "--write-bitmap-index"});
    } else if (merge) {
        git(repository, guard, {"repack", "-d", "-l", "-q", "--geometric=2", "--write-midx", "--write-bitmap-index"});
        git(repository, guard, {"prune-packed", "-q"});
    }
    if (full || merge) git(repository, guard, {"commit-graph", "write", "--reachable", "--no-progress"});
    if (full) write_file_atomically(repository / full_mark, "", 0600);  // what we changed ourselves does not count
}

void Maintenance::git(const fs::path &repository, const Activity::Guard &guard, std::vector<std::string> arguments) {
    GitSettings settings = common_settings();
    settings.emplace_back("core.fsync", "all");  // old packs are removed: the new ones must be there for good
    settings.emplace_back("repack.writeBitmaps", "true");
    settings.emplace_back("core.hooksPath", "/dev/null");
    SpawnOptions options;
    options.arguments = {"/usr/bin/nice", "-n", "19", git_program};
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    options.environment = git_environment(settings);
    options.environment.push_back("GIT_DIR=" + repository.string());
    options.directory = repository;
    Pipe errors = make_pipe();
    options.descriptors = {{errors.write.get(), 2}};
    options.cage = git_cage();
    options.cage->write = {repository};
    options.cage->cpu_seconds = uint64_t(settings_.patience.count());
    Process child = Process::spawn(options);
    errors.write.reset();

    auto deadline = Clock::now() + settings_.patience;
    std::string said;
    char buffer[1024];
    for (;;) {
        pollfd waits[3] = {{child.pidfd(), POLLIN, 0}, {stop_.read.get(), POLLIN, 0}, {errors.read.get(), POLLIN, 0}};
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        int ready = left <= 0 ? 0 : ::poll(waits, errors.read ? 3 : 2, int(left));
        if (ready < 0 && errno != EINTR) fail_errno("waiting for git");
        if (ready == 0 || waits[1].revents) {
            child.kill_group();
            child.wait();
            guard.killed();
            throw Failure(ready == 0 ? Code::timeout : Code::cancelled, "git " + arguments[0] + " was ended");
        }
        if (errors.read && waits[2].revents) {
            ssize_t got = ::read(errors.read.get(), buffer, sizeof buffer);
            if (got <= 0) errors.read.reset();
            else if (said.size() < 4096) said.append(buffer, size_t(got));
            continue;
        }
        if (waits[0].revents) break;
    }
    child.kill_group();
    ExitStatus status = child.wait();
    if (status.ok()) return;
    guard.killed();
    throw Failure(Code::internal, "git " + arguments[0] + ": " + status.to_string() + ": " + printable(said, 500));
}

}  // namespace seed::silo
