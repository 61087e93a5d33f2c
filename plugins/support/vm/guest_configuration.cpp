#include <algorithm>

#include <seed/util/text.h>

#include "plugins/support/vm/vm_protocol.h"

namespace seed::vm {
namespace {

std::string field(std::string_view text) {
    std::string result;
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (byte <= 32 || byte == '%' || byte == 127)
            result += "%" + to_hex(std::string_view(&c, 1));
        else
            result += c;
    }
    return result;
}

bool is_variable_name(std::string_view name) {
    if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
    for (char c : name)
        if (!(c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))) return false;
    return true;
}

void check_variable(const std::string &name, const std::string &value) {
    if (!is_variable_name(name))
        throw Failure(Code::invalid,
                      "environment: '" + printable(name, 64) + "' is no name of a variable; use letters, digits and _");
    if (value.size() > 65536) throw Failure(Code::invalid, "environment: the value of " + name + " is longer than 64 KiB");
    for (char c : value)
        if ((static_cast<unsigned char>(c) < 32 && c != '\t') || c == 127)
            throw Failure(Code::invalid,
                          "environment: the value of " + name + " holds a line break or another control character");
}

// The name becomes a file's name in the guest.
void check_connection(const std::string &name, const std::string &target) {
    auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    if (name.empty() || name.size() > 63 || !std::all_of(name.begin(), name.end(), plain))
        throw Failure(Code::invalid, "connections: '" + printable(name, 64) + "' is no name; use a-z, 0-9 and '-'");
    if (target.empty() || target.size() > 300 || std::any_of(target.begin(), target.end(), [](char c) { return c <= ' ' || c > '~'; }))
        throw Failure(Code::invalid, "connections: what " + name + " leads to is no HOST or HOST:PORT");
}

}  // namespace

std::string serial_of_volume(size_t index) {
    return "volume" + std::to_string(index);
}

std::string encode_configuration(const VmSpec &spec, int64_t time_ms) {
    std::string text = "seed 1\ntime_ms " + std::to_string(time_ms) + "\n";
    auto line = [&](std::string_view key, std::string_view value) {
        if (!value.empty()) text += std::string(key) + " " + field(value) + "\n";
    };
    line("host_name", spec.boot.host_name.substr(0, 64));
    if (!spec.tap.empty()) {
        line("address6", spec.address6);
        line("address4", spec.address4);
        for (const std::string &address : spec.resolvers) line("resolver", address);
        line("search", spec.search);
    }
    line("init", spec.boot.init);
    for (const auto &[name, value] : spec.boot.environment) {
        check_variable(name, value);
        text += "env " + name + " " + field(value) + "\n";
    }
    for (const auto &[name, target] : spec.boot.connections) {
        check_connection(name, target);
        text += "connect " + name + " " + field(target) + "\n";
    }
    for (size_t n = 0; n < spec.boot.volumes.size(); ++n) {
        const runtime::Volume &volume = spec.boot.volumes[n];
        text += "volume " + serial_of_volume(n) + " " + field(volume.mount_point) + " " + field(volume.user) + " " +
                field(volume.group) + " " + field(volume.mode) + "\n";
    }
    for (const runtime::Expose &expose : spec.boot.expose)
        text += "expose " + std::to_string(expose.port) + " " +
                (expose.protocol == "udp"   ? "udp"
                 : expose.protocol == "dns" ? "both"
                                            : "tcp") +
                "\n";
    text += "end\n";
    if (text.size() > 500000)
        throw Failure(Code::invalid, "the environment of " + spec.boot.instance + " is too large; keep it below 400 KiB");
    return text;
}

}  // namespace seed::vm
