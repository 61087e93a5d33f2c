// Which record sets are ours.  A zone has no place for owners, so they are kept here, beside it, and noted before the update is sent: a
// crash may leave a note without a set, never a set of ours without a note.  Losing the state directory makes our sets somebody else's:
// they are then refused as CONFLICT, never overwritten.
#pragma once
#include <map>
#include <mutex>
#include <set>
#include <string>

namespace seed::rfc2136 {

using SetKey = std::pair<std::string, std::string>;   // name, type

class Ownership {
public:
    explicit Ownership(std::string file);
    std::string owner(const std::string &zone, const SetKey &key) const;   // empty: not ours
    std::set<std::string> zones() const;
    void note_zone(const std::string &zone);
    void note(const std::string &zone, const std::set<SetKey> &keys, const std::string &owner);   // durable when it returns
    void forget(const std::string &zone, const std::set<SetKey> &keys);

private:
    void save() const;
    const std::string file_;
    mutable std::mutex lock_;
    std::map<std::string, std::map<SetKey, std::string>> owners_;
};

}  // namespace seed::rfc2136
