#include "core/conformance/process_state.h"

#include <dirent.h>
#include <locale.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include <seed/util/file.h>

extern char **environ;

namespace seed::conformance {

namespace fs = std::filesystem;

namespace {

template <typename Use>
void each_number(const char *folder, Use use) {
    DIR *directory = opendir(folder);
    if (!directory) return;
    int own = dirfd(directory);
    while (dirent *entry = readdir(directory)) {
        int number = std::atoi(entry->d_name);
        if (entry->d_name[0] != '.' && number != own) use(number);
    }
    closedir(directory);
}

}  // namespace

std::map<int, std::string> open_descriptors() {
    std::map<int, std::string> result;
    each_number("/proc/self/fd", [&](int number) {
        std::error_code error;
        auto target = fs::read_symlink("/proc/self/fd/" + std::to_string(number), error);
        if (!error) result[number] = target.string();
    });
    return result;
}

std::set<int> threads() {
    std::set<int> result;
    each_number("/proc/self/task", [&](int number) { result.insert(number); });
    return result;
}

std::set<int> children() {
    std::set<int> result;
    for (int thread : threads()) {
        auto text = read_file_if_exists("/proc/self/task/" + std::to_string(thread) + "/children");
        const char *at = text ? text->c_str() : "";
        for (char *end; ; at = end) {
            long number = std::strtol(at, &end, 10);
            if (end == at) break;
            result.insert(static_cast<int>(number));
        }
    }
    return result;
}

std::string manners_state() {
    std::string state = "working directory " + fs::current_path().string() + "\n";
    mode_t mask = umask(022);
    umask(mask);
    state += "umask " + std::to_string(mask) + "\n";
    for (int number = 1; number < 65; ++number) {
        struct sigaction action {};
        if (sigaction(number, nullptr, &action) == 0)
            state += "signal " + std::to_string(number) + " " + std::to_string(reinterpret_cast<uintptr_t>(action.sa_sigaction)) + "\n";
    }
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    for (int number = 1; number < 65; ++number) {
        if (sigismember(&blocked, number) == 1) state += "blocked signal " + std::to_string(number) + "\n";
    }
    state += std::string("locale ") + setlocale(LC_ALL, nullptr) + "\n";
    for (char **entry = environ; *entry; ++entry) state += std::string("environment ") + *entry + "\n";
    for (auto limit : {RLIMIT_NOFILE, RLIMIT_AS, RLIMIT_CORE}) {
        rlimit value{};
        getrlimit(limit, &value);
        state += "limit " + std::to_string(limit) + " " + std::to_string(value.rlim_cur) + "\n";
    }
    return state;
}

}  // namespace seed::conformance
