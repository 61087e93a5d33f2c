// cloud-hypervisor's REST API: HTTP/1.1 on a UNIX socket, one request for each connection.
// Source: vmm/src/api/http of cloud-hypervisor v53; success is 200 or 204, an error's body is a JSON array of messages.
#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include <seed/codec.hpp>

namespace seed::clh {

struct ApiReply {
    long status = 0;
    std::string body;  // at most 4 MiB
    bool ok() const { return status == 200 || status == 204; }
    std::string reason() const;  // of one that is not ok, printable: "400: VM config is invalid: duplicate id"
};

class ApiClient {
public:
    // `socket`: its path, relative or not, at most 107 bytes.  `ended`: says that nobody will answer any more; it is asked while we wait.
    ApiClient(std::string socket, std::function<bool()> ended) : socket_(std::move(socket)), ended_(std::move(ended)) {}

    // Not thread-safe.  `body`: none for a request without one.  `descriptor`: given to the other side together with the request; -1: none.
    // Failure: unavailable (it does not listen, hung up, ended), timeout, limit (an answer without end), internal (no HTTP).
    ApiReply get(const std::string &operation, std::chrono::milliseconds patience) const;
    ApiReply put(const std::string &operation, const std::optional<json> &body, std::chrono::milliseconds patience, int descriptor = -1) const;

private:
    ApiReply request(const std::string &method, const std::string &operation, const std::string &body, std::chrono::milliseconds patience,
                     int descriptor) const;
    std::string socket_;
    std::function<bool()> ended_;
};

}  // namespace seed::clh
