#include "core/programs/seed-fetch-proxy/public_address.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include <array>
#include <cstdint>

namespace seed::fetch {
namespace {

namespace ip = boost::asio::ip;

struct Range4 {
    uint32_t first;
    int bits;
    const char *what;
};
constexpr uint32_t v4(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    return a << 24 | b << 16 | c << 8 | d;
}
constexpr std::array ranges = {
    Range4{v4(0, 0, 0, 0), 8, "an address of this network"},
    Range4{v4(10, 0, 0, 0), 8, "a private address"},
    Range4{v4(100, 64, 0, 0), 10, "a private address"},  // carriers' NAT; also of instances
    Range4{v4(127, 0, 0, 0), 8, "a loopback address"},
    Range4{v4(169, 254, 0, 0), 16, "a link-local address"},
    Range4{v4(172, 16, 0, 0), 12, "a private address"},
    Range4{v4(192, 0, 0, 0), 24, "a reserved address"},
    Range4{v4(192, 0, 2, 0), 24, "a reserved address"},
    Range4{v4(192, 88, 99, 0), 24, "a reserved address"},
    Range4{v4(192, 168, 0, 0), 16, "a private address"},
    Range4{v4(198, 18, 0, 0), 15, "a reserved address"},
    Range4{v4(198, 51, 100, 0), 24, "a reserved address"},
    Range4{v4(203, 0, 113, 0), 24, "a reserved address"},
    Range4{v4(224, 0, 0, 0), 4, "a multicast address"},
    Range4{v4(240, 0, 0, 0), 4, "a reserved address"},
};

std::string not_public_v4(uint32_t address) {
    for (const auto &range : ranges)
        if ((address ^ range.first) >> (32 - range.bits) == 0) return range.what;
    return {};
}

std::string not_public_v6(const ip::address_v6 &address) {
    auto bytes = address.to_bytes();
    auto inner = [&](size_t at) { return v4(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]); };
    auto starts = [&](std::initializer_list<int> prefix) {
        size_t i = 0;
        for (int byte : prefix)
            if (bytes[i++] != byte) return false;
        return true;
    };
    if (address.is_v4_mapped()) return not_public_v4(inner(12));
    if (starts({0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return not_public_v4(inner(12));  // NAT64
    if (address.is_loopback()) return "a loopback address";
    if (address.is_link_local()) return "a link-local address";
    if (address.is_multicast()) return "a multicast address";
    if ((bytes[0] & 0xfe) == 0xfc) return "a private address";
    if ((bytes[0] & 0xe0) != 0x20) return "a reserved address";  // only 2000::/3 is given out
    if (starts({0x20, 0x02})) return not_public_v4(inner(2)).empty() ? "" : "a private address inside of 6to4";
    if (starts({0x20, 0x01, 0x0d, 0xb8}) || (bytes[0] == 0x3f && bytes[1] == 0xff && bytes[2] < 0x10)) return "a reserved address";
    if (starts({0x20, 0x01}) && bytes[2] < 2) return "a reserved address";  // 2001::/23: Teredo, benchmarks, ORCHID
    return {};
}

}  // namespace

std::string not_public(const ip::address &address) {
    return address.is_v4() ? not_public_v4(address.to_v4().to_uint()) : not_public_v6(address.to_v6());
}

bool is_own(const ip::address &address) {
    boost::asio::io_context context;
    ip::udp::socket socket(context);
    boost::system::error_code error;
    socket.open(address.is_v4() ? ip::udp::v4() : ip::udp::v6(), error);
    if (!error) socket.connect(ip::udp::endpoint(address, 443), error);
    if (error) return false;  // no route: the real connection will say so
    auto local = socket.local_endpoint(error);
    return !error && local.address() == address;  // only to oneself one is oneself
}

}  // namespace seed::fetch
