#include "tests/simulation/schedule.h"

#include <cstdio>

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/deploy/generations.h"
#include "core/deploy/power.h"
#include "core/model/addresses.h"
#include "tests/simulation/life.h"

namespace seed::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto unrest = seconds(150);      // people and accidents
constexpr auto longest_rest = minutes(90); // until then all must have come to rest

class Schedule {
public:
    Schedule(uint64_t seed, bool trace)
        : chance_(seed), time_(chance_), outside_(time_, chance_), store_(":memory:"), trace_(trace) {}

    Outcome run();

private:
    void plan_accidents();
    Content next_content(const std::string &repository);
    InstanceContent some_instance();
    void push(const std::string &repository);
    void restart_something();
    void roll_back_something();
    void switch_something();
    deploy::Listener listener(const std::string &repository);
    Task<void> report_push(std::string repository, std::string commit);
    void ask(const std::string &what, const std::function<void()> &question);
    void kill_seedd();
    void fill_disk(bool full);
    void begin_life();
    void say(const std::string &what);
    std::optional<std::string> not_at_rest();
    std::optional<std::string> flake_not_at_rest(const state::Flake &flake, std::set<std::string> &handles, std::set<std::string> &images);

    Chance chance_;
    VirtualTime time_;
    Outside outside_;
    state::Store store_;
    bool trace_;
    Faults faults_;
    std::unique_ptr<Life> life_;
    std::optional<uint64_t> handlers_left_;  // of this life
    bool one_at_a_time_ = false;             // the kill may come between any two handlers
    bool begin_again_ = false;
    bool writable_ = true;                   // the disk under the database has space
    std::map<uint64_t, int> answers_;        // to people of this life, by number of the question
    uint64_t questions_ = 0;
    std::map<std::string, uint64_t> volumes_seen_;
    Outcome outcome_;
};

void Schedule::say(const std::string &what) {
    if (!trace_) return;
    std::printf("%9.3f  %s\n", std::chrono::duration<double>(time_.now().time_since_epoch() - std::chrono::hours(1)).count(), what.c_str());
    std::fflush(stdout);
}

InstanceContent Schedule::some_instance() {
    InstanceContent one;
    one.version = chance_.between(1, 5);
    if (chance_.once_in(3)) one.volume_mib = 64;
    else if (chance_.once_in(2)) one.rolling = true;
    if (chance_.once_in(40)) one.rolling = true;  // with a volume: refused, which is a push that fails
    if (chance_.once_in(12)) one.behaviour = chance_.once_in(2) ? "mute" : "brittle";
    return one;
}

Content Schedule::next_content(const std::string &repository) {
    static const std::vector<std::string> names = {"api", "db", "web", "worker"};
    Content content;
    if (auto head = outside_.heads.find(repository); head != outside_.heads.end()) content = outside_.commits.at(head->second);
    content.trouble = chance_.once_in(12) ? (chance_.once_in(2) ? "evaluate" : "build") : "";
    unsigned changes = chance_.once_in(5) ? 0 : static_cast<unsigned>(chance_.between(1, 3));
    for (unsigned i = 0; i < changes; ++i) {
        const std::string &name = chance_.one_of(names);
        auto known = content.instances.find(name);
        if (known == content.instances.end()) {
            InstanceContent &one = content.instances[name] = some_instance();
            // A volume from earlier is taken up again, and cannot shrink: a push that asks for less fails.
            for (const auto &[volume, size] : outside_.volumes)
                if (auto flake = store_.flake(repository); flake && !chance_.once_in(20) && volume.starts_with(flake->ns + "/" + name + "/"))
                    one.volume_mib = std::max(one.volume_mib, size >> 20), one.rolling = false;
        } else if (chance_.once_in(4)) {
            content.instances.erase(known);
        } else if (known->second.volume_mib && chance_.once_in(2)) {
            known->second.volume_mib *= 2;
        } else {
            uint64_t volume = known->second.volume_mib;
            known->second = some_instance();
            if (volume && !chance_.once_in(10)) known->second.rolling = false, known->second.volume_mib = std::max(volume, known->second.volume_mib);
        }
    }
    if (content.instances.empty()) content.instances["web"] = some_instance();
    return content;
}

