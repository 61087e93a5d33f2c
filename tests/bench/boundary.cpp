// What the boundary between the core and its plugins costs, in one run:
//
//   call         a request of 1 KiB through the core, a frame, the host process, the plugin and back, JSON included, against two bare
//                processes that exchange the same bytes over a socketpair.  Both take turns; medians of medians.  Goal: 2.  Like with
//                like: both pairs on one processor, on one each, and wherever the kernel puts them, which it may do differently
//   json         what nlohmann::json alone takes for these bodies: each is written once and read once
//   work         time on processors for each call, of either side
//   descriptors  a call that is given a file of 256 MiB against one of 4 KiB: nothing is copied.  Goal: 1
//   memory       proportional memory of eight hosts, each with a plugin.  Goal: below 40 MB
//   start        until all eight are open, started at once.  Goal: below 100 ms
//
// Goals are printed, not enforced: machines differ.  bench_boundary [ROUNDS [call|descriptors|hosts]]
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/use_future.hpp>
#include <cstdio>
#include <cstdlib>
#include <future>

#include <seed/util/file.h>
#include <seed/util/frame.h>
#include <seed/util/text.h>

#include "core/base/log.h"
#include "core/providers/provider.h"

namespace {

using namespace seed;
using namespace std::chrono_literals;
using providers::json;
using Clock = std::chrono::steady_clock;

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values.at(values.size() / 2);
}

double microseconds_since(Clock::time_point began) {
    return std::chrono::duration<double, std::micro>(Clock::now() - began).count();
}

bool exchange(int fd, bool send, std::string &bytes) {
    for (size_t done = 0; done < bytes.size();) {
        ssize_t count = send ? ::write(fd, bytes.data() + done, bytes.size() - done) : ::read(fd, bytes.data() + done, bytes.size() - done);
        if (count <= 0) return false;
        done += static_cast<size_t>(count);
    }
    return true;
}

// Another process that takes `there` bytes and gives `back` bytes.
class BarePeer {
public:
    BarePeer(size_t there, size_t back) : request_(there, 'x'), reply_(back, 'y') {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
        pid_ = fork();
        if (pid_ == 0) {
            close(pair[0]);
            while (exchange(pair[1], false, request_) && exchange(pair[1], true, reply_)) {
            }
            _exit(0);
        }
        close(pair[1]);
        socket_.reset(pair[0]);
    }
    ~BarePeer() {
        socket_.reset();
        waitpid(pid_, nullptr, 0);
    }
    void ask() {
        if (!exchange(socket_.get(), true, request_) || !exchange(socket_.get(), false, reply_)) std::abort();
    }

    pid_t pid() const { return pid_; }

private:
    std::string request_, reply_;
    pid_t pid_ = 0;
    UniqueFd socket_;
};

// What every call has to do to its bodies: each is written by one side and read by the other.
void write_and_read(const json &request, const json &reply) {
    for (const json *body : {&request, &reply})
        if (json::parse(body->dump()) != *body) std::abort();
}

