// What instances wrote to their console.  Lines come from the guest: they are passed on as they are, the shell makes them
// printable.
#include <algorithm>
#include <deque>

#include "core/front/api.h"

namespace seed::front {
namespace {

constexpr size_t longest_pattern = 1000;
constexpr size_t most_lines = 100000;

// Which lines were asked for.  The runtime knows only "the last N", so with a filter all that is kept goes through here, and the
// last N that fit come out: first what was there when we began, then what comes.
class Filter {
public:
    Filter(const json &args, std::function<void(const json &)> out) : out_(std::move(out)) {
        lines_ = std::min<size_t>(args.value("lines", size_t{100}), most_lines);
        since_ms_ = args.value("since_ms", int64_t{0});
        pattern_ = args.value("grep", "");
        if (pattern_.size() > longest_pattern)
            throw Failure(Code::invalid, "the text to look for is longer than " + std::to_string(longest_pattern) + " bytes");
    }
    bool active() const { return since_ms_ > 0 || !pattern_.empty(); }
    size_t lines() const { return lines_; }

    void take(const json &line) {
        if (!active()) return out_(line);
        if (line.value("time_ms", int64_t{0}) < since_ms_) return;
        if (line.value("text", "").find(pattern_) == std::string::npos) return;
        if (begun_ || line.value("time_ms", int64_t{0}) > started_ms_) {
            begin();
            return out_(line);
        }
        last_.push_back(line);
        if (last_.size() > lines_) last_.pop_front();
    }
    void begin() {  // what is kept has been seen
        if (begun_) return;
        begun_ = true;
        for (const auto &line : last_) out_(line);
        last_.clear();
    }

private:
    std::function<void(const json &)> out_;
    size_t lines_ = 100;
    int64_t since_ms_ = 0, started_ms_ = unix_ms();
    std::string pattern_;
    std::deque<json> last_;
    bool begun_ = false;
};

Task<void> begin_later(std::shared_ptr<Filter> filter) {
    co_await sleep_for(std::chrono::milliseconds(1000));
    filter->begin();
}

}  // namespace

Task<json> Api::logs(Request &request) {
    std::string text = request.args.at("instance").get<std::string>();
    Target target = co_await resolve_instance(request, text);
    auto filter = std::make_shared<Filter>(request.args, request.item);
    runtime::LogsRequest logs;
    logs.instance = deployer_.worker(target.repository).flake().ns + "/" + target.instance;
    // The contract's 0 means all; nobody who asks for no old lines wants that.
    logs.lines = filter->active() ? 0 : static_cast<uint32_t>(std::clamp<size_t>(filter->lines(), 1, most_lines));
    logs.follow = request.args.value("follow", false);
    bool nothing_old = !filter->active() && filter->lines() == 0;
    if (nothing_old && !logs.follow) co_return json::object();
    // A quiet instance says nothing that would end the old lines.
    if (filter->active() && logs.follow) spawn_task(deployer_.world().executor, "logs", begin_later(filter));
    providers::CallOptions options;
    options.stream = true;
    int64_t began = unix_ms();
    options.on_item = [filter, nothing_old, began](const json &line, std::vector<UniqueFd>) {
        if (nothing_old && line.value("time_ms", int64_t{0}) < began) return;
        filter->take(line);
    };
    co_await deployer_.world().runtime->call(request.call, "logs", logs, std::move(options));
    filter->begin();
    co_return json::object();
}

}  // namespace seed::front