void Schedule::push(const std::string &repository) {
    if (!life_ || !life_->taken_up()) return;  // nobody answers the pusher
    Content content = next_content(repository);
    std::string commit = chance_.hex(20);
    outside_.commits[commit] = content;
    if (!store_.flake(repository)) {
        if (!writable_) return;   // the claim is refused before anything is received
        state::Flake flake;
        flake.repository = repository;
        flake.owner = "ssh-ed25519 somebody";
        flake.cid = "k51qzi5uqu5d" + repository;
        flake.ns = model::Namespace::of_cid(flake.cid).str();
        store_.add_flake(flake);
    }
    outside_.heads[repository] = commit;
    std::string what;
    for (const auto &[name, one] : content.instances)
        what += " " + name + ":" + std::to_string(one.version) + ":" + one.behaviour + (one.rolling ? ":rolling" : "") +
                (one.volume_mib ? ":" + std::to_string(one.volume_mib) : "");
    say("push " + repository + " " + commit.substr(0, 10) + what + (content.trouble.empty() ? "" : " trouble: " + content.trouble));
    ++outcome_.pushes;
    Life *life = life_.get();
    // The ref is there; the report to the core comes a moment later, or never when it dies in between.
    time_.after(milliseconds(10), [this, life, repository, commit] {
        if (life_.get() != life || !life->taken_up()) return;
        spawn_task(life->context().get_executor(), "push", report_push(repository, commit));
    });
}

// As core/front/api_git.cpp does it: what cannot be taken up is told at once.
Task<void> Schedule::report_push(std::string repository, std::string commit) {
    deploy::Listener pusher = listener(repository);
    Call call("push", seconds(60));
    state::Revision failed;
    try {
        co_await life_->deployer().take_push(call, repository, commit, "ssh-ed25519 somebody", pusher);
        co_return;
    } catch (const std::exception &error) {
        failed.commit = commit;
        failed.state = "failed";
        failed.stage = "queueing";
        failed.message = error.what();
    }
    pusher.finished(failed);
}

// What a person asks for is done, or refused with a sentence.
void Schedule::ask(const std::string &what, const std::function<void()> &question) {
    try {
        question();
        say(what);
    } catch (const std::exception &failure) {
        say(what + ": " + failure.what());
    }
}

void Schedule::restart_something() {
    if (!life_ || !life_->taken_up()) return;
    auto flakes = store_.flakes();
    if (flakes.empty()) return;
    const auto &flake = chance_.one_of(flakes);
    auto instances = life_->deployer().worker(flake.repository).current();
    if (instances.empty()) return;
    ask("restart " + flake.repository + "/" + instances.begin()->first,
        [&] { life_->deployer().request_restart(flake.repository, instances.begin()->first); });
}

void Schedule::roll_back_something() {
    if (!life_ || !life_->taken_up()) return;
    auto flakes = store_.flakes();
    if (flakes.empty()) return;
    std::string repository = chance_.one_of(flakes).repository;
    deploy::Listener person = listener(repository);
    uint64_t question = questions_;
    answers_[question] = 1;   // a refusal is an answer
    ask("rollback " + repository, [&] {
        life_->deployer().roll_back(repository, "", "", "ssh-ed25519 somebody", person);
        answers_[question] = 0;
    });
}

// Somebody stops an instance, or starts one.
void Schedule::switch_something() {
    if (!life_ || !life_->taken_up()) return;
    auto flakes = store_.flakes();
    if (flakes.empty()) return;
    const auto &flake = chance_.one_of(flakes);
    auto instances = life_->deployer().worker(flake.repository).current();
    if (instances.empty()) return;
    const auto &[name, spec] = *instances.begin();
    bool runs = deploy::shall_run(store_, flake.ns, spec);
    outside_.wish_changed = time_.now();
    ask((runs ? "stop " : "start ") + flake.repository + "/" + name, [&] {
        if (runs) life_->deployer().request_stop(flake.repository, name);
        else life_->deployer().request_start(flake.repository, name);
    });
}

deploy::Listener Schedule::listener(const std::string &repository) {
    deploy::Listener listener;
    listener.line = [this, repository](std::string_view line) { say("  remote " + repository + ": " + std::string(line)); };
    uint64_t question = ++questions_;
    answers_[question] = 0;
    listener.finished = [this, repository, question](const state::Revision &revision) {
        say("  answer " + repository + " " + revision.commit.substr(0, 10) + ": " + revision.state + " " + revision.stage + " " + revision.message);
        if (++answers_[question] > 1) outside_.breach = "the push or rollback of " + revision.commit + " was answered twice";
        ++(revision.state == "deployed" ? outcome_.deployed : revision.state == "failed" ? outcome_.failed : outcome_.superseded);
    };
    return listener;
}

void Schedule::kill_seedd() {
    if (!life_) return;
    say("seedd is killed");
    answers_.clear();
    life_.reset();
    time_.after(milliseconds(chance_.between(100, 3000)), [this] { begin_again_ = true; });
}

void Schedule::fill_disk(bool full) {
    say(full ? "the database cannot be written" : "the database can be written");
    writable_ = !full;
    store_.refuse_writes(full);
}

void Schedule::begin_life() {
    begin_again_ = false;
    handlers_left_.reset();
    one_at_a_time_ = false;
    say("seedd starts");
    ++outcome_.lives;
    life_ = std::make_unique<Life>(time_, chance_, outside_, faults_, store_);
}

