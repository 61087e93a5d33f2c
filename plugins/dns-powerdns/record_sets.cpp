#include "plugins/dns-powerdns/record_sets.h"

#include <arpa/inet.h>

#include <algorithm>

#include <seed/util/text.h>

namespace seed::powerdns {

dns::RecordSet set_from_json(const json &rrset) {
    dns::RecordSet set;
    set.name = rrset.value("name", "");
    set.type = rrset.value("type", "");
    set.ttl = rrset.value("ttl", uint32_t{0});
    for (const auto &record : rrset.value("records", json::array()))
        if (!record.value("disabled", false)) set.values.push_back(record.value("content", ""));
    for (const auto &comment : rrset.value("comments", json::array()))
        if (comment.value("account", "") == "seed") set.owner = comment.value("content", "");
    return set;
}

json replacement(const dns::RecordSet &set) {
    json records = json::array();
    for (const auto &value : set.values) records.push_back({{"content", value}, {"disabled", false}});
    json comment = {{"account", "seed"}, {"content", set.owner}};
    return {{"name", set.name},        {"type", set.type},   {"ttl", set.ttl},
            {"changetype", "REPLACE"}, {"records", records}, {"comments", json::array({comment})}};
}

json deletion(const SetKey &key) {
    return {{"name", key.first}, {"type", key.second}, {"changetype", "DELETE"}};
}

dns::RecordSet canonical(dns::RecordSet set) {
    set.name = to_lower(set.name);
    for (auto &value : set.values) {
        unsigned char bytes[16];
        char text[INET6_ADDRSTRLEN];
        if (set.type == "AAAA" && inet_pton(AF_INET6, value.c_str(), bytes) == 1)
            value = inet_ntop(AF_INET6, bytes, text, sizeof text);
    }
    std::sort(set.values.begin(), set.values.end());
    return set;
}

SetKey key_of(const std::string &name, const std::string &type) {
    return {to_lower(name), type};
}

}  // namespace seed::powerdns
