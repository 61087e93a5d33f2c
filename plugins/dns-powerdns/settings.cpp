#include "plugins/dns-powerdns/settings.h"

#include <arpa/inet.h>

#include <charconv>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>
#include <seed/codec.hpp>

namespace seed::powerdns {

const char *const config_schema = R"({
  "type": "object",
  "additionalProperties": false,
  "x-seed-needs": {"lasting_programs": true},
  "properties": {
    "managed": {"type": "boolean", "description": "start a pdns_server of our own in the state directory"},
    "listen": {"type": "string", "description": "managed: ADDRESS or ADDRESS:PORT for DNS questions; port 0: a free one, kept"},
    "dns_port": {"type": "integer", "minimum": 0, "maximum": 65535, "description": "managed: the port, instead of the one in listen"},
    "keep": {"type": "boolean", "description": "managed: leave the server running when the provider is closed"},
    "url": {"type": "string", "pattern": "^https?://", "description": "API of a server that is there: http://127.0.0.1:8081"},
    "api_key": {"type": "string", "minLength": 1, "x-seed-secret": true, "description": "of that server; better in a file"},
    "api_key_file": {"type": "string", "pattern": "^/", "x-seed-path": "read", "description": "a file that holds the API key"},
    "servers": {"type": "array", "items": {"type": "string"}, "description": "ADDRESS:PORT where that server answers DNS"}
  }
})";

namespace {

[[noreturn]] void refuse(const std::string &why) {
    throw Failure(Code::invalid, "dns-powerdns: " + why);
}

// "127.0.0.1", "127.0.0.1:5353", "::1", "[::1]:5353"
void read_listen(const std::string &text, Settings &settings) {
    std::string address = text, port;
    if (text.starts_with('[')) {
        size_t end = text.find(']');
        if (end == text.npos) refuse("listen \"" + text + "\" lacks a ']'");
        address = text.substr(1, end - 1);
        if (end + 1 < text.size()) port = text.substr(end + 1);
    } else if (std::count(text.begin(), text.end(), ':') == 1) {
        address = text.substr(0, text.find(':'));
        port = text.substr(text.find(':'));
    }
    unsigned char bytes[16];
    if (inet_pton(AF_INET, address.c_str(), bytes) != 1 && inet_pton(AF_INET6, address.c_str(), bytes) != 1)
        refuse("listen \"" + text + "\" is not an address: write it like 127.0.0.1:5353 or [::1]:5353");
    settings.listen = address;
    if (port.empty()) return;
    auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), settings.dns_port);
    if (port[0] != ':' || error != std::errc() || end != port.data() + port.size())
        refuse("listen \"" + text + "\": the port is not a number from 0 to 65535");
}

}  // namespace

Settings read_settings(const json &config) {
    Settings settings;
    std::string listen, key_file;
    codec::require_object(config);
    codec::read_member(config, "managed", settings.managed);
    codec::read_member(config, "url", settings.url);
    codec::read_member(config, "api_key", settings.api_key);
    codec::read_member(config, "api_key_file", key_file);
    codec::read_member(config, "servers", settings.servers);
    codec::read_member(config, "listen", listen);
    codec::read_member(config, "keep", settings.keep);
    if (!listen.empty()) read_listen(listen, settings);
    codec::read_member(config, "dns_port", settings.dns_port);
    if (settings.managed) {
        if (!settings.url.empty()) refuse("managed and url exclude each other: remove one of them");
        return settings;
    }
    if (settings.url.empty())
        refuse("neither managed nor url is given: say managed: true, or url and api_key_file of a server that is there");
    while (settings.url.ends_with('/')) settings.url.pop_back();
    if (!settings.url.starts_with("http://") && !settings.url.starts_with("https://"))
        refuse("url must begin with http:// or https://");
    if (!key_file.empty()) settings.api_key = trim(read_file(key_file, 4096));
    if (settings.api_key.empty()) refuse("the API key is missing: give api_key_file, a file that holds it");
    if (settings.api_key.find_first_of("\r\n") != std::string::npos) refuse("the API key holds a line break: put it on one line");
    return settings;
}

}  // namespace seed::powerdns
