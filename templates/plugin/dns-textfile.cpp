// dns-textfile: record sets in one text file per zone, NAME TTL TYPE VALUE, with the owner in a comment before each set.
#include <seed/plugin_entry.hpp>

#include <seed/util/file.h>
#include <seed/util/text.h>

#include <algorithm>
#include <filesystem>
#include <map>

namespace {

using namespace seed;
using namespace seed::dns;
using SetKey = std::pair<std::string, std::string>;   // name, type
using Zone = std::map<SetKey, RecordSet>;

class TextFile final : public plugin::DnsProvider {
public:
    TextFile(const plugin::Host &host, const json &config) : host_(host), header_(config.value("header", "")) {}

    CheckReply check(plugin::Call &) override { return {true, {}, {"nobody answers questions about these files yet"}}; }

    ZonesReply zones(plugin::Call &) override {
        ZonesReply reply;
        for (const auto &entry : std::filesystem::directory_iterator(host_.state_directory())) {
            if (entry.path().extension() == ".zone") reply.zones.push_back(entry.path().stem().string() + ".");
        }
        return reply;
    }
    void ensure_zone(plugin::Call &, const EnsureZoneRequest &request) override {
        if (!std::filesystem::exists(path_of(request.zone))) save(request.zone, {});
    }
    void list(plugin::Call &call, const ZoneRequest &request) override {   // a stream: one item per set
        for (const auto &[key, set] : load(request.zone)) call.item(set);
    }
    // All or nothing: look at everything first, then write once.
    void apply(plugin::Call &, const ApplyRequest &request) override {
        if (request.owner.empty()) throw Failure(Code::invalid, "owner is empty: whose records are these?");
        Zone zone = load(request.zone);
        for (RecordSet set : request.sets) {
            require_possible(request.zone, set);
            auto found = zone.find({set.name, set.type});
            if (found != zone.end() && found->second.owner != request.owner)
                throw Failure(Code::conflict, set.name + " " + set.type + " belongs to somebody else: remove it there first");
            set.owner = request.owner;
            zone[{set.name, set.type}] = set;
        }
        save(request.zone, zone);
    }
    void remove(plugin::Call &, const RemoveRequest &request) override {
        Zone zone = load(request.zone);
        for (const Key &key : request.sets) {
            auto found = zone.find({key.name, key.type});
            if (found != zone.end() && found->second.owner == request.owner) zone.erase(found);   // what is gone is gone
        }
        save(request.zone, zone);
    }
    SettledReply settled(plugin::Call &, const ZoneRequest &request) override {
        load(request.zone);
        return {true};
    }

private:
    // A zone's name becomes a file's name: nothing may lead elsewhere.
    std::string path_of(const std::string &zone) const {
        bool valid = zone.size() > 1 && zone.size() < 200 && zone.back() == '.' && zone[0] != '.' && zone.find("..") == std::string::npos &&
                     zone.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") == std::string::npos;
        if (!valid) throw Failure(Code::invalid, "'" + printable(zone, 100) + "' is no zone: write it in lower case with a final dot");
        return host_.state_directory() + "/" + zone.substr(0, zone.size() - 1) + ".zone";
    }
    static void require_possible(const std::string &zone, const RecordSet &set) {
        auto clean = [](const std::string &text) { return !text.empty() && text.find_first_of(" \t\r\n;") == std::string::npos && printable(text) == text; };
        auto one_line = [](const std::string &text) { return !text.empty() && text.find_first_of("\r\n") == std::string::npos; };
        bool upper = clean(set.type) && set.type[0] >= 'A' && set.type[0] <= 'Z' &&
                     set.type.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == std::string::npos;
        bool within = set.name == zone || set.name.ends_with("." + zone);
        if (!clean(set.name) || !within || !upper || set.values.empty() || !std::all_of(set.values.begin(), set.values.end(), one_line))
            throw Failure(Code::invalid, "'" + printable(set.name, 100) + "' " + printable(set.type, 20) + " cannot be a record set of " + zone);
    }

    Zone load(const std::string &name) const {
        auto text = read_file_if_exists(path_of(name));
        if (!text) throw Failure(Code::not_found, "there is no zone " + name);
        Zone zone;
        std::string owner;
        for (const std::string &line : split(*text, '\n')) {
            if (line.starts_with("; owner ")) owner = line.substr(8);
            if (line.empty() || line[0] == ';') continue;
            auto words = split(line, ' ');
            if (words.size() < 4) throw Failure(Code::internal, path_of(name) + " holds a line that is no record");
            RecordSet &set = zone[{words[0], words[2]}];
            set.name = words[0];
            set.ttl = static_cast<uint32_t>(std::stoul(words[1]));
            set.type = words[2];
            set.values.push_back(line.substr(words[0].size() + words[1].size() + words[2].size() + 3));
            set.owner = owner;
        }
        return zone;
    }
    void save(const std::string &name, const Zone &zone) const {
        std::string text = header_.empty() ? "" : "; " + header_ + "\n";
        for (const auto &[key, set] : zone) {
            text += "; owner " + printable(set.owner, 200) + "\n";
            for (const std::string &value : set.values)
                text += set.name + " " + std::to_string(set.ttl) + " " + set.type + " " + value + "\n";
        }
        write_file_atomically(path_of(name), text, 0644);
    }

    const plugin::Host &host_;
    const std::string header_;
};

}  // namespace

SEED_DNS_PLUGIN(TextFile, "dns-textfile", "0.1.0", "record sets in text files", R"({
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "header": {"type": "string", "pattern": "^[^\\n]*$", "description": "a comment at the top of each file"}
  }
})")
