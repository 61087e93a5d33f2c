#include "plugins/support/net/rules.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "plugins/support/net/address.h"

namespace seed::net {
namespace {

[[noreturn]] void refuse(const std::string &field, std::string_view value, const std::string &rule) {
    std::string shown;
    for (char c : value.substr(0, 80)) shown += c >= ' ' && c < 127 ? c : '?';
    throw Failure(Code::invalid, field + " '" + shown + "': " + rule);
}

bool is_lower_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

void check_tap_name(const std::string &name) {
    if (name.size() < 4 || name.size() > 15 || !name.starts_with("tap") || !std::all_of(name.begin(), name.end(), is_lower_alnum))
        refuse("tap", name, "must be 'tap' and 1 to 12 of [a-z0-9]");
}

void check_tenant(uint32_t tenant) {
    if (tenant == 0) refuse("tenant", "0", "must not be 0");
}

void check_domain(const std::string &field, const std::string &name) {
    size_t label = 0;
    bool good = !name.empty() && name.size() <= 253;
    for (size_t n = 0; good && n < name.size(); ++n) {
        if (name[n] == '.') {
            good = label > 0 && n + 1 < name.size() && name[n - 1] != '-';
            label = 0;
        } else {
            good = (is_lower_alnum(name[n]) || name[n] == '_' || (name[n] == '-' && label > 0)) && ++label <= 63;
        }
    }
    if (!good || name.back() == '-') refuse(field, name, "must be a lower-case DNS name without final dot");
}

std::string boot6(const Prefix &prefix, const std::string &text) {
    auto address = parse_address6(text);
    if (!address || !prefix.holds_boot(*address))
        refuse("address6", text, "must be in " + prefix.text() + ", outside its subnets 0 and 1");
    return address->text();
}

std::string boot4(const std::string &text) {
    auto address = parse_address4(text);
    if (!address || !is_guest_range4(*address)) refuse("address4", text, "must be in 100.64.0.0/10");
    return address->text();
}

template <typename Set, typename Value>
void unique(Set &set, const Value &value, const std::string &field, const std::string &text) {
    if (!set.insert(value).second) refuse(field, text, "is there twice");
}

// "elements = { a, b }" or nothing: nft knows no empty list.
std::string elements(const std::vector<std::string> &items) {
    if (items.empty()) return "";
    std::string text = "    elements = { ";
    for (size_t n = 0; n < items.size(); ++n) text += (n ? ",\n      " : "") + items[n];
    return text + " }\n";
}

std::string resolver_rules(const std::string &resolver6, const std::string &protocol) {
    std::string to = protocol + " dport 53 jump resolver\n";
    std::string text = "    iifname \"tap*\" ip daddr " + std::string(resolver4) + " " + to;
    if (!resolver6.empty()) text += "    iifname \"tap*\" ip6 daddr " + resolver6 + " " + to;
    return text;
}

}  // namespace

void check(const TapRequest &request) {
    check_tap_name(request.name);
    check_tenant(request.tenant);
    if (auto six = parse_address6(request.address6); !six || six->bytes[0] == 0xfe || six->bytes[0] == 0xff || six->bytes[0] == 0)
        refuse("address6", request.address6, "must be an IPv6 address of a boot");
    boot4(request.address4);
}

NetworkState check(NetworkState state) {
    const Prefix prefix(state.prefix6);
    state.prefix6 = prefix.text();
    std::set<std::string> taps, sixes, fours, services;
    std::set<std::tuple<std::string, uint16_t, bool>> forward_ports;
    std::map<std::string, uint32_t> tenant_of;
    for (NetVm &vm : state.vms) {
        check_tap_name(vm.tap);
        check_tenant(vm.tenant);
        vm.address6 = boot6(prefix, vm.address6);
        vm.address4 = boot4(vm.address4);
        unique(taps, vm.tap, "tap", vm.tap);
        unique(sixes, vm.address6, "address6", vm.address6);
        unique(fours, vm.address4, "address4", vm.address4);
        tenant_of[vm.address6] = tenant_of[vm.address4] = vm.tenant;
    }
    for (NetService &service : state.services) {
        check_tenant(service.tenant);
        auto address = parse_address6(service.address);
        if (!address || !prefix.holds_service(*address))
            refuse("service address", service.address, "must be in " + prefix.service_net());
        service.address = address->text();
        unique(services, service.address, "service address", service.address);
        if (!service.address6.empty() || !service.address4.empty()) {
            service.address6 = boot6(prefix, service.address6);
            service.address4 = boot4(service.address4);
            for (const auto &boot : {service.address6, service.address4})
                if (auto found = tenant_of.find(boot); found != tenant_of.end() && found->second != service.tenant)
                    refuse("service address", service.address, "leads to " + boot + ", which belongs to another tenant");
        }
        std::set<std::pair<uint16_t, bool>> ports;
        for (const NetPort &port : service.ports) {
            if (port.port == 0) refuse("port of " + service.address, "0", "must be 1 to 65535");
            unique(ports, std::pair(port.port, port.udp), "port of " + service.address, std::to_string(port.port));
        }
        for (const auto &name : service.names) check_domain("name", name);
    }
    for (NetForward &forward : state.forwards) {
        auto address = parse_address6(forward.address);
        if (!address || !prefix.holds_service(*address))
            refuse("forward to", forward.address, "must lead to " + prefix.service_net());
        if (forward.host_port == 0 || forward.port == 0) refuse("forward port", "0", "must be 1 to 65535");
        auto listen = parse_address(forward.listen);
        if (!listen) refuse("forward on", forward.listen, "must be an address of the host");
        forward.address = address->text();
        forward.listen = listen->text();
        unique(forward_ports, std::tuple(forward.listen, forward.host_port, forward.udp), "forward port", std::to_string(forward.host_port));
    }
    if (!state.zone.empty()) check_domain("zone", state.zone);
    if (!state.dns_server.empty() && !parse_endpoint(state.dns_server))
        refuse("dns_server", state.dns_server, "must be ADDRESS:PORT or [ADDRESS]:PORT");
    return state;
}

std::vector<ProxyPort> proxy_ports(const NetworkState &state) {
    std::vector<ProxyPort> result;
    for (const NetService &service : state.services) {
        const bool alive =
            std::any_of(state.vms.begin(), state.vms.end(), [&](auto &vm) { return vm.address4 == service.address4; });
        if (service.address4.empty() || !alive) continue;
        for (const NetPort &port : service.ports)
            if (port.ipv4_only) result.push_back({service.address, service.address4, port.port, service.tenant, port.udp});
    }
    return result;
}

std::string render_rules(const NetworkState &state) {
    std::vector<std::string> tap_tenant, tenant_tap, own6, own4, service6, edge6, proxy4, resolver;
    std::set<std::string> alive;
    for (const NetVm &vm : state.vms) {
        const std::string tap = '"' + vm.tap + '"', tenant = std::to_string(vm.tenant);
        tap_tenant.push_back(tap + " : " + tenant);
        tenant_tap.push_back(tenant + " . " + tap);
        own6.push_back(tap + " . " + vm.address6);
        own4.push_back(tap + " . " + vm.address4);
        alive.insert(vm.address6);
    }
    for (const NetService &service : state.services)
        for (const NetPort &port : service.ports)
            if (!port.ipv4_only && alive.contains(service.address6))
                service6.push_back(service.address + (port.udp ? " . udp . " : " . tcp . ") + std::to_string(port.port) + " : " +
                                   service.address6 + " . " + std::to_string(port.port));
    std::set<std::string> targets;
    for (const ProxyPort &proxy : proxy_ports(state)) {
        const std::string port = (proxy.udp ? " . udp . " : " . tcp . ") + std::to_string(proxy.port);
        edge6.push_back(proxy.service + port);
        targets.insert(proxy.guest4 + port);
    }
    proxy4.assign(targets.begin(), targets.end());
    std::string resolver6;
    if (!state.prefix6.empty()) resolver6 = Prefix(state.prefix6).resolver().text();

    // Tables, chains and sets stay, only what is in them is exchanged: a chain that is made anew is passed by packets before its rules
    // count, and between two chains of the same hook, an old and a new one, a packet can miss the rules of both.
    std::string made = "table inet seed {\n  set dns_rate { type ifname; size 65535; flags dynamic; }\n";
    std::string emptied = "flush table inet seed\nflush set inet seed dns_rate\n", text = "table inet seed {\n";
    const auto set = [&](const std::string &head, const char *type, const std::vector<std::string> &items) {
        made += "  " + head + " { type " + type + "; }\n";
        emptied += "flush " + head.substr(0, head.find(' ')) + " inet seed" + head.substr(head.find(' ')) + "\n";
        text += "  " + head + " {\n    type " + type + "\n" + elements(items) + "  }\n";
    };
    set("map tap_tenant", "ifname : mark", tap_tenant);  // tap -> tenant number
    set("set tenant_tap", "mark . ifname", tenant_tap);  // who may reach whom directly
    set("set own6", "ifname . ipv6_addr", own6);         // what a tap may use as source
    set("set own4", "ifname . ipv4_addr", own4);
    set("map service6", "ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service", service6);
    set("set edge6", "ipv6_addr . inet_proto . inet_service", edge6);    // served by seed-edge itself
    set("set proxy4", "ipv4_addr . inet_proto . inet_service", proxy4);  // where seed-edge may connect to
    text += R"(  set dns_rate {
    type ifname
    size 65535
    flags dynamic
  }
  chain antispoof {
    type filter hook prerouting priority raw; policy accept;
    iifname != "tap*" accept
    iifname . ip6 saddr @own6 accept
    iifname . ip saddr @own4 accept
    ip6 saddr fe80::/10 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } ip6 hoplimit 255 accept
    ip6 saddr :: icmpv6 type nd-neighbor-solicit accept
    counter drop
  }
  chain classify {
    type filter hook prerouting priority mangle; policy accept;
    iifname "tap*" meta mark set iifname map @tap_tenant
  }
  chain to_instance {
    type nat hook prerouting priority dstnat; policy accept;
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @service6
  }
  chain edge_to_instance {
    type nat hook output priority -100; policy accept;
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @service6
  }
  chain way_out {
    type nat hook postrouting priority srcnat; policy accept;
    iifname "tap*" oifname "up0" masquerade
    iifname "tap*" ct status dnat iifname . ip6 daddr @own6 masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    ct status dnat accept
    iifname "tap*" oifname "up0" ip daddr != { 0.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 168.63.129.16, 169.254.0.0/16, 192.0.2.0/24, 224.0.0.0/3 } accept
    iifname "tap*" oifname "up0" ip6 daddr != { ::/3, fd00:5eed:ffff::/64, fd00:ec2::254, fe80::/9, ff00::/8 } accept
    iifname "tap*" meta mark . oifname @tenant_tap accept
    meta l4proto tcp counter reject with tcp reset
    limit rate 200/second counter reject with icmpx admin-prohibited
  }
  chain resolver {
    add @dns_rate { iifname limit rate over 200/second burst 400 packets } counter drop
    accept
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
)";
    // Every datagram counts, not only the first of a conversation; of TCP the connections do.
    std::string questions = resolver_rules(resolver6, "udp"), connections = resolver_rules(resolver6, "tcp");
    text += questions + R"(    ct state vmap { established : accept, related : accept, invalid : drop }
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept
    icmpv6 type echo-request limit rate 200/second accept
    icmp type echo-request limit rate 200/second accept
    ip6 daddr . meta l4proto . th dport @edge6 accept
)";
    text += connections;
    text += R"(    meta l4proto tcp counter reject with tcp reset
    counter drop
  }
  chain output {
    type filter hook output priority filter; policy drop;
    ct state established,related accept
    ct status dnat accept
    ip daddr . meta l4proto . th dport @proxy4 accept
    oifname "lo" accept
    meta l4proto { icmp, icmpv6 } accept
    meta l4proto tcp counter reject with tcp reset
    counter drop
  }
}
)";
    return made + "}\n" + emptied + text;
}

std::string render_guard() {
    return R"(table inet seed_guard {
  set busy {
    type ifname
    size 65535
    flags dynamic
  }
  chain forward {
    type filter hook forward priority -10; policy accept;
    iifname "tap*" ct state new add @busy { iifname ct count over 4000 } counter drop
  }
  chain input {
    type filter hook input priority -10; policy accept;
    iifname "tap*" ct state new add @busy { iifname ct count over 4000 } counter drop
  }
}
)";
}

}  // namespace seed::net
