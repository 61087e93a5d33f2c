#include "plugins/support/net/state_json.h"

#include <nlohmann/json.hpp>

namespace seed::net {

using nlohmann::json;

json to_json(const TapRequest &request) {
    return {{"name", request.name}, {"tenant", request.tenant}, {"address6", request.address6}, {"address4", request.address4}};
}

json to_json(const NetworkState &state) {
    json vms = json::array(), services = json::array(), forwards = json::array();
    for (const auto &vm : state.vms)
        vms.push_back({{"tap", vm.tap}, {"tenant", vm.tenant}, {"address6", vm.address6}, {"address4", vm.address4}});
    for (const auto &service : state.services) {
        json ports = json::array();
        for (const auto &port : service.ports)
            ports.push_back({{"port", port.port}, {"udp", port.udp}, {"ipv4_only", port.ipv4_only}});
        services.push_back({{"tenant", service.tenant},
                            {"address", service.address},
                            {"address6", service.address6},
                            {"address4", service.address4},
                            {"ports", std::move(ports)},
                            {"names", service.names}});
    }
    for (const auto &forward : state.forwards)
        forwards.push_back(
            {{"host_port", forward.host_port}, {"address", forward.address}, {"port", forward.port}, {"udp", forward.udp}, {"listen", forward.listen}});
    return {{"prefix6", state.prefix6},        {"vms", std::move(vms)}, {"services", std::move(services)},
            {"forwards", std::move(forwards)}, {"zone", state.zone},    {"dns_server", state.dns_server}};
}

namespace {

template <typename Integer>
Integer number(const json &object, const char *key) {
    const json &value = object.at(key);
    if (!value.is_number_unsigned() || value.get<uint64_t>() > std::numeric_limits<Integer>::max())
        throw Failure(Code::invalid, std::string("network state: ") + key + " is not a number in range");
    return value.get<Integer>();
}

}  // namespace

TapRequest tap_from_json(const json &object) try {
    return {object.at("name"), number<uint32_t>(object, "tenant"), object.at("address6"), object.at("address4")};
} catch (const json::exception &error) {
    throw Failure(Code::invalid, std::string("tap request: ") + error.what());
}

NetworkState state_from_json(const json &object) try {
    NetworkState state;
    state.prefix6 = object.at("prefix6");
    for (const auto &vm : object.at("vms"))
        state.vms.push_back({vm.at("tap"), number<uint32_t>(vm, "tenant"), vm.at("address6"), vm.at("address4")});
    for (const auto &item : object.at("services")) {
        NetService service;
        service.tenant = number<uint32_t>(item, "tenant");
        service.address = item.at("address");
        service.address6 = item.at("address6");
        service.address4 = item.at("address4");
        for (const auto &port : item.at("ports"))
            service.ports.push_back({number<uint16_t>(port, "port"), port.at("udp"), port.at("ipv4_only")});
        for (const auto &name : item.at("names")) service.names.push_back(name);
        state.services.push_back(std::move(service));
    }
    for (const auto &forward : object.at("forwards"))
        state.forwards.push_back({number<uint16_t>(forward, "host_port"), forward.at("address"),
                                  number<uint16_t>(forward, "port"), forward.value("udp", false), forward.value("listen", "127.0.0.1")});
    state.zone = object.at("zone");
    state.dns_server = object.at("dns_server");
    return state;
} catch (const json::exception &error) {
    throw Failure(Code::invalid, std::string("network state: ") + error.what());
}

}  // namespace seed::net