void Schedule::plan_accidents() {
    auto sometime = [this] { return milliseconds(chance_.between(0, std::chrono::milliseconds(unrest).count())); };
    auto rate = [this]() -> unsigned { return chance_.once_in(2) ? 0 : chance_.one_of(std::vector<unsigned>{300, 100, 30, 12}); };
    outside_.late_effects = chance_.once_in(3);
    faults_.refused = rate();
    faults_.lost = rate();
    faults_.slow = rate();
    faults_.hung = rate() ? 400 : 0;
    faults_.late = outside_.late_effects ? 40 : 0;
    faults_.twice = outside_.late_effects ? 40 : 0;
    std::vector<std::string> repositories = {"app", "blog", "shop"};
    repositories.resize(chance_.between(1, 3));
    for (uint64_t i = chance_.between(2, 9); i > 0; --i)
        time_.after(sometime(), [this, repository = chance_.one_of(repositories)] { push(repository); });
    for (uint64_t i = chance_.between(0, 4); i > 0; --i) time_.after(sometime(), [this] { restart_something(); });
    if (chance_.once_in(3))
        for (uint64_t i = chance_.between(1, 3); i > 0; --i) time_.after(sometime(), [this] { roll_back_something(); });
    if (chance_.once_in(3))
        for (uint64_t i = chance_.between(1, 3); i > 0; --i) time_.after(sometime(), [this] { switch_something(); });
    if (chance_.once_in(2))
        for (uint64_t i = chance_.between(1, 6); i > 0; --i) time_.after(sometime(), [this] {
                if (life_) handlers_left_ = chance_.between(0, 60), one_at_a_time_ = true;
            });
    if (chance_.once_in(2))
        for (uint64_t i = chance_.between(1, 4); i > 0; --i)
            time_.after(sometime(), [this] {
                if (!life_) return;
                size_t which = chance_.between(0, 3);
                say("host of provider " + std::to_string(which) + " dies");
                life_->providers().all()[which]->die();
                if (which != 0) return;
                outside_.published.clear();
                outside_.runtime_taken_up = false;
            });
    if (chance_.once_in(3))
        for (uint64_t i = chance_.between(1, 3); i > 0; --i) {
            time_.after(sometime(), [this] { fill_disk(true); });
            time_.after(sometime(), [this] { fill_disk(false); });
        }
    time_.after(unrest, [this] { fill_disk(false); });
    for (uint64_t i = chance_.between(0, 4); i > 0; --i)
        time_.after(sometime(), [this] {
            if (outside_.machines.empty()) return;
            auto machine = std::next(outside_.machines.begin(), static_cast<long>(chance_.between(0, outside_.machines.size() - 1)));
            say("machine " + machine->first + " is killed");
            std::string handle = machine->first;
            outside_.exit_machine(handle, "killed by signal 9");
        });
    dns::RecordSet foreign;
    foreign.name = "mail.seed.test.";
    foreign.type = "AAAA";
    foreign.values = {"2001:db8::25"};
    outside_.records["mail.seed.test. AAAA"] = foreign;
}

std::optional<std::string> Schedule::flake_not_at_rest(const state::Flake &flake, std::set<std::string> &handles, std::set<std::string> &images) {
    const std::string where = flake.repository + ": ";
    auto last = store_.latest_revision(flake.repository);
    auto head = outside_.heads.find(flake.repository);
    if (head == outside_.heads.end()) return std::nullopt;
    if (!last || last->commit != head->second) return where + "the pushed commit has no revision";
    auto newest = store_.latest_deployment(flake.repository);
    bool rolled_back = last->state == "superseded" && newest && newest->id > last->id;   // by a rollback, which may have returned
    if (last->state != "deployed" && last->state != "failed" && !rolled_back) return where + "its last revision is " + last->state;
    for (const auto &generation : deploy::kept_generations(store_, flake.repository, life_->deployer().world().keep_generations)) {
        json specs = parse_json(generation.instances, "generation");
        for (const auto &[name, spec] : specs.items()) images.insert(model::spec_from_json(spec).image);
    }
    auto wanted = life_->deployer().worker(flake.repository).current();
    std::map<std::string, runtime::Service> served;
    for (const auto &service : outside_.published[flake.ns]) served[service.instance] = service;
    for (const auto &[name, spec] : wanted) {
        std::string instance = flake.ns + "/" + name, label = model::boot_label(spec, store_.restart_requests(flake.ns, name));
        std::string ready;
        for (const auto &[handle, machine] : outside_.machines) {
            if (machine.boot.instance != instance) continue;
            handles.insert(handle);
            if (!spec.out_path.ends_with("-good")) continue;
            if (machine.boot.desired != label) return where + handle + " is of an older wish";
            if (machine.boot.state == "ready") ready = ready.empty() ? handle : "two";
        }
        if (!deploy::shall_run(store_, flake.ns, spec)) {
            if (!ready.empty()) return where + name + " runs although it shall rest";
        } else if (spec.out_path.ends_with("-good")) {
            if (ready.empty()) return where + name + " does not run";
            if (ready == "two") return where + name + " runs twice";
            if (!served.contains(instance)) return where + name + " is not published";
            if (served[instance].handle != ready) return where + name + " is published with " + served[instance].handle;
            auto record = outside_.records.find(name + "." + flake.ns + ".seed.test. AAAA");
            if (record == outside_.records.end()) return where + name + " has no name";
            if (record->second.values != std::vector<std::string>{model::service_address("fd00:1:2::/48", flake.ns, name)})
                return where + name + " has a wrong address";
        }
        for (const auto &volume : spec.volumes) {
            auto there = outside_.volumes.find(instance + "/" + volume.name);
            if (there == outside_.volumes.end() || there->second < volume.size_bytes) return where + "volume " + volume.name + " of " + name + " is missing";
        }
    }
    for (const auto &[instance, service] : served)
        if (!wanted.contains(instance.substr(flake.ns.size() + 1))) return where + instance + " is still published";
    for (const auto &[key, set] : outside_.records)
        if (auto at = key.find("." + flake.ns + "."); at != std::string::npos && !wanted.contains(key.substr(0, at))) return where + "the record " + key + " is left over";
    return std::nullopt;
}

