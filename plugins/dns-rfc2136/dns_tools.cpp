#include "plugins/dns-rfc2136/dns_tools.h"

#include <arpa/inet.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>

#include <seed/util/file.h>
#include <seed/util/process.h>
#include <seed/util/text.h>

namespace seed::rfc2136 {

namespace {

constexpr size_t output_limit = 32u << 20;   // a zone of some 300,000 records

bool has(const std::string &text, std::string_view part) { return text.find(part) != std::string::npos; }

// The first line that says something, for people.
std::string reason(const std::string &text) {
    for (const auto &line : split(text, '\n')) {
        std::string_view words = trim(line);
        while (!words.empty() && words[0] == ';') words = trim(words.substr(1));
        if (!words.empty()) return printable(words, 300);
    }
    return "no reason given";
}

[[noreturn]] void refuse_key(const Server &server, const std::string &why) {
    throw Failure(Code::denied, server.to_string() + " does not accept our key: " + why + "; compare key_name, algorithm and secret");
}

}  // namespace

std::string Server::to_string() const {
    bool v6 = address.find(':') != std::string::npos;
    return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

Server parse_server(const std::string &text) {
    Server server{text, 53};
    std::string port;
    if (text.starts_with("[")) {
        auto end = text.find(']');
        if (end != text.npos) {
            server.address = text.substr(1, end - 1);
            port = text.substr(end + 1);
        }
    } else if (std::count(text.begin(), text.end(), ':') == 1) {
        server.address = text.substr(0, text.find(':'));
        port = text.substr(text.find(':'));
    }
    unsigned char bytes[16];
    bool address = inet_pton(AF_INET, server.address.c_str(), bytes) == 1 || inet_pton(AF_INET6, server.address.c_str(), bytes) == 1;
    if (!port.empty()) {
        auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), server.port);
        address = address && port[0] == ':' && error == std::errc() && end == port.data() + port.size() && server.port > 0;
    }
    if (!address)
        throw Failure(Code::invalid, "dns-rfc2136: '" + printable(text, 100) + "' is no server: write it like 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:53");
    return server;
}

DnsTools::DnsTools(std::string folder, const std::string &key_name, const std::string &algorithm, const std::string &secret) {
    if (key_name.empty()) return;
    key_file_ = folder + "/tsig.key";
    write_file_atomically(key_file_, "key \"" + key_name + "\" {\n  algorithm " + algorithm + ";\n  secret \"" + secret + "\";\n};\n", 0600);
}

// Ends with the call: cancellation or the deadline kills the program.
DnsTools::Answer DnsTools::run(plugin::Call &call, std::vector<std::string> arguments, const std::string &input) const {
    call.check();
    UniqueFd in = file_in_memory(input), out = file_in_memory(""), err = file_in_memory("");
    SpawnOptions options;
    options.arguments = std::move(arguments);
    options.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=/nonexistent"};
    options.descriptors = {{in.get(), 0}, {out.get(), 1}, {err.get(), 2}};
    Process process = Process::spawn(options);
    call.wait(process.pidfd(), POLLIN);
    ExitStatus status = process.wait();
    auto text = [](int fd) {
        lseek(fd, 0, SEEK_SET);
        return read_all(fd, output_limit);
    };
    return {status.code, text(out.get()), text(err.get())};
}

std::vector<std::string> DnsTools::dig(const Server &server) {
    std::vector<std::string> arguments = {"/usr/bin/dig", "-r", "+time=5", "+tries=1", "+tcp", "+nosearch", "+noidnin", "+noidnout", "@" + server.address,
                                          "-p", std::to_string(server.port)};
    return arguments;
}

std::optional<uint32_t> DnsTools::serial(plugin::Call &call, const Server &server, const std::string &zone) const {
    auto arguments = dig(server);
    arguments.insert(arguments.end(), {"+norecurse", "+noall", "+comments", "+answer", "-t", "SOA", "-q", zone});
    Answer answer = run(call, arguments, "");
    std::string all = answer.out + answer.err;
    if (answer.exit_code != 0 || !has(all, "status: "))
        throw Failure(Code::unavailable, server.to_string() + " does not answer: " + reason(all));
    if (has(all, "status: SERVFAIL")) throw Failure(Code::unavailable, server.to_string() + " cannot answer for " + zone + " (SERVFAIL)");
    for (const auto &line : split(answer.out, '\n')) {
        if (line.empty() || line[0] == ';') continue;
        std::vector<std::string> words;
        for (auto &word : split(line, ' ')) {
            for (auto &part : split(word, '\t'))
                if (!part.empty()) words.push_back(part);
        }
        uint32_t number = 0;
        if (words.size() < 7 || words[3] != "SOA" || to_lower(words[0]) != zone) continue;
        if (std::from_chars(words[6].data(), words[6].data() + words[6].size(), number).ec == std::errc()) return number;
    }
    return std::nullopt;
}

