#include "core/build/box.h"

#include <sys/statvfs.h>

#include <filesystem>

#include <seed/util/cgroup.h>
#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

#include "core/base/log.h"

namespace seed::build {
namespace {

constexpr uint64_t process_limit = 512;
constexpr int store_given_up = 122;   // seed-nix-box: the host's disk did not take all of what was written

// Killed and removed however the step ends: nothing of a box outlives it.
struct Group {
    Cgroup cgroup;
    ~Group() {
        try {
            if (cgroup) cgroup.remove();
        } catch (const std::exception &) {  // ignoring: an empty folder is left, the next step of this namespace adopts it
        }
    }
};

// Machines and the platform come first: a build gets a fifth of an ordinary group's share, and all that nobody else wants.
void make_light(const Cgroup &cgroup) {
    for (const auto &folder : cgroup.folders())
        for (auto [file, value] : {std::pair("cpu.weight", "20"), std::pair("cpu.shares", "204")}) {
            if (!std::filesystem::exists(folder / file)) continue;
            try {
                write_file(folder / file, value);
            } catch (const Failure &) {  // ignoring: it has its limits, only not its weight
            }
        }
}

// Not the namespace's own limit: the file systems of the host that its store and images lie on.
bool host_is_full(const BuilderSettings &settings) {
    constexpr uint64_t next_to_nothing = 1u << 20;
    for (const std::string &folder : {settings.state_directory, settings.image_directory}) {
        struct statvfs space {};
        if (statvfs(folder.c_str(), &space) == 0 && uint64_t{space.f_bavail} * space.f_frsize < next_to_nothing) return true;
    }
    return false;
}

std::string seconds(std::chrono::seconds duration) {
    return std::to_string(duration.count()) + " s";
}

}  // namespace

Boxes::Boxes(const BuilderSettings &settings) : settings_(settings), program_(settings.box_program) {
    if (program_.empty()) program_ = program_directory() / "seed-nix-box";
    if (!Cgroup::available()) remarks_.insert("builds have no memory limit: " + Cgroup::unavailable_reason());
    // What a killed daemon left.  The boxes died with it.
    if (Cgroup::available())
        for (const auto &name : Cgroup::list(settings.platform))
            if (name.starts_with("nix-")) Cgroup::named(settings.platform, name).remove();
}

Task<BoxResult> Boxes::run(Call call, BoxStep step) {
    Group group;
    SpawnOptions options;
    options.arguments = {program_,
                         "--state",
                         settings_.state_directory + "/" + step.ns,
                         "--store-bytes",
                         std::to_string(settings_.store_bytes),
                         "--tmp-bytes",
                         std::to_string(step.memory / 2)};
    if (Cgroup::available()) {
        group.cgroup =
            Cgroup::make(settings_.platform, "nix-" + step.ns, {.memory_bytes = step.memory, .processes = process_limit});
        make_light(group.cgroup);
        options.cgroups = group.cgroup.folders();
    } else if (step.limit_address_space) {
        options.arguments.insert(options.arguments.end(), {"--address-space", std::to_string(step.memory)});
    }
    for (const auto &path : step.needs) options.arguments.insert(options.arguments.end(), {"--need", path});
    if (!step.lock_file.empty()) options.arguments.insert(options.arguments.end(), {"--lock-file", step.lock_file});
    if (step.door >= 0) {
        if (!std::filesystem::exists(settings_.certificates))
            throw Failure(Code::unavailable, settings_.certificates + " is not there, so that no server can be trusted: install ca-certificates, or name the operator's own file (builder.ca_file)");
        options.arguments.insert(options.arguments.end(), {"--door", "3", "--certificates", settings_.certificates});
        options.descriptors.emplace_back(step.door, 3);
    }
    options.arguments.insert(options.arguments.end(), step.options.begin(), step.options.end());
    options.arguments.insert(options.arguments.end(), step.action.begin(), step.action.end());
    options.environment = log_environment();
    options.environment.insert(options.environment.end(), {"PATH=/usr/bin:/usr/sbin", "SEED_CALL=" + call.id()});
    if (step.input >= 0) options.descriptors.emplace_back(step.input, 0);

    BoxResult result;
    std::string box_failure;
    std::function<void(std::string_view)> on_line = [&](std::string_view line) {
        constexpr std::string_view own = "seed-nix-box: ", remark = "seed-nix-box: remark: ", note = "seed-nix-box: note: ";
        if (line.starts_with(remark)) {
            remarks_.insert(printable(line.substr(remark.size()), 300));
            return;
        }
        if (line.starts_with(note)) {
            log_debug("nix-box", step.ns + ": " + printable(line.substr(note.size()), 300), call.id());
            return;
        }
        if (line.starts_with(own)) box_failure = line.substr(own.size());
        result.messages.add(line);
        if (!step.show_progress) return;
        if (std::string shown = progress_line(line); !shown.empty()) call.progress(shown);
    };

    Call part = call.within(step.deadline);
    RunResult ran;
    std::string no_input;  // named, as all arguments here: g++ 12 destroys temporaries of a co_await twice
    bool late = false;
    try {
        ran = co_await run_async(std::move(options), part, step.output_limit, on_line, no_input);
        late = ran.timed_out;
    } catch (const Failure &failure) {
        if (failure.code() != Code::timeout) throw;
        late = true;
    }
    if (late) {
        call.check();  // the whole call is over: its own words
        if (!step.late.empty()) throw Failure(Code::timeout, step.stage + ": " + step.late);
        throw Failure(Code::timeout,
                      step.stage + " took longer than " + seconds(step.deadline) + ": make it smaller or find the endless loop");
    }
    result.out_of_memory = group.cgroup && group.cgroup.killed_for_memory();
    result.code = ran.status.code;
    result.out = std::move(ran.out);
    if (ran.overflowed)
        throw Failure(Code::limit,
                      step.stage + " wrote more than " + format_size(step.output_limit) + ": make its result smaller");
    if (result.code == store_given_up)   // whatever else was said is a consequence
        throw Failure(Code::limit, step.stage + ": the platform's disk is full (or fails) and did not take all of what was written, so that the store of this "
                                       "namespace is made anew; what runs goes on: push again when its operator has made space");
    // What the step half wrote is still there, so that the host's disk tells.
    if (result.code && host_is_full(settings_))
        throw Failure(Code::limit, step.stage + ": the platform's disk is full, what runs goes on: push again when its operator has made space");
    if (result.messages.contains("No space left on device"))
        throw Failure(Code::limit, step.stage + " filled the disk: a namespace has " + format_size(settings_.store_bytes) +
                                       " for its sources and builds, and " + format_size(step.memory / 2) + " in /tmp");
    if (result.code && result.out_of_memory && result.messages.error_block().empty())
        throw Failure(Code::limit, step.stage + " needed more than " + format_size(step.memory) + " of memory");
    // Not by us, not for memory: an accident of the machine, which says nothing about the flake.
    bool killed = ran.status.signalled || result.code > 128 || result.messages.contains("failed due to signal 9");
    if (result.code && killed && !result.out_of_memory)
        throw Failure(Code::unavailable, step.stage + " was interrupted (" + ran.status.to_string() + ")");
    if (result.code == 125 && !box_failure.empty()) {
        size_t colon = box_failure.find(": ");
        std::string text = colon == std::string::npos ? box_failure : box_failure.substr(colon + 2);
        throw Failure(code_from_string(box_failure.substr(0, colon)), step.stage + ": " + printable(text, 1000));
    }
    co_return result;
}

}  // namespace seed::build
