// Questions and updates through BIND's own programs, dig and nsupdate: argument vectors, and a script whose every word was checked.
#pragma once
#include <string>
#include <vector>

#include <seed/plugin.hpp>

namespace seed::rfc2136 {

struct Server {
    std::string address;   // IPv4 or IPv6
    uint16_t port = 53;
    std::string to_string() const;   // "192.0.2.1:53", "[2001:db8::1]:53"
};
Server parse_server(const std::string &text);   // "ADDRESS" or "ADDRESS:PORT"; Failure(invalid)

class DnsTools {
public:
    // The key file lies in `folder`, 0600; an empty `key` means unsigned.
    DnsTools(std::string folder, const std::string &key_name, const std::string &algorithm, const std::string &secret);

    // The serial of the zone there, asked without the key; none when the server does not serve it.  Failure(unavailable) when it does not answer.
    std::optional<uint32_t> serial(plugin::Call &call, const Server &server, const std::string &zone) const;
    // Every record set of the zone (AXFR over TCP), without owners.
    std::vector<dns::RecordSet> transfer(plugin::Call &call, const Server &server, const std::string &zone) const;
    // One update message; `lines` are nsupdate's "prereq ..." and "update ...".  False: a prerequisite did not hold.
    bool update(plugin::Call &call, const Server &server, const std::string &zone, const std::vector<std::string> &lines) const;

private:
    struct Answer {
        int exit_code;
        std::string out, err;
    };
    Answer run(plugin::Call &call, std::vector<std::string> arguments, const std::string &input) const;
    static std::vector<std::string> dig(const Server &server);
    std::string key_file_;   // empty: unsigned
};

}  // namespace seed::rfc2136
