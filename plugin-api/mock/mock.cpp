#include "mock.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include <seed/util/file.h>
#include <seed/util/text.h>

namespace seed::mock {

namespace {

bool lists(const json &script, const char *key, const std::string &slot) {
    auto found = script.find(key);
    if (found == script.end() || !found->is_array()) return false;
    for (const json &name : *found) {
        if (name == slot || name == "*") return true;
    }
    return false;
}

const json *entry(const json &script, const char *key, const std::string &slot) {
    auto found = script.find(key);
    if (found == script.end() || !found->is_object()) return nullptr;
    for (const std::string &name : {slot, std::string("*")}) {
        if (auto inner = found->find(name); inner != found->end()) return &*inner;
    }
    return nullptr;
}

}  // namespace

std::string mark_of(const std::string &path) {
    struct stat file {};
    if (stat(path.c_str(), &file) != 0) return "";
    return std::to_string(file.st_ino) + "/" + std::to_string(file.st_size) + "/" + std::to_string(file.st_mtim.tv_sec) + "." +
           std::to_string(file.st_mtim.tv_nsec);
}

Mock::Mock(const plugin::Host &host, const json &config) : host_(host), config_(config) {
    host_.log(SEED_DEBUG, "mock opened");
    if (auto secret = config.find("secret"); secret != config.end() && config.value("careless", false)) {
        host_.log(SEED_INFO, "a careless plugin logs its secret " + secret->get<std::string>());
    }
}

json Mock::script() {
    auto text = read_file_if_exists(path("script.json"));
    return text ? parse_json(*text, "script.json") : config_;
}

void Mock::refresh() {
    if (written_ != version_) return;  // ours is newer
    std::string mark = mark_of(path("state.json"));
    if (mark == mark_) return;
    auto text = read_file_if_exists(path("state.json"));
    state_ = text ? parse_json(*text, "state.json") : json::object();
    mark_ = mark;
    written_ = ++version_;
}

json Mock::state() {
    std::lock_guard guard(lock_);
    refresh();
    return state_;
}

void Mock::look(const std::function<void(const json &)> &look) {
    std::lock_guard guard(lock_);
    refresh();
    look(state_);
}

uint64_t Mock::version() {
    std::lock_guard guard(lock_);
    refresh();
    return version_;
}

void Mock::change(const std::function<void(json &)> &change) {
    std::unique_lock guard(lock_);
    refresh();
    change(state_);
    uint64_t mine = ++version_;
    while (written_ < mine) {  // one writes for all who have changed something meanwhile
        if (writing_) {
            wrote_.wait(guard);
            continue;
        }
        writing_ = true;
        uint64_t version = version_;
        std::string text = state_.dump(), file = path("state.json");
        guard.unlock();
        std::exception_ptr trouble;
        try {
            write_file_atomically(file, text, 0600);
        } catch (...) {
            trouble = std::current_exception();
        }
        guard.lock();
        writing_ = false;
        wrote_.notify_all();
        if (trouble) std::rethrow_exception(trouble);
        written_ = version;
        mark_ = mark_of(file);
    }
}

int Mock::count(const std::string &what) {
    int before = 0;
    change([&](json &state) {
        json &counter = state["counters"][what];
        before = counter.is_number() ? counter.get<int>() : 0;
        counter = before + 1;
    });
    return before;
}

void Mock::enter(const plugin::Call &call, const std::string &slot, const json &request) {
    json line = {{"slot", slot}, {"request_id", call.request_id()}, {"request", request}, {"time_ms", unix_ms_now()}};
    {
        std::lock_guard guard(lock_);
        UniqueFd log = open_file(path("calls.jsonl"), O_WRONLY | O_CREAT | O_APPEND, 0600);
        write_all(log.get(), to_json_text(line) + "\n");
    }
    json script = this->script();
    if (auto only = script.find("only"); only != script.end() && only->is_string() &&
                                         to_json_text(line["request"]).find(only->get_ref<const std::string &>()) == std::string::npos)
        return;

    int delay = 0;
    if (auto found = script.find("delay_ms"); found != script.end() && found->is_number()) delay = found->get<int>();
    if (const json *own = entry(script, "delay_ms", slot)) delay = own->get<int>();
    auto end = call.remaining() - std::chrono::milliseconds(delay);
    while (delay > 0 && call.remaining() > end) {
        call.check();
        usleep(1000);
    }
    if (const json *times = entry(script, "crash", slot)) {
        if (count("crash " + slot) < times->get<int>()) {
            raise(SIGKILL);  // no core dump, no sanitizer report: gone
        }
    }
    if (lists(script, "throw", slot)) throw 42;
    while (lists(script, "hang", slot)) pause();
    if (const json *duration = entry(script, "ignore_ms", slot)) usleep(duration->get<useconds_t>() * 1000);
    while (lists(script, "wait", slot)) call.wait(-1, 0);
    if (const json *failures = entry(script, "fail", slot)) {
        int before = count("fail " + slot);
        for (const json &failure : *failures) {
            int times = failure.value("times", 1);
            if (times == 0 || before < times) {
                throw Failure(code_from_int(failure.value("code", 10)), failure.value("text", "the mock's script says so"),
                              failure.value("retry_after_ms", 0));
            }
            before -= times;
        }
    }
}

}  // namespace seed::mock
