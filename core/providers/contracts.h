// What the core knows of each contract: its slots, where they lie in the C table, and how they flow.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <seed/abi.h>

namespace seed::providers {

enum class Flow {
    plain,         // one request, one reply
    stream,        // many replies; may be ended and asked again at any time
    conversation,  // many replies; somebody waits at the other end, so it is not cut off lightly
};

enum class Effect { changes, reads };

struct Slot {
    std::string_view name;
    size_t offset;  // in the table
    Flow flow = Flow::plain;
    bool optional = false;
    Effect effect = Effect::changes;  // what a person is asked to confirm before it is called by hand
};

struct Contract {
    std::string_view kind;  // "dns"
    int revision;           // of "seed.dns/0"
    std::vector<Slot> slots;

    std::string id() const;                         // "seed.dns/0"
    const Slot *find(std::string_view slot) const;  // null: no such slot in this contract
};

inline constexpr int abi_revision = SEED_ABI_MAJOR;  // of seed_plugin_v1

const std::vector<Contract> &contracts();
const Contract *find_contract(std::string_view kind);  // null: no such kind

// The operation in `table` (an `ops` pointer of this contract), or null when it is absent or lies behind the table's size.
seed_op operation_of(const void *table, const Slot &slot);

}  // namespace seed::providers
