#include "plugins/dns-powerdns/http_client.h"

#include <curl/curl.h>

#include <memory>

#include <seed/util/failure.h>

namespace seed::powerdns {
namespace {

constexpr size_t most_reply = 64u << 20;

struct Transfer {
    std::string body;
    bool too_long = false;
    const Waiting *waiting;
};

size_t take(char *data, size_t size, size_t count, void *user) {
    auto *transfer = static_cast<Transfer *>(user);
    if (transfer->body.size() + size * count > most_reply) {
        transfer->too_long = true;
        return 0;
    }
    transfer->body.append(data, size * count);
    return size * count;
}

int look(void *user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    auto *transfer = static_cast<Transfer *>(user);
    return transfer->waiting->cancelled && transfer->waiting->cancelled() ? 1 : 0;
}

}  // namespace

HttpReply http_request(const std::string &method, const std::string &url, const std::string &api_key, const std::string &body,
                       const Waiting &waiting) {
    static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle(curl_easy_init(), curl_easy_cleanup);
    if (global != CURLE_OK || !handle) throw Failure(Code::internal, "libcurl cannot be initialised");
    if (waiting.patience.count() <= 0) throw Failure(Code::timeout, "the deadline passed before PowerDNS was asked");
    curl_slist *list = nullptr;
    for (const std::string &line :
         {"X-API-Key: " + api_key, std::string("Content-Type: application/json"), std::string("Expect:")})
        list = curl_slist_append(list, line.c_str());
    std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(list, curl_slist_free_all);
    Transfer transfer{{}, false, &waiting};
    CURL *curl = handle.get();
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");  // the environment decides nothing
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(waiting.patience.count()));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
    if (!body.empty()) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    }
    CURLcode outcome = curl_easy_perform(curl);
    if (outcome == CURLE_OK) {
        HttpReply reply;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
        reply.body = std::move(transfer.body);
        return reply;
    }
    std::string what = "PowerDNS at " + url.substr(0, url.find("/api/")) + ": " + curl_easy_strerror(outcome);
    if (outcome == CURLE_ABORTED_BY_CALLBACK) throw Failure(Code::cancelled, what);
    if (transfer.too_long) throw Failure(Code::limit, what + ": its answer is longer than 64 MiB");
    throw Failure(outcome == CURLE_OPERATION_TIMEDOUT ? Code::timeout : Code::unavailable, what);
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