std::vector<dns::RecordSet> DnsTools::transfer(plugin::Call &call, const Server &server, const std::string &zone) const {
    auto arguments = dig(server);
    if (!key_file_.empty()) arguments.insert(arguments.end(), {"-k", key_file_});
    arguments.insert(arguments.end(), {"+noall", "+answer", "+onesoa", "+nosplit", "-t", "AXFR", "-q", zone});
    Answer answer = run(call, arguments, "");
    std::string all = answer.out.substr(0, 4096) + answer.err;
    if (has(all, "Transfer failed") || has(all, "verify signature"))
        throw Failure(Code::denied, server.to_string() + " does not let us transfer " + zone + ": allow AXFR for our key there");
    if (answer.exit_code != 0 || has(all, "communications error") || has(all, "connection refused"))
        throw Failure(Code::unavailable, server.to_string() + " does not answer: " + reason(all));
    std::map<std::pair<std::string, std::string>, dns::RecordSet> sets;
    for (const auto &line : split(answer.out, '\n')) {
        if (line.empty() || line[0] == ';') continue;
        // NAME TTL CLASS TYPE VALUE, separated by tabs or spaces; the value is the rest.
        std::vector<std::string> words;
        size_t at = 0;
        while (words.size() < 4 && at < line.size()) {
            size_t begin = line.find_first_not_of(" \t", at), end = line.find_first_of(" \t", begin);
            if (begin == line.npos || end == line.npos) break;
            words.push_back(line.substr(begin, end - begin));
            at = end;
        }
        size_t value = line.find_first_not_of(" \t", at);
        uint32_t ttl = 0;
        if (words.size() < 4 || value == line.npos || std::from_chars(words[1].data(), words[1].data() + words[1].size(), ttl).ec != std::errc()) continue;
        if (words[3] == "TSIG") continue;
        auto &set = sets[{to_lower(words[0]), words[3]}];
        set.name = to_lower(words[0]);
        set.type = words[3];
        set.ttl = ttl;
        std::string text(trim(line.substr(value)));
        // dig writes hexadecimal digits in capitals; other servers compare letter by letter.
        if (set.type == "SSHFP" || set.type == "TLSA" || set.type == "DS") text = to_lower(text);
        set.values.push_back(std::move(text));
    }
    std::vector<dns::RecordSet> result;
    for (auto &[key, set] : sets) {
        std::sort(set.values.begin(), set.values.end());
        result.push_back(std::move(set));
    }
    return result;
}

bool DnsTools::update(plugin::Call &call, const Server &server, const std::string &zone, const std::vector<std::string> &lines) const {
    std::string script = "server " + server.address + " " + std::to_string(server.port) + "\nzone " + zone + "\n";
    for (const auto &line : lines) script += line + "\n";
    script += "send\n";
    auto seconds = std::max<int64_t>(1, std::chrono::duration_cast<std::chrono::seconds>(call.remaining()).count());
    std::vector<std::string> arguments = {"/usr/bin/nsupdate", "-v", "-t", std::to_string(std::min<int64_t>(seconds, 30))};
    if (!key_file_.empty()) arguments.insert(arguments.end(), {"-k", key_file_});
    Answer answer = run(call, arguments, script);
    if (answer.exit_code == 0) return true;
    std::string all = answer.err + answer.out;
    if (has(all, "NXRRSET") || has(all, "YXRRSET") || has(all, "NXDOMAIN") || has(all, "YXDOMAIN")) return false;
    if (has(all, "REFUSED")) throw Failure(Code::denied, server.to_string() + " refuses the update of " + zone + ": allow updates for our key there");
    if (has(all, "BADKEY") || has(all, "BADSIG") || has(all, "BADTIME") || has(all, "tsig")) refuse_key(server, reason(all));
    if (has(all, "NOTAUTH") || has(all, "NOTZONE")) throw Failure(Code::not_found, server.to_string() + " does not serve " + zone);
    if (has(all, "FORMERR") || has(all, "syntax") || has(all, "invalid") || has(all, "bad "))
        throw Failure(Code::invalid, "the records cannot be written: " + reason(all));
    throw Failure(Code::unavailable, server.to_string() + " did not take the update of " + zone + ": " + reason(all));
}

}  // namespace seed::rfc2136
