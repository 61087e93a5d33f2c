#include "plugins/support/net/links.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <cstring>

#include <seed/util/file.h>
#include <seed/util/process.h>
#include <seed/util/text.h>

#include "plugins/support/net/rules.h"

namespace seed::net {
namespace {

// The first rules make the kernel load a dozen modules: tens of seconds on an emulated machine.
constexpr std::chrono::seconds tool_patience(60);

void run_tool(std::vector<std::string> arguments, const std::string &input, const std::string &what) {
    RunResult result = run(SpawnOptions{.arguments = std::move(arguments)}, tool_patience, 1u << 20, input);
    if (result.timed_out) throw Failure(Code::timeout, what + ": no answer within " + std::to_string(tool_patience.count()) + " s");
    if (!result.status.ok())
        throw Failure(Code::internal, what + ": " + printable(trim(result.err), 600) + " (" + result.status.to_string() + ")");
}

void run_ip(const std::string &commands, const std::string &what) {
    run_tool({"/usr/sbin/ip", "-batch", "-"}, commands, what);
}

void set_kernel(const std::string &name, const std::string &value) {
    write_file("/proc/sys/net/" + name, value);
}

}  // namespace

void load_rules(const std::string &text) {
    run_tool({"/usr/sbin/nft", "-f", "-"}, text, "nft");
}

void prepare_namespace() {
    run_ip("link set lo up\n", "lo");
    set_kernel("ipv4/ip_forward", "1");
    set_kernel("ipv6/conf/all/forwarding", "1");
    for (const char *which : {"all", "default"}) {
        const std::string four = std::string("ipv4/conf/") + which + "/", six = std::string("ipv6/conf/") + which + "/";
        set_kernel(four + "rp_filter", "1");
        set_kernel(four + "accept_redirects", "0");
        set_kernel(four + "send_redirects", "0");
        set_kernel(four + "accept_source_route", "0");
        set_kernel(six + "accept_redirects", "0");
        set_kernel(six + "accept_ra", "0");
    }
    const auto has_table = [](const char *name) {
        return run(SpawnOptions{.arguments = {"/usr/sbin/nft", "list", "table", "inet", name}}, tool_patience, 8u << 20)
            .status.ok();
    };
    if (!has_table("seed_guard")) load_rules(render_guard());
    if (!has_table("seed")) load_rules(render_rules({}));
    // Listing it proves nothing about its content, but only we write there: an adopted namespace keeps the rules its guests live
    // by.
}

void route_prefix(const Prefix &prefix) {
    run_ip("route replace unreachable " + prefix.text() + "\nroute replace unreachable 100.64.0.0/10\nroute replace local " +
               prefix.service_net() + " dev lo\naddr replace " + prefix.resolver().text() + "/128 dev lo nodad\n",
           "routes of " + prefix.text());
}

void unroute_prefix(const Prefix &prefix) {
    run_ip("route del unreachable " + prefix.text() + "\nroute del local " + prefix.service_net() + " dev lo\naddr del " +
               prefix.resolver().text() + "/128 dev lo\n",
           "old routes of " + prefix.text());
}

UniqueFd make_tap(const TapRequest &request) {
    UniqueFd tap(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (!tap) fail_errno("/dev/net/tun (it must exist and be writable for the user of this platform)");
    ifreq interface {};
    interface.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    request.name.copy(interface.ifr_name, IFNAMSIZ - 1);
    if (ioctl(tap.get(), TUNSETIFF, &interface)) {
        if (errno == EBUSY) return {};
        fail_errno("tap " + request.name);
    }
    int header = 12;
    if (ioctl(tap.get(), TUNSETVNETHDRSZ, &header)) fail_errno("tap " + request.name + ": header size");
    const std::string six = "ipv6/conf/" + request.name + "/";
    set_kernel(six + "accept_dad", "0");
    set_kernel(six + "addr_gen_mode", "1");
    set_kernel(six + "accept_ra", "0");
    const std::string device = " dev " + request.name;
    run_ip("link set" + device + " up\naddr replace 169.254.0.1/32" + device + "\naddr replace fe80::1/64" + device +
               " nodad\nroute replace " + parse_address6(request.address6)->text() + "/128" + device + "\nroute replace " +
               parse_address4(request.address4)->text() + "/32" + device + " src 169.254.0.1\n",
           "tap " + request.name);
    return tap;
}

namespace {

UniqueFd bound_socket(const Endpoint &endpoint, int type, bool free_bind) {
    const std::string name = endpoint.address.text() + " port " + std::to_string(endpoint.port);
    UniqueFd socket(::socket(endpoint.address.six ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) fail_errno(name);
    const int on = 1;
    if (type == SOCK_STREAM) setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (endpoint.address.six) setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (free_bind && (endpoint.address.six ? setsockopt(socket.get(), IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on)
                                           : setsockopt(socket.get(), IPPROTO_IP, IP_FREEBIND, &on, sizeof on)))
        fail_errno(name);
    SocketAddress address = to_socket_address(endpoint);
    if (bind(socket.get(), address.get(), address.size)) fail_errno(name);
    return socket;
}

}  // namespace

UniqueFd listen_tcp(const Endpoint &endpoint, bool free_bind) {
    UniqueFd socket = bound_socket(endpoint, SOCK_STREAM, free_bind);
    if (listen(socket.get(), 256)) fail_errno(endpoint.address.text() + " port " + std::to_string(endpoint.port));
    return socket;
}

UniqueFd bind_udp(const Endpoint &endpoint, bool free_bind) {
    return bound_socket(endpoint, SOCK_DGRAM, free_bind);
}

}  // namespace seed::net
