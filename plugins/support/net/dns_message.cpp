#include "plugins/support/net/dns_message.h"

namespace seed::net::dns {
namespace {

constexpr size_t header_size = 12;

uint16_t get16(std::string_view packet, size_t at) {
    return uint16_t(uint8_t(packet[at]) << 8 | uint8_t(packet[at + 1]));
}
void put16(std::string &packet, uint16_t value) {
    packet += char(value >> 8);
    packet += char(value & 0xff);
}
char lower(char c) {
    return c >= 'A' && c <= 'Z' ? char(c + 32) : c;
}

std::string header(uint16_t id, uint16_t flags, uint16_t answers, uint16_t additional) {
    std::string packet;
    for (uint16_t value : {id, flags, uint16_t(1), answers, uint16_t(0), additional}) put16(packet, value);
    return packet;
}

void put_opt(std::string &packet) {
    packet += '\0';
    put16(packet, uint16_t(Type::opt));
    put16(packet, 1232);
    packet.append(6, '\0');  // extended result, version, flags, no data
}

// Where the uncompressed name that starts at `at` ends; fills `name`.
std::optional<size_t> parse_name(std::string_view packet, size_t at, std::string &name) {
    const size_t start = at;
    for (;;) {
        if (at >= packet.size()) return {};
        const uint8_t length = uint8_t(packet[at++]);
        if (length == 0) break;
        if (length > 63 || at + length > packet.size() || at + length - start > 254) return {};
        if (!name.empty()) name += '.';
        for (char c : packet.substr(at, length)) {
            c = lower(c);
            name += (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ? c : '?';
        }
        at += length;
    }
    return at;
}

}  // namespace

std::optional<Question> parse_question(std::string_view packet) {
    if (packet.size() < header_size) return {};
    Question question;
    question.id = get16(packet, 0);
    const uint16_t flags = get16(packet, 2), additional = get16(packet, 10);
    if (flags & 0xfa0f) {  // QR, opcode, TC, result: none of them in a standard query
        return {};
    }
    if (get16(packet, 4) != 1 || get16(packet, 6) || get16(packet, 8) || additional > 1) return {};
    question.recursion_desired = flags & 0x0100;
    auto end = parse_name(packet, header_size, question.name);
    if (!end || *end + 4 > packet.size()) return {};
    question.type = get16(packet, *end);
    question.klass = get16(packet, *end + 2);
    *end += 4;
    question.wire = packet.substr(header_size, *end - header_size);
    if (additional) {
        const size_t at = *end;
        if (at + 11 > packet.size() || packet[at] || get16(packet, at + 1) != uint16_t(Type::opt)) return {};
        const size_t data = get16(packet, at + 9);
        if (at + 11 + data != packet.size()) return {};
        question.edns = true;
        question.answer_limit = std::min<uint16_t>(std::max<uint16_t>(get16(packet, at + 3), 512), 1232);
    } else if (*end != packet.size()) {
        return {};
    }
    return question;
}

std::optional<std::string> refusal_for_garbage(std::string_view packet) {
    if (packet.size() < header_size || (uint8_t(packet[2]) & 0x80)) return {};
    const bool standard = (uint8_t(packet[2]) & 0x78) == 0;
    std::string answer(header_size, '\0');
    answer[0] = packet[0];
    answer[1] = packet[1];
    answer[2] = char(0x80 | (packet[2] & 0x79));
    answer[3] = char(standard ? Result::format_error : Result::not_implemented);
    return answer;
}

std::string make_answer(const Question &question, Result result, const std::vector<Address> &addresses, uint32_t ttl) {
    const uint16_t flags = 0x8080 | (question.recursion_desired ? 0x0100 : 0) | uint16_t(result);
    std::string packet = header(question.id, flags, uint16_t(addresses.size()), question.edns);
    packet += question.wire;
    for (const Address &address : addresses) {
        put16(packet, 0xc000 | header_size);  // the name of the question
        put16(packet, uint16_t(address.six ? Type::aaaa : Type::a));
        put16(packet, 1);
        put16(packet, uint16_t(ttl >> 16));
        put16(packet, uint16_t(ttl));
        put16(packet, address.six ? 16 : 4);
        packet.append(reinterpret_cast<const char *>(address.bytes.data()), address.six ? 16 : 4);
    }
    if (question.edns) put_opt(packet);
    return packet;
}

std::string make_query(const Question &question, uint16_t id) {
    std::string packet = header(id, 0x0100, 0, question.edns) + question.wire;
    if (question.edns) put_opt(packet);
    return packet;
}

std::optional<std::string> accept_answer(std::string_view packet, const Question &question, uint16_t id, size_t limit) {
    if (packet.size() < header_size + question.wire.size() || get16(packet, 0) != id) return {};
    if (!(uint8_t(packet[2]) & 0x80) || (uint8_t(packet[2]) & 0x78) || get16(packet, 4) != 1) return {};
    for (size_t n = 0; n < question.wire.size(); ++n)
        if (lower(packet[header_size + n]) != lower(question.wire[n])) return {};
    std::string answer(packet);
    if (answer.size() > limit) {
        answer = header(0, get16(packet, 2) | 0x0200, 0, 0) + question.wire;
    }
    answer[0] = char(question.id >> 8);
    answer[1] = char(question.id & 0xff);
    return answer;
}

}  // namespace seed::net::dns