class Hosts {
public:
    explicit Hosts(const std::filesystem::path &folder) : folder_(folder) {}
    ~Hosts() {
        for (auto &provider : open_) provider->shut_down();
    }
    providers::ProviderSettings settings(const std::string &kind, const std::string &plugin, json config = json::object()) {
        providers::ProviderSettings given;
        given.kind = kind;
        given.plugin = plugin;
        given.path = std::string(SEED_BUILD_DIR "/plugins/") + (plugin == "answers" ? "bench/" : "") + plugin + ".so";
        given.config = std::move(config);
        given.state_directory = (folder_ / plugin).string();
        given.uid = uids::plugin_base + 60 + static_cast<unsigned>(++number_);
        return given;
    }
    template <typename T>
    T run(Task<T> task) {
        auto future = asio::co_spawn(context_, std::move(task), asio::use_future);
        context_.restart();
        while (future.wait_for(0s) != std::future_status::ready) context_.run_one();
        return future.get();
    }
    Task<void> open_all(std::vector<providers::ProviderSettings> all) {
        size_t waiting = all.size();
        Event done(context_.get_executor());
        for (auto &settings : all) {
            auto one = [](Hosts *self, providers::ProviderSettings settings, size_t *waiting, Event *done) -> Task<void> {
                Call call("open", 60s);
                auto provider = co_await providers::open_provider(self->context_.get_executor(), std::move(settings), call);
                self->open_.push_back(provider);
                if (--*waiting == 0) done->set();
            };
            spawn_task(context_.get_executor(), "open " + settings.plugin, one(this, settings, &waiting, &done));
        }
        co_await done.wait();
    }
    Task<double> calls(std::string slot, json request, std::vector<int> descriptors, int count) {
        std::vector<double> times;
        auto provider = open_.front();
        for (int i = 0; i < count; ++i) {
            Call call("bench", 60s);
            providers::CallOptions options;
            options.descriptors = descriptors;
            json body = request;
            auto began = Clock::now();
            last = co_await provider->call(call, slot, std::move(body), std::move(options));
            times.push_back(microseconds_since(began));
        }
        co_return median(times);
    }
    pid_t pid() const { return open_.front()->describe()["pid"].get<pid_t>(); }   // of the first
    double memory_mb() const {
        double sum = 0;
        for (const auto &provider : open_)
            for (const auto &line : split(read_file("/proc/" + std::to_string(provider->describe()["pid"].get<int>()) + "/smaps_rollup"), '\n'))
                if (line.rfind("Pss:", 0) == 0) sum += std::atof(line.c_str() + 4) / 1024;
        return sum;
    }
    json last;

private:
    std::filesystem::path folder_;
    asio::io_context context_;
    std::vector<std::shared_ptr<providers::Provider>> open_;
    int number_ = 0;
};

UniqueFd memory_file(size_t bytes) {
    UniqueFd file(memfd_create("bench", MFD_CLOEXEC));
    if (!file || ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) std::abort();
    for (size_t at = 0; at < bytes; at += 4096) [[maybe_unused]]
        auto written = pwrite(file.get(), "x", 1, static_cast<off_t>(at));
    return file;
}

ino_t inode(const UniqueFd &file) {
    struct stat status {};
    fstat(file.get(), &status);
    return status.st_ino;
}

// Which processors a process may use, the calling one or another: all of its threads.
cpu_set_t processors() {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) std::abort();
    return set;
}
void place(pid_t process, const cpu_set_t &set) {
    for (const auto &thread : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task"))
        sched_setaffinity(std::atoi(thread.path().filename().c_str()), sizeof set, &set);   // one may end meanwhile
}
cpu_set_t only(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<size_t>(processor), &set);
    return set;
}

