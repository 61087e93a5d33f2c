// Webhook deliveries: "something changed in a repository that is hosted elsewhere", signed as GitHub does.
//
//  1. The body's HMAC-SHA256 with a secret of ours must be in X-Hub-Signature-256 ("sha256=" and 64 hex digits); it is compared
//     in constant time.  Nothing of the body is looked at before.  Gitea, Forgejo and others can sign in the same form.
//  2. The secrets are the lines of a file that only the platform's user may read; several while one is being replaced.  No file,
//     no secret: everything is refused.
//  3. A body that was accepted within the last day is accepted once: what was recorded on the way cannot be sent again.
//  4. The body, now known to be meant for us, is JSON and names a repository; the last part of its name is ours.
// What a delivery leads to is a look at the repository: whoever could forge one would gain no more than that.
#pragma once
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/call.h"

namespace seed::front {

inline constexpr size_t webhook_body_limit = 512u << 10;
inline constexpr size_t webhook_secret_bytes = 16;  // at least, each

// Lines of the file, without those that are empty or begin with '#'.  Failure(unavailable) naming the file and the remedy when it
// is missing, readable for others, or has no or too short secrets.
std::vector<std::string> read_webhook_secrets(const std::string &path);
// Is `header` ("sha256=HEX") the signature of `body` with one of the secrets?  As slow for wrong ones as for right ones.
bool signed_with_one_of(const std::vector<std::string> &secrets, std::string_view header, std::string_view body);

struct Delivery {
    bool push = false;       // false: a ping or something else that changes no ref
    std::string repository;  // as named there: "owner/name" or "name"
};
// Of a body whose signature is good.  Failure(invalid) when it names no repository.
Delivery read_delivery(std::string_view body);

// Signatures seen of late.  Bounded: the oldest are forgotten first.
class Replays {
public:
    using Clock = Call::Clock;
    bool first_time(const std::string &signature, Clock::time_point now);

private:
    static constexpr auto window = std::chrono::hours(24);
    static constexpr size_t most = 10000;
    std::set<std::string> known_;
    std::deque<std::pair<Clock::time_point, std::string>> order_;
};

}  // namespace seed::front
