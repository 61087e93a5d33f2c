#include "core/conformance/runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>

#include <seed/util/file.h>
#include <seed/util/process.h>
#include <seed/util/text.h>
#include <seed/codec.hpp>

#include "core/conformance/process_state.h"

namespace seed::conformance {

namespace {

using Clock = std::chrono::steady_clock;

Finding judge(const Check &check, const Subject &subject) {
    try {
        if (!subject.reset.empty()) {
            SpawnOptions options;
            options.arguments = subject.reset;
            options.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
            RunResult result = run(options, std::chrono::seconds(30));
            if (!result.status.ok()) return {Verdict::fail, "\"reset\" ended with " + result.status.to_string() + ": " + result.err};
        }
        check.run(subject);
        return {Verdict::pass, ""};
    } catch (const Finding &finding) {
        return finding;
    } catch (const std::exception &error) {
        return {Verdict::fail, error.what()};
    } catch (...) {
        return {Verdict::fail, "something was thrown that is no exception"};
    }
}

// A check under way: a child that writes its finding to a pipe.
struct Running {
    size_t index;
    pid_t pid;
    UniqueFd pipe;
    std::string said;
    Clock::time_point begin, limit;
    bool overran = false;
};

Running start(size_t index, const Check &check, Subject subject) {
    std::fflush(nullptr);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) fail_errno("pipe");
    pid_t pid = fork();
    if (pid < 0) fail_errno("fork");
    if (pid == 0) {
        close(ends[0]);
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        rlimit none{0, 0};
        setrlimit(RLIMIT_CORE, &none);   // a crash is a result
        UniqueFd devnull(open("/dev/null", O_RDWR | O_CLOEXEC));
        dup2(devnull.get(), 0);
        dup2(devnull.get(), 1);   // the report's; what a plugin prints there is the business of manners.quiet
        Finding finding = judge(check, subject);
        std::string text = std::string(1, static_cast<char>('0' + static_cast<int>(finding.verdict))) + finding.text.substr(0, 8192);
        [[maybe_unused]] auto written = write(ends[1], text.data(), text.size());
        _exit(0);   // what the plugin left behind is not run through destructors
    }
    close(ends[1]);
    setpgid(pid, pid);
    auto now = Clock::now();
    return {index, pid, UniqueFd(ends[0]), "", now, now + std::chrono::seconds(check.seconds), false};
}

Result finish(Running &run, const Check &check) {
    if (run.overran) kill(-run.pid, SIGKILL);
    int status = 0;
    while (waitpid(run.pid, &status, 0) < 0 && errno == EINTR) {
    }
    kill(-run.pid, SIGKILL);   // whatever it started
    Result result{&check, Verdict::fail, "", std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - run.begin).count()};
    if (run.overran) {
        result.text = "did not end within " + std::to_string(check.seconds) + " s and was killed";
    } else if (WIFSIGNALED(status)) {
        result.text = std::string("crashed: ") + strsignal(WTERMSIG(status));
    } else if (WEXITSTATUS(status) != 0 || run.said.empty()) {
        result.text = "the process ended with " + std::to_string(WEXITSTATUS(status)) + ": exit() was called in the plugin, or a sanitizer stopped it";
    } else {
        result.verdict = static_cast<Verdict>(run.said[0] - '0');
        result.text = run.said.substr(1);
    }
    return result;
}

void report(const Result &result, size_t number, Report form) {
    std::string text = printable(result.text, 4000);
    if (form == Report::json) {
        json line = {{"id", result.check->id}, {"verdict", to_string(result.verdict)}, {"rule", result.check->rule}, {"took_ms", result.took_ms}};
        if (!text.empty()) line["text"] = text;
        std::printf("%s\n", to_json_text(line).c_str());
    } else {
        const char *directive = result.verdict == Verdict::skip ? " # SKIP " : result.verdict == Verdict::warn ? " # TODO " : "";
        std::printf("%s %zu - %s: %s%s%s\n", result.verdict == Verdict::fail ? "not ok" : "ok", number, result.check->id.c_str(), result.check->rule.c_str(), directive,
                    *directive ? text.c_str() : "");
        if (result.verdict == Verdict::fail) std::printf("  ---\n  %s\n  ...\n", text.c_str());
    }
    std::fflush(stdout);
}

}  // namespace

int run_checks(const Subject &subject, const RunOptions &options) {
    std::vector<const Check *> chosen;
    for (const Check &check : options.checks ? *options.checks : all_checks()) {
        if (std::regex_search(check.id, options.only)) chosen.push_back(&check);
    }
    if (options.report == Report::tap) std::printf("TAP version 13\n1..%zu\n# seed %llu\n", chosen.size(), static_cast<unsigned long long>(subject.seed));
    TemporaryDirectory work(subject.work, "check-");
    make_directory(work.path(), 0755);
    auto subject_of = [&](size_t index) {
        Subject own = subject;
        own.work = (work.path() / std::to_string(index)).string();
        make_directory(own.work, 0755);   // a provider's programs may have a user of their own
        return own;
    };

    std::map<size_t, Result> results;
    std::vector<Running> running;
    size_t next = 0, reported = 0;
    int failed = 0;
    while (reported < chosen.size()) {
        while (next < chosen.size() && running.size() < std::max(1u, options.parallel)) {
            if (options.in_this_process) {
                auto begin = Clock::now();
                Finding finding = judge(*chosen[next], subject_of(next));
                auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count();
                results[next] = {chosen[next], finding.verdict, finding.text, took};
            } else {
                running.push_back(start(next, *chosen[next], subject_of(next)));
            }
            ++next;
            if (options.in_this_process) break;
        }
        std::vector<pollfd> set;
        auto soonest = Clock::now() + std::chrono::hours(1);
        for (const Running &run : running) {
            set.push_back({run.pipe.get(), POLLIN, 0});
            soonest = std::min(soonest, run.limit);
        }
        if (!running.empty()) {
            auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(soonest - Clock::now()).count() + 1;
            poll(set.data(), set.size(), static_cast<int>(std::max<int64_t>(0, patience)));
        }
        for (size_t i = running.size(); i-- > 0;) {
            Running &run = running[i];
            bool ended = false;
            if (set[i].revents) {
                char buffer[4096];
                ssize_t count = read(run.pipe.get(), buffer, sizeof buffer);
                if (count > 0) run.said.append(buffer, static_cast<size_t>(count));
                ended = count <= 0;
            }
            run.overran = !ended && Clock::now() >= run.limit;
            if (!ended && !run.overran) continue;
            size_t index = run.index;
            results[index] = finish(run, *chosen[index]);
            running.erase(running.begin() + static_cast<ptrdiff_t>(i));
            std::error_code ignored;
            std::filesystem::remove_all(work.path() / std::to_string(index), ignored);
        }
        for (auto found = results.find(reported); found != results.end(); found = results.find(reported)) {
            failed += found->second.verdict == Verdict::fail;
            report(found->second, ++reported, options.report);
        }
    }
    return failed;
}

}  // namespace seed::conformance
