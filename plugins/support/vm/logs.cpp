#include "plugins/support/vm/logs.h"

#include <poll.h>

#include <algorithm>
#include <charconv>

#include <seed/util/file.h>
#include <seed/util/text.h>

namespace seed::vm {
namespace {

constexpr size_t kept_bytes = 4u << 20;
constexpr int follow_ms = 150;  // between two looks at files that grow

std::vector<std::filesystem::path> kept_files(const std::filesystem::path &folder) {
    std::vector<std::filesystem::path> result;
    std::error_code ignored;
    for (const auto &entry : std::filesystem::directory_iterator(folder, ignored))
        if (entry.path().extension() == ".log") result.push_back(entry.path());
    std::sort(result.begin(), result.end());
    return result;
}

}  // namespace

std::string boot_id(const std::string &handle) {
    return handle.substr(handle.rfind('/') + 1);
}

void Logs::keep(const Machine &machine) const {
    std::string text;
    LogReader(machine.folder / run_folder).read([&](int64_t time, std::string_view line) {
        text += std::to_string(time) + " " + std::string(line) + "\n";
    });
    if (text.empty()) return;
    std::filesystem::path folder = folder_ / escape(machine.spec.boot.instance);
    make_directory(folder_, 0700);
    make_directory(folder, 0700);
    char began[32];
    snprintf(began, sizeof began, "%015lld", static_cast<long long>(machine.spec.started_ms));
    write_file_atomically(folder / (std::string(began) + "-" + escape(boot_id(machine.spec.boot.handle)) + ".log"), text, 0600);
    std::vector<std::filesystem::path> files = kept_files(folder);
    size_t total = 0;
    for (size_t n = files.size(); n-- > 0;) {
        std::error_code ignored;
        total += std::filesystem::file_size(files[n], ignored);
        if (total > kept_bytes) std::filesystem::remove(files[n], ignored);
    }
}

void Logs::stream(plugin::Call &call, const runtime::LogsRequest &request) const {
    std::deque<runtime::LogLine> last;
    bool collecting = true;
    auto take = [&](const std::string &boot, int64_t time, std::string_view text) {
        runtime::LogLine line{time, boot, std::string(text)};
        if (!collecting) return call.item(line);
        last.push_back(std::move(line));
        if (request.lines && last.size() > request.lines) last.pop_front();
    };
    for (const auto &path : kept_files(folder_ / escape(request.instance))) {
        std::string name = path.stem();
        std::string boot = name.substr(std::min(name.size(), name.find('-') + 1));
        for (const std::string &line : split(read_file(path), '\n')) {
            int64_t time = 0;
            auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), time);
            if (error == std::errc() && end != line.data() + line.size())
                take(boot, time, std::string_view(line).substr(static_cast<size_t>(end - line.data()) + 1));
        }
    }
    std::map<std::string, LogReader> readers;  // of the boots that exist, by handle
    auto read_all_boots = [&] {
        for (const Machine &machine : machines_.all()) {
            const std::string &handle = machine.spec.boot.handle;
            if (machine.spec.boot.instance != request.instance) continue;
            auto [reader, fresh] = readers.try_emplace(handle, machine.folder / run_folder);
            reader->second.read([&](int64_t time, std::string_view text) { take(boot_id(handle), time, text); });
        }
    };
    read_all_boots();
    for (const runtime::LogLine &line : last) call.item(line);
    collecting = false;
    while (request.follow) {
        pollfd cancel{call.cancel_descriptor(), POLLIN, 0};
        poll(&cancel, 1, follow_ms);
        call.check();
        read_all_boots();
    }
}

}  // namespace seed::vm
