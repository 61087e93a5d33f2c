#include "core/programs/seed-nix-box/door.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <seed/util/failure.h>
#include <seed/util/frame.h>

namespace seed::box {
namespace {

constexpr uint16_t port = 3128;

}  // namespace

void open_door(int door) {
    UniqueFd peer(door), listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!listener || bind(listener.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) || listen(listener.get(), 64))
        fail_errno("open the box's door");
    send_frame(peer.get(), "{}", {listener.get()});
}

std::vector<std::string> door_environment() {
    const std::string proxy = "http://127.0.0.1:" + std::to_string(port), certificates(certificates_in_box);
    // http_proxy too: plain http is then refused by the proxy with a reason, instead of failing to find a route.
    return {"https_proxy=" + proxy,         "http_proxy=" + proxy,          "no_proxy=",
            "NIX_SSL_CERT_FILE=" + certificates, "SSL_CERT_FILE=" + certificates, "GIT_SSL_CAINFO=" + certificates,
            "CURL_CA_BUNDLE=" + certificates};
}

}  // namespace seed::box
