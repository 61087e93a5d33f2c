// One HTTP request by libcurl: an answer of bounded size within a bounded time, that can be given up while it is waited for.
#pragma once
#include <curl/curl.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace seed {

struct HttpBounds {
    size_t most_reply;                   // bytes of the answer's body
    std::chrono::milliseconds patience;  // for all of it
    std::function<bool()> give_up;       // asked about once a second and at each piece; may be empty
};
struct HttpOutcome {
    CURLcode code = CURLE_OK;  // CURLE_ABORTED_BY_CALLBACK: given up
    bool too_long = false;     // then the code says nothing
    long status = 0;           // with CURLE_OK, as the body
    std::string body;
};

// Kept in one place until perform() has returned, on one thread.
class HttpRequest {
public:
    // `body`: not copied.  Proxies of the environment are not used.  Failure: internal, libcurl cannot be initialised.
    HttpRequest(const std::string &method, const std::string &url, const std::vector<std::string> &headers, const std::string &body, HttpBounds bounds);
    HttpRequest(const HttpRequest &) = delete;

    CURL *handle() { return handle_.get(); }  // for what is particular to a server
    HttpOutcome perform();                    // once; throws nothing

private:
    static size_t take(char *data, size_t size, size_t count, void *user);
    static int look(void *user, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

    HttpBounds bounds_;
    HttpOutcome outcome_;
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle_;
    std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers_{nullptr, curl_slist_free_all};
};

}  // namespace seed
