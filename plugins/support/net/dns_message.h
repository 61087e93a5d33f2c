// The little of DNS that the resolver needs.  Every byte here comes from a stranger: parse_* accept exactly what is described,
// never read outside the packet, and answer nothing for the rest.  tests/unit/net mutates packets against it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/support/net/address.h"

namespace seed::net::dns {

enum class Type : uint16_t { a = 1, aaaa = 28, opt = 41 };
enum class Result : uint8_t { ok = 0, format_error = 1, server_failure = 2, no_such_name = 3, not_implemented = 4, refused = 5 };

struct Question {
    uint16_t id = 0;
    bool recursion_desired = false;
    bool edns = false;
    uint16_t answer_limit = 512;  // what the asker takes over UDP
    uint16_t type = 0, klass = 0;
    std::string name;  // lower case, dots between labels, none at the end; "" is the root; odd bytes are '?'
    std::string wire;  // the question section as it came: name, type, class
};

// A standard query: one question without compression, no other records but at most one OPT, nothing behind it.
std::optional<Question> parse_question(std::string_view packet);
// Enough of a header to refuse it politely: is it a question at all?
std::optional<std::string> refusal_for_garbage(std::string_view packet);

std::string make_answer(const Question &question, Result result, const std::vector<Address> &addresses, uint32_t ttl);
// The same question for the next resolver.
std::string make_query(const Question &question, uint16_t id);
// The next resolver's answer, with the asker's id; none unless it is an answer to exactly this question.  Over `limit` bytes it
// becomes an empty truncated answer.
std::optional<std::string> accept_answer(std::string_view packet, const Question &question, uint16_t id, size_t limit);

}  // namespace seed::net::dns