// Time on processors since its start, of all its threads.
double processor_microseconds(pid_t process) {
    double sum = 0;
    for (const auto &thread : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task"))
        sum += std::atof(read_file(thread.path() / "schedstat").c_str()) / 1000;
    return sum;
}

// Where the core is, and where both of its peers are.
struct Placement {
    const char *name;
    cpu_set_t ours, theirs;
};

std::vector<Placement> placements() {
    cpu_set_t all = processors();
    std::vector<int> numbers;
    for (int i = 0; i < CPU_SETSIZE; ++i)
        if (CPU_ISSET(static_cast<size_t>(i), &all)) numbers.push_back(i);
    std::vector<Placement> result = {{"on one processor", only(numbers[0]), only(numbers[0])}};
    if (numbers.size() > 1) result.push_back({"on two processors", only(numbers[0]), only(numbers[1])});
    result.push_back({"wherever they are put", all, all});
    return result;
}

void measure_calls(const std::filesystem::path &folder, int rounds) {
    Hosts hosts(folder);
    hosts.run(hosts.open_all({hosts.settings("dns", "answers")}));
    json request = {{"zone", std::string(1024, 'z')}};
    constexpr int calls = 400;
    // The same bytes: the frames with their lengths and envelopes.
    std::string frame = json{{"call", {{"id", 1000}, {"slot", "zones"}, {"name", "bench"}, {"request_id", "bench"}, {"deadline_ns", INT64_MAX / 10}, {"request", request}}}}.dump();
    json reply = {{"settled", true}, {"size", 1024}, {"zones", json::array()}};
    std::string answer = R"({"done":{"call":1000,"code":0,"body":)" + reply.dump() + "}}";
    BarePeer bare(frame.size() + 4, answer.size() + 4);
    std::vector<double> json_alone;
    hosts.run(hosts.calls("zones", request, {}, 100));   // the first ones start threads
    double core_spent = 0, host_spent = 0;
    size_t measured = 0;
    for (const Placement &placement : placements()) {
        place(getpid(), placement.ours);
        place(hosts.pid(), placement.theirs);
        place(bare.pid(), placement.theirs);
        std::vector<double> ours, theirs;
        for (int round = 0; round < rounds; ++round) {
            double core_work = processor_microseconds(getpid()), host_work = processor_microseconds(hosts.pid());
            ours.push_back(hosts.run(hosts.calls("zones", request, {}, calls)));
            core_spent += processor_microseconds(getpid()) - core_work;
            host_spent += processor_microseconds(hosts.pid()) - host_work;
            measured += calls;
            std::vector<double> times;
            for (int i = 0; i < calls; ++i) {
                auto began = Clock::now();
                bare.ask();
                times.push_back(microseconds_since(began));
            }
            theirs.push_back(median(times));
            for (int i = 0; i < calls; ++i) {
                auto began = Clock::now();
                write_and_read(request, reply);
                json_alone.push_back(microseconds_since(began));
            }
        }
        std::printf("call         %7.1f us through the boundary, %5.1f us bare, %s: ratio %.2f (goal 2)\n", median(ours), median(theirs), placement.name,
                    median(ours) / median(theirs));
    }
    std::printf("json         %7.1f us of it to write and read the same bodies alone\n", median(json_alone));
    std::printf("work         %7.1f us of processor time in the core, %.1f us in the host\n", core_spent / static_cast<double>(measured),
                host_spent / static_cast<double>(measured));
}

void measure_descriptors(const std::filesystem::path &folder, int rounds) {
    Hosts hosts(folder);
    hosts.run(hosts.open_all({hosts.settings("dns", "answers")}));
    json request = {{"zone", std::string(1024, 'z')}};
    constexpr int calls = 100;
    UniqueFd small = memory_file(4096), large = memory_file(256u << 20);
    std::vector<double> with_small, with_large;
    for (int round = 0; round < rounds; ++round) {
        std::vector<int> one = {small.get()}, other = {large.get()};
        with_small.push_back(hosts.run(hosts.calls("zones", request, one, calls)));
        with_large.push_back(hosts.run(hosts.calls("zones", request, other, calls)));
        if (hosts.last.value("inode", ino_t{0}) != inode(large)) {
            std::printf("descriptors: the plugin got another file than it was given\n");
            std::exit(1);
        }
    }
    std::printf("descriptors  %7.1f us with 256 MiB, %7.1f us with 4 KiB: ratio %.2f (goal 1)\n", median(with_large), median(with_small), median(with_large) / median(with_small));
}

void measure_hosts(const std::filesystem::path &folder, int rounds) {
    std::vector<double> starts, memories;
    for (int round = 0; round < rounds; ++round) {
        Hosts hosts(folder / std::to_string(round));
        std::vector<providers::ProviderSettings> all;
        make_directory(folder / std::to_string(round), 0711);
        for (const char *kind : {"dns", "git", "storage", "runtime", "registrar", "acme"}) all.push_back(hosts.settings(kind, std::string("mock-") + kind));
        all.push_back(hosts.settings("storage", "storage-localpath"));
        all.push_back(hosts.settings("git", "git-silo"));
        auto began = Clock::now();
        hosts.run(hosts.open_all(all));
        starts.push_back(microseconds_since(began) / 1000);
        memories.push_back(hosts.memory_mb());
    }
    std::printf("memory       %7.1f MB proportional in eight hosts (goal 40)\n", median(memories));
    std::printf("start        %7.1f ms until eight plugins are open (goal 100)\n", median(starts));
}

}  // namespace

int main(int argc, char **argv) {
    int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 9;
    setenv("SEED_LIBEXEC", SEED_BUILD_DIR "/bin", 1);
    unsetenv("SEED_CHECK_SCHEMAS");
    TemporaryDirectory folder(std::filesystem::temp_directory_path(), "seed-bench-");
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0711));
    std::string only = argc > 2 ? argv[2] : "";
    if (only.empty() || only == "call") measure_calls(folder.path(), rounds);
    if (only.empty() || only == "descriptors") measure_descriptors(folder.path(), rounds);
    if (only.empty() || only == "hosts") measure_hosts(folder.path(), rounds);
    return 0;
}
