// ctnetlink by hand: one dump per family, one delete per entry.  The parser reads only the kernel's own messages.
#include "plugins/support/net/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <cstring>
#include <string>
#include <vector>

#include <seed/util/failure.h>
#include <seed/util/fd.h>

namespace seed::net {
namespace {

struct Attribute {
    uint16_t type;
    const uint8_t *data;
    size_t size;
};

std::vector<Attribute> attributes(const uint8_t *data, size_t size) {
    std::vector<Attribute> result;
    while (size >= sizeof(nlattr)) {
        nlattr head;
        memcpy(&head, data, sizeof head);
        if (head.nla_len < sizeof head || head.nla_len > size) break;
        result.push_back({uint16_t(head.nla_type & NLA_TYPE_MASK), data + NLA_HDRLEN, size_t(head.nla_len - NLA_HDRLEN)});
        const size_t step = std::min<size_t>(NLA_ALIGN(head.nla_len), size);
        data += step;
        size -= step;
    }
    return result;
}

struct Tuple {
    Address source, destination;
    uint8_t protocol = 0;
    uint16_t destination_port = 0;
};

Address address_of(const Attribute &attribute, bool six) {
    Address address{.six = six};
    memcpy(address.bytes.data(), attribute.data, std::min<size_t>(attribute.size, six ? 16 : 4));
    return address;
}

Tuple tuple_of(const Attribute &nest, bool six) {
    Tuple tuple;
    for (const Attribute &part : attributes(nest.data, nest.size)) {
        if (part.type == CTA_TUPLE_IP) {
            for (const Attribute &item : attributes(part.data, part.size)) {
                if (item.type == (six ? CTA_IP_V6_SRC : CTA_IP_V4_SRC)) tuple.source = address_of(item, six);
                if (item.type == (six ? CTA_IP_V6_DST : CTA_IP_V4_DST)) tuple.destination = address_of(item, six);
            }
        } else if (part.type == CTA_TUPLE_PROTO) {
            for (const Attribute &item : attributes(part.data, part.size)) {
                if (item.type == CTA_PROTO_NUM && item.size >= 1) tuple.protocol = item.data[0];
                if (item.type == CTA_PROTO_DST_PORT && item.size >= 2)
                    tuple.destination_port = uint16_t(item.data[0] << 8 | item.data[1]);
            }
        }
    }
    return tuple;
}

bool is_dead(const LiveConnections &live, const Tuple &original, const Tuple &reply) {
    for (const Address &address : {original.source, original.destination, reply.source, reply.destination}) {
        const bool of_boot = address.six ? live.prefix.holds_boot(address) : is_guest_range4(address);
        if (of_boot && !live.boots.contains(address)) return true;
    }
    if (original.protocol == IPPROTO_UDP)
        if (auto boot = live.udp_boots.find({original.destination, original.destination_port});
            boot != live.udp_boots.end() && live.prefix.holds_boot(reply.source) && reply.source != boot->second)
            return true;
    return live.prefix.holds_service(original.destination) &&
           (original.protocol == IPPROTO_TCP || original.protocol == IPPROTO_UDP) &&
           !live.exposed.contains({original.destination, original.protocol, original.destination_port});
}

void request(int socket, uint16_t type, uint16_t flags, uint8_t family, const std::string &payload) {
    std::string message(NLMSG_HDRLEN + sizeof(nfgenmsg), '\0');
    nlmsghdr head{.nlmsg_len = uint32_t(message.size() + payload.size()),
                  .nlmsg_type = uint16_t(NFNL_SUBSYS_CTNETLINK << 8 | type),
                  .nlmsg_flags = uint16_t(NLM_F_REQUEST | flags)};
    nfgenmsg body{.nfgen_family = family, .version = NFNETLINK_V0};
    memcpy(message.data(), &head, sizeof head);
    memcpy(message.data() + NLMSG_HDRLEN, &body, sizeof body);
    message += payload;
    if (send(socket, message.data(), message.size(), 0) < 0) fail_errno("conntrack");
}

// Calls `each` with the family and the payload of every message up to the end; returns the error number of the answer.
template <typename Each>
int answers(int socket, Each each) {
    std::vector<uint8_t> buffer(1u << 16);
    for (;;) {
        const ssize_t count = recv(socket, buffer.data(), buffer.size(), 0);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail_errno("conntrack");
        for (size_t at = 0; at + NLMSG_HDRLEN <= size_t(count);) {
            nlmsghdr head;
            memcpy(&head, &buffer[at], sizeof head);
            if (head.nlmsg_len < NLMSG_HDRLEN || at + head.nlmsg_len > size_t(count)) break;
            if (head.nlmsg_type == NLMSG_DONE) return 0;
            if (head.nlmsg_type == NLMSG_ERROR) {
                int error;
                memcpy(&error, &buffer[at + NLMSG_HDRLEN], sizeof error);
                return -error;
            }
            if (head.nlmsg_len >= NLMSG_HDRLEN + sizeof(nfgenmsg))
                each(buffer[at + NLMSG_HDRLEN], &buffer[at + NLMSG_HDRLEN + sizeof(nfgenmsg)], head.nlmsg_len - NLMSG_HDRLEN - sizeof(nfgenmsg));
            at += NLMSG_ALIGN(head.nlmsg_len);
        }
    }
}

std::string packed(const Attribute &attribute, bool nested) {
    nlattr head{.nla_len = uint16_t(NLA_HDRLEN + attribute.size),
                .nla_type = uint16_t(attribute.type | (nested ? NLA_F_NESTED : 0))};
    std::string text(NLA_ALIGN(head.nla_len), '\0');
    memcpy(text.data(), &head, sizeof head);
    memcpy(text.data() + NLA_HDRLEN, attribute.data, attribute.size);
    return text;
}

UniqueFd open_conntrack() {
    UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
    if (!socket) fail_errno("conntrack");
    timeval patience{.tv_sec = 5};
    setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return socket;
}

// Both sides have said all they had to say: closed, or waiting for nothing but late duplicates.
bool is_over(uint8_t state) {
    return state == TCP_CONNTRACK_NONE || state == TCP_CONNTRACK_LAST_ACK || state == TCP_CONNTRACK_TIME_WAIT ||
           state == TCP_CONNTRACK_CLOSE;
}

uint8_t tcp_state(const Attribute &protocol_information) {
    for (const Attribute &part : attributes(protocol_information.data, protocol_information.size))
        if (part.type == CTA_PROTOINFO_TCP)
            for (const Attribute &item : attributes(part.data, part.size))
                if (item.type == CTA_PROTOINFO_TCP_STATE && item.size >= 1) return item.data[0];
    return TCP_CONNTRACK_NONE;
}

struct Connection {
    uint8_t family = 0;   // AF_INET, AF_INET6
    Tuple original, reply;
    uint8_t state = TCP_CONNTRACK_NONE;
    std::string key;      // what a request to delete it names
};

// Of both families in one pass: the kernel walks through its whole table of connections for each question.
template <typename Each>
void each_connection(int socket, Each each) {
    request(socket, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC, "");
    const int error = answers(socket, [&](uint8_t family, const uint8_t *data, size_t size) {
        if (family != AF_INET && family != AF_INET6) return;
        Connection one{.family = family};
        std::string key, id;
        for (const Attribute &part : attributes(data, size)) {
            if (part.type == CTA_TUPLE_ORIG) one.original = tuple_of(part, family == AF_INET6), key = packed(part, true);
            if (part.type == CTA_TUPLE_REPLY) one.reply = tuple_of(part, family == AF_INET6);
            if (part.type == CTA_PROTOINFO) one.state = tcp_state(part);
            if (part.type == CTA_ID) id = packed(part, false);
        }
        if (!key.empty()) one.key = key + id;
        each(one);
    });
    if (error) fail_errno("conntrack: list", error);
}

}  // namespace

size_t count_connections(const std::set<Address> &boot) {
    UniqueFd socket = open_conntrack();
    size_t count = 0;
    each_connection(socket.get(), [&](const Connection &one) {
        count += one.reply.protocol == IPPROTO_TCP && boot.contains(one.reply.source) && !is_over(one.state);
    });
    return count;
}

size_t forget_dead_connections(const LiveConnections &live) {
    UniqueFd socket = open_conntrack();
    size_t deleted = 0;
    std::vector<Connection> dead;
    each_connection(socket.get(), [&](const Connection &one) {
        if (!one.key.empty() && is_dead(live, one.original, one.reply)) dead.push_back(one);
    });
    for (const Connection &one : dead) {
        request(socket.get(), IPCTNL_MSG_CT_DELETE, NLM_F_ACK, one.family, one.key);
        const int failed = answers(socket.get(), [](auto, auto, auto) {});
        if (failed && failed != ENOENT) fail_errno("conntrack: delete", failed);
        deleted += !failed;
    }
    return deleted;
}

}  // namespace seed::net
