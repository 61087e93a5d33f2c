#include "core/programs/seed-fetch-proxy/gate.h"

#include <boost/asio/redirect_error.hpp>

#include <charconv>

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/programs/seed-fetch-proxy/public_address.h"

namespace seed::fetch {
namespace {

Task<std::vector<asio::ip::address>> resolve(Target target) {
    auto executor = co_await asio::this_coro::executor;
    asio::ip::tcp::resolver resolver(executor);
    boost::system::error_code error;
    std::string service = std::to_string(target.port);
    auto completion = asio::redirect_error(asio::use_awaitable, error);
    auto found = co_await resolver.async_resolve(target.host, service, completion);
    if (error) throw Failure(Code::unavailable, "the name cannot be resolved (" + error.message() + ")");
    std::vector<asio::ip::address> addresses;
    for (const auto &entry : found) addresses.push_back(entry.endpoint().address());
    co_return addresses;
}

}  // namespace

Resolver system_resolver() {
    return resolve;
}

Task<std::vector<asio::ip::tcp::endpoint>> Gate::endpoints(Target target) const {
    bool open = rules_.allowed.contains(target.text()) || (rules_.any_host && target.port == 443);
    if (!open && rules_.any_host) throw Failure(Code::denied, "only port 443 is open");
    if (!open) throw Failure(Code::denied, "the host is not allowed here");
    std::vector<asio::ip::tcp::endpoint> result;
    for (const auto &name : {target.text(), target.host})
        if (auto given = rules_.addresses.find(name); given != rules_.addresses.end()) {
            result.push_back(given->second);
            co_return result;
        }
    std::string why;
    std::vector<asio::ip::address> addresses = co_await resolver_(target);
    for (const auto &address : addresses) {
        std::string reason = not_public(address);
        if (reason.empty() && is_own(address)) reason = "an address of this machine";
        if (reason.empty())
            result.emplace_back(address, target.port);
        else
            why = "it leads to " + address.to_string() + ", " + reason;
    }
    if (result.empty()) throw Failure(Code::denied, why.empty() ? "the name has no address" : why);
    co_return result;
}

asio::ip::tcp::endpoint parse_endpoint(const std::string &text) {
    size_t colon = text.rfind(':');
    std::string host = text.substr(0, colon);
    bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    uint16_t port = 0;
    boost::system::error_code error;
    auto address = asio::ip::make_address(host, error);
    const char *end = text.data() + text.size();
    if (colon == std::string::npos || error || address.is_v6() != bracketed ||
        std::from_chars(text.data() + colon + 1, end, port).ptr != end || port == 0)
        throw Failure(Code::invalid, "'" + printable(text, 100) + "' must be ADDRESS:PORT, IPv6 in brackets");
    return {address, port};
}

}  // namespace seed::fetch
