// eth0 as the host routes it: one address of each family, gateways on link, nothing automatic.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/guest/machine.h"

namespace seed::guest {
namespace {

constexpr const char *gateway6 = "fe80::1", *gateway4 = "169.254.0.1";

void write_sysctl(const char *path, const char *value) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (write(fd, value, strlen(value)) < 0) { /* the kernel's default stays */
    }
    close(fd);
}

bool raise_interface(int socket, const char *name) {
    ifreq request{};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(socket, SIOCGIFFLAGS, &request)) return false;
    request.ifr_flags |= IFF_UP;
    return ioctl(socket, SIOCSIFFLAGS, &request) == 0;
}

void put_address(sockaddr &into, const char *address) {
    auto &in = reinterpret_cast<sockaddr_in &>(into);
    in.sin_family = AF_INET;
    inet_pton(AF_INET, address, &in.sin_addr);
}

bool set_address4(int socket, const std::string &address) {
    ifreq request{};
    strcpy(request.ifr_name, "eth0");
    put_address(request.ifr_addr, address.c_str());
    if (ioctl(socket, SIOCSIFADDR, &request)) return false;
    put_address(request.ifr_netmask, "255.255.255.255");
    if (ioctl(socket, SIOCSIFNETMASK, &request)) return false;
    char device[] = "eth0";
    rtentry link{};
    put_address(link.rt_dst, gateway4);
    put_address(link.rt_genmask, "255.255.255.255");
    link.rt_flags = RTF_UP | RTF_HOST;
    link.rt_dev = device;
    if (ioctl(socket, SIOCADDRT, &link)) return false;
    rtentry way_out{};
    put_address(way_out.rt_dst, "0.0.0.0");
    put_address(way_out.rt_genmask, "0.0.0.0");
    put_address(way_out.rt_gateway, gateway4);
    way_out.rt_flags = RTF_UP | RTF_GATEWAY;
    way_out.rt_dev = device;
    return ioctl(socket, SIOCADDRT, &way_out) == 0;
}

bool set_address6(int socket, const std::string &address) {
    in6_ifreq request{};
    request.ifr6_ifindex = static_cast<int>(if_nametoindex("eth0"));
    request.ifr6_prefixlen = 128;
    inet_pton(AF_INET6, address.c_str(), &request.ifr6_addr);
    if (ioctl(socket, SIOCSIFADDR, &request)) return false;
    in6_rtmsg way_out{};
    inet_pton(AF_INET6, gateway6, &way_out.rtmsg_gateway);
    way_out.rtmsg_flags = RTF_UP | RTF_GATEWAY;
    way_out.rtmsg_metric = 1024;
    way_out.rtmsg_ifindex = request.ifr6_ifindex;
    return ioctl(socket, SIOCADDRT, &way_out) == 0;
}

}  // namespace

std::string set_network(const Configuration &configuration) {
    int socket4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), socket6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    raise_interface(socket4, "lo");
    std::string error;
    if (!configuration.address6.empty() || !configuration.address4.empty()) {
        for (const char *scope : {"default", "eth0"}) {  // before the interface goes up: an address must serve at once
            std::string folder = std::string("/proc/sys/net/ipv6/conf/") + scope;
            write_sysctl((folder + "/accept_dad").c_str(), "0");
            write_sysctl((folder + "/accept_ra").c_str(), "0");
        }
        if (!raise_interface(socket4, "eth0")) error = std::string("there is no eth0: ") + strerror(errno);
        if (error.empty() && !configuration.address4.empty() && !set_address4(socket4, configuration.address4))
            error = "cannot set the IPv4 address: " + std::string(strerror(errno));
        if (error.empty() && !configuration.address6.empty() && !set_address6(socket6, configuration.address6))
            error = "cannot set the IPv6 address: " + std::string(strerror(errno));
    }
    close(socket4);
    close(socket6);
    return error;
}

}  // namespace seed::guest
