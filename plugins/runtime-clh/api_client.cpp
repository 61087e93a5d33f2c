#include "plugins/runtime-clh/api_client.h"

#include <curl/curl.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>

#include <seed/util/text.h>

namespace seed::clh {
namespace {

constexpr size_t most_reply = 4u << 20;

struct Transfer {
    std::string body;
    bool too_long = false;
    const std::function<bool()> *ended = nullptr;
    curl_socket_t connection = CURL_SOCKET_BAD;  // libcurl's
    int descriptor = -1;                         // to be handed over
    char first = 0;                              // byte of the request, which goes with it
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
    const auto &ended = *static_cast<Transfer *>(user)->ended;
    return ended && ended() ? 1 : 0;
}

curl_socket_t make_socket(void *user, curlsocktype, curl_sockaddr *address) {
    return static_cast<Transfer *>(user)->connection = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Connected, and nothing is said yet.  A descriptor travels with bytes, and libcurl cannot send any: the first byte of the request goes by
// hand.
int hand_over(void *user, char *, char *, int, int) {
    auto *transfer = static_cast<Transfer *>(user);
    iovec bytes{&transfer->first, 1};
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
    memcpy(CMSG_DATA(header), &transfer->descriptor, sizeof(int));
    return sendmsg(transfer->connection, &message, MSG_NOSIGNAL) == 1 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
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
    static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle(curl_easy_init(), curl_easy_cleanup);
    if (global != CURLE_OK || !handle) throw Failure(Code::internal, "libcurl cannot be initialised");
    const std::string what = "cloud-hypervisor, asked for " + operation;
    if (patience.count() <= 0) throw Failure(Code::timeout, what + ": the time is over before it was asked");
    curl_slist *list = nullptr;
    for (const char *line : {"Content-Type: application/json", "Expect:"}) list = curl_slist_append(list, line);
    std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(list, curl_slist_free_all);
    Transfer transfer{{}, false, &ended_};
    CURL *curl = handle.get();
    std::string verb = method;
    if (descriptor >= 0) {
        transfer.descriptor = descriptor;
        transfer.first = verb[0];
        verb.erase(0, 1);
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, make_socket);
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &transfer);
        curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, hand_over);
        curl_easy_setopt(curl, CURLOPT_PREREQDATA, &transfer);
    }
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_.c_str());
    curl_easy_setopt(curl, CURLOPT_URL, ("http://localhost/api/v1/" + operation).c_str());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, verb.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(curl, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(patience.count()));
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
        ApiReply reply;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
        reply.body = std::move(transfer.body);
        return reply;
    }
    std::string why = what + ": " + curl_easy_strerror(outcome);
    if (transfer.too_long) throw Failure(Code::limit, what + ": its answer is longer than 4 MiB");
    if (outcome == CURLE_ABORTED_BY_CALLBACK) throw Failure(Code::unavailable, what + ": it ended, or hung up");
    if (outcome == CURLE_OPERATION_TIMEDOUT)
        throw Failure(Code::timeout, what + ": no answer within " + std::to_string(patience.count()) + " ms");
    if (outcome == CURLE_WEIRD_SERVER_REPLY || outcome == CURLE_UNSUPPORTED_PROTOCOL || outcome == CURLE_BAD_CONTENT_ENCODING)
        throw Failure(Code::internal, why + ": this is no cloud-hypervisor");
    throw Failure(Code::unavailable, why);
}

}  // namespace seed::clh
