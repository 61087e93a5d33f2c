// One HTTP request with a deadline and a way to stop it.  Thread-safe: nothing is kept between requests, because PowerDNS closes
// each connection anyway.
#pragma once
#include <chrono>
#include <functional>
#include <string>

namespace seed::powerdns {

struct Waiting {  // how long, and whether to go on
    std::chrono::milliseconds patience;
    std::function<bool()> cancelled;  // may be empty
};
struct HttpReply {
    long status = 0;
    std::string body;
};
// Throws Failure: unavailable (no connection, reset; the text never holds the key), timeout, cancelled, limit.
HttpReply http_request(const std::string &method, const std::string &url, const std::string &api_key, const std::string &body,
                       const Waiting &waiting);
std::string percent_encoded(const std::string &text);

}  // namespace seed::powerdns
