// The asking side of seedd's front protocol (docs/architecture.md, "How processes talk"): one socket, any number of requests at
// once.  Blocking, thread-safe: each request waits on its caller's thread, a reader thread of ours hands the answers out.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <seed/util/fd.h>

#include "core/front/cancellation.h"

namespace seed::front {

class Client {
public:
    using Item = std::function<void(const nlohmann::json &item)>;

    explicit Client(UniqueFd socket);
    ~Client();  // closes the socket; requests in flight end with Failure(unavailable)
    Client(const Client &) = delete;

    // The answer's "ok".  Throws the Failure seedd answered with, Failure(unavailable) when seedd is gone and
    // Failure(cancelled) as soon as `cancel` fires (seedd is told, nobody waits for its answer).
    // `descriptors` are borrowed until they are sent; they may be closed when `on_sent` (may be null) is called.
    nlohmann::json request(const std::string &op, const nlohmann::json &args, Cancellation *cancel = nullptr,
                           const std::vector<int> &descriptors = {}, const std::function<void()> &on_sent = nullptr);
    // Calls `on_item` on this thread for each item, in order, then returns "ok".  What `on_item` throws cancels the request.
    // A reader that is slow holds back the answers of its own connection, never memory: at most `backlog_limit` bytes wait.
    nlohmann::json stream(const std::string &op, const nlohmann::json &args, const Item &on_item, Cancellation *cancel = nullptr);

    static constexpr size_t backlog_limit = 8u << 20;

private:
    struct State;
    nlohmann::json run(const std::string &op, const nlohmann::json &args, const Item &on_item, Cancellation *cancel,
                       const std::vector<int> &descriptors, const std::function<void()> &on_sent);
    std::shared_ptr<State> state_;
};

}  // namespace seed::front
