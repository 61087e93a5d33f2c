#include "plugins/runtime-clh/api_client.h"

#include <sys/socket.h>

#include <cstring>

#include <seed/util/text.h>

#include "plugins/support/http/http_request.h"

namespace seed::clh {
namespace {

constexpr size_t most_reply = 4u << 20;

struct Gift {                                    // a descriptor that goes with the request
    curl_socket_t connection = CURL_SOCKET_BAD;  // libcurl's
    int descriptor = -1;
    char first = 0;                              // byte of the request, which goes with it
};

curl_socket_t make_socket(void *user, curlsocktype, curl_sockaddr *address) {
    return static_cast<Gift *>(user)->connection = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Connected, and nothing is said yet.  A descriptor travels with bytes, and libcurl cannot send any: the first byte of the request goes by
// hand.
int hand_over(void *user, char *, char *, int, int) {
    auto *gift = static_cast<Gift *>(user);
    iovec bytes{&gift->first, 1};
    alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = room;
    message.msg_controllen = sizeof room;
    cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &gift->descriptor, sizeof(int));
    return sendmsg(gift->connection, &message, MSG_NOSIGNAL) == 1 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

}  // namespace

std::string ApiReply::reason() const {
    std::string text = std::to_string(status);
    json messages = json::parse(body, nullptr, false);
    if (!messages.is_array()) return text + (body.empty() ? "" : ": " + printable(body, 300));
    for (const json &message : messages)
        if (message.is_string() && text.size() < 600) text += ": " + printable(message.get_ref<const std::string &>(), 300);
    return text;
}

ApiReply ApiClient::get(const std::string &operation, std::chrono::milliseconds patience) const {
    return request("GET", operation, {}, patience, -1);
}

ApiReply ApiClient::put(const std::string &operation, const std::optional<json> &body, std::chrono::milliseconds patience, int descriptor) const {
    return request("PUT", operation, body ? body->dump() : std::string(), patience, descriptor);
}

ApiReply ApiClient::request(const std::string &method, const std::string &operation, const std::string &body,
                            std::chrono::milliseconds patience, int descriptor) const {
    const std::string what = "cloud-hypervisor, asked for " + operation;
    if (patience.count() <= 0) throw Failure(Code::timeout, what + ": the time is over before it was asked");
    Gift gift;
    gift.descriptor = descriptor;
    gift.first = method[0];
    HttpRequest asked(descriptor < 0 ? method : method.substr(1), "http://localhost/api/v1/" + operation, {"Content-Type: application/json", "Expect:"}, body,
                      {most_reply, patience, ended_});
    CURL *curl = asked.handle();
    if (descriptor >= 0) {
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, make_socket);
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &gift);
        curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, hand_over);
        curl_easy_setopt(curl, CURLOPT_PREREQDATA, &gift);
    }
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(curl, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    HttpOutcome outcome = asked.perform();
    if (outcome.code == CURLE_OK) return {outcome.status, std::move(outcome.body)};
    std::string why = what + ": " + curl_easy_strerror(outcome.code);
    if (outcome.too_long) throw Failure(Code::limit, what + ": its answer is longer than 4 MiB");
    if (outcome.code == CURLE_ABORTED_BY_CALLBACK) throw Failure(Code::unavailable, what + ": it ended, or hung up");
    if (outcome.code == CURLE_OPERATION_TIMEDOUT)
        throw Failure(Code::timeout, what + ": no answer within " + std::to_string(patience.count()) + " ms");
    if (outcome.code == CURLE_WEIRD_SERVER_REPLY || outcome.code == CURLE_UNSUPPORTED_PROTOCOL || outcome.code == CURLE_BAD_CONTENT_ENCODING)
        throw Failure(Code::internal, why + ": this is no cloud-hypervisor");
    throw Failure(Code::unavailable, why);
}

}  // namespace seed::clh