std::optional<std::string> Schedule::not_at_rest() {
    if (!life_ || !life_->taken_up()) return "seedd is not up";
    if (auto unfinished = store_.unfinished_revisions(); !unfinished.empty())
        return "revision " + std::to_string(unfinished[0].id) + " of " + unfinished[0].repository + " is " + unfinished[0].state;
    for (auto [question, answers] : answers_)
        if (answers == 0) return "the person who pushed or rolled back as number " + std::to_string(question) + " has no answer";
    std::set<std::string> handles, images;
    for (const auto &flake : store_.flakes())
        if (auto trouble = flake_not_at_rest(flake, handles, images)) return trouble;
    if (!outside_.runtime_taken_up) return "the runtime's new host was never told to take up what the other one left";
    for (const auto &[handle, machine] : outside_.machines) {
        if (!handles.contains(handle)) return handle + " is left over";
        images.insert(machine.boot.image);
    }
    for (const auto &key : outside_.images)
        if (!images.contains(key)) return "the image " + key + " is left over";
    for (const auto &path : outside_.image_files)
        if (!images.contains(path.substr(8))) return "the image file " + path + " is left over";
    if (!outside_.records.contains("mail.seed.test. AAAA")) return "the foreign record is gone";
    return std::nullopt;
}

Outcome Schedule::run() {
    plan_accidents();
    begin_life();
    const auto began = time_.now();
    auto stop = [this] {
        if (outside_.breach || begin_again_ || (life_ && life_->ended())) return true;
        if (!handlers_left_) return false;
        if (*handlers_left_ > 0) return --*handlers_left_, false;
        return true;
    };
    asio::io_context nobody;  // runs while seedd is down
    auto until = began + unrest;
    std::optional<std::string> trouble = "nothing was looked at";
    for (int calm = 0; calm < 2;) {
        time_.run(life_ ? life_->context() : nobody, until, one_at_a_time_, stop);
        if (outside_.breach) return outcome_.broken = outside_.breach, outcome_;
        for (const auto &[volume, size] : volumes_seen_)
            if (!outside_.volumes.contains(volume) || outside_.volumes[volume] < size) return outcome_.broken = "volume " + volume + " was lost", outcome_;
        volumes_seen_ = outside_.volumes;
        if (begin_again_) {
            begin_life();
        } else if (life_ && (life_->ended() || handlers_left_)) {
            handlers_left_.reset();
            kill_seedd();
        } else if (time_.now() >= until) {
            if (faults_.active) say("from now on nothing goes wrong");
            faults_.active = false;
            trouble = not_at_rest();
            calm = trouble ? 0 : calm + 1;
            if (trouble && time_.now() > began + unrest + longest_rest) return outcome_.broken = "never at rest: " + *trouble, outcome_;
            if (calm == 1) outcome_.settled = std::to_string(std::chrono::duration_cast<seconds>(time_.now() - began - unrest).count()) + " s";
            until += seconds(calm ? 90 : 20);
        }
    }
    return outcome_;
}

}  // namespace

Outcome run_schedule(uint64_t seed, bool trace) {
    Schedule schedule(seed, trace);
    return schedule.run();
}

}  // namespace seed::simulation
