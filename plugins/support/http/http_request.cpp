#include "plugins/support/http/http_request.h"

#include <seed/util/failure.h>

namespace seed {

HttpRequest::HttpRequest(const std::string &method, const std::string &url, const std::vector<std::string> &headers, const std::string &body,
                         HttpBounds bounds)
    : bounds_(std::move(bounds)), handle_(nullptr, curl_easy_cleanup) {
    static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
    handle_.reset(curl_easy_init());
    if (global != CURLE_OK || !handle_) throw Failure(Code::internal, "libcurl cannot be initialised");
    curl_slist *list = nullptr;
    for (const auto &line : headers) list = curl_slist_append(list, line.c_str());
    headers_.reset(list);
    CURL *curl = handle();
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers_.get());
    curl_easy_setopt(curl, CURLOPT_PROXY, "");  // the environment decides nothing
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(bounds_.patience.count()));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, this);
    if (!body.empty()) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    }
}

HttpOutcome HttpRequest::perform() {
    outcome_.code = curl_easy_perform(handle());
    if (outcome_.code == CURLE_OK) curl_easy_getinfo(handle(), CURLINFO_RESPONSE_CODE, &outcome_.status);
    return std::move(outcome_);
}

size_t HttpRequest::take(char *data, size_t size, size_t count, void *user) {
    auto *request = static_cast<HttpRequest *>(user);
    std::string &body = request->outcome_.body;
    if (body.size() + size * count > request->bounds_.most_reply) {
        request->outcome_.too_long = true;
        return 0;
    }
    body.append(data, size * count);
    return size * count;
}

int HttpRequest::look(void *user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    const auto &give_up = static_cast<HttpRequest *>(user)->bounds_.give_up;
    return give_up && give_up() ? 1 : 0;
}

}  // namespace seed
