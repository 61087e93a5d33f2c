#include "plugins/dns-powerdns/http_client.h"

#include <seed/util/failure.h>

#include "plugins/support/http/http_request.h"

namespace seed::powerdns {

constexpr size_t most_reply = 64u << 20;

HttpReply http_request(const std::string &method, const std::string &url, const std::string &api_key, const std::string &body,
                       const Waiting &waiting) {
    if (waiting.patience.count() <= 0) throw Failure(Code::timeout, "the deadline passed before PowerDNS was asked");
    HttpRequest request(method, url, {"X-API-Key: " + api_key, "Content-Type: application/json", "Expect:"}, body,
                        {most_reply, waiting.patience, waiting.cancelled});
    curl_easy_setopt(request.handle(), CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(request.handle(), CURLOPT_CONNECTTIMEOUT_MS, 5000L);
    HttpOutcome outcome = request.perform();
    if (outcome.code == CURLE_OK) return {outcome.status, std::move(outcome.body)};
    std::string what = "PowerDNS at " + url.substr(0, url.find("/api/")) + ": " + curl_easy_strerror(outcome.code);
    if (outcome.code == CURLE_ABORTED_BY_CALLBACK) throw Failure(Code::cancelled, what);
    if (outcome.too_long) throw Failure(Code::limit, what + ": its answer is longer than 64 MiB");
    throw Failure(outcome.code == CURLE_OPERATION_TIMEDOUT ? Code::timeout : Code::unavailable, what);
}

std::string percent_encoded(const std::string &text) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    for (unsigned char c : text) {
        if (isalnum(c) || c == '-' || c == '.' || c == '_')
            out += static_cast<char>(c);
        else
            (out += '%') += {digits[c >> 4], digits[c & 15]};
    }
    return out;
}

}  // namespace seed::powerdns
