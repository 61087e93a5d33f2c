// mock-registrar: domains as entries of the state.  Configuration: "taken" (domains of somebody else), "price" (decimal text,
// per year), "balance" (decimal text); the currency is EUR.  What is bought is paid from the balance.
#include <seed/plugin_entry.hpp>

#include <algorithm>
#include <cmath>

#include <seed/util/text.h>

#include "mock.hpp"

namespace seed::mock {

using namespace registrar;

constexpr int64_t year_ms = int64_t{365} * 24 * 3600 * 1000;

// Cents, so that nothing is added up in floating point.
int64_t cents(const std::string &amount) {
    auto parts = split(amount, '.');
    int64_t value = std::stoll(parts.at(0)) * 100;
    if (parts.size() > 1) value += std::stoll((parts[1] + "00").substr(0, 2));
    return value;
}
Price price_of(int64_t amount) {
    std::string fraction = std::to_string(amount % 100);
    return {std::to_string(amount / 100) + "." + std::string(2 - fraction.size(), '0') + fraction, "EUR"};
}
void require_domain(const std::string &domain) {
    bool valid = domain.find('.') != std::string::npos && domain.front() != '.' && domain.back() != '.' &&
                 domain.find("..") == std::string::npos &&
                 domain.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string::npos;
    if (!valid) throw Failure(Code::invalid, "'" + printable(domain, 100) + "' is no domain: write it in lower case without final dot");
}
void require_money(const Price &price) {
    auto digits = [](const std::string &text) { return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos; };
    auto parts = split(price.amount, '.');
    bool valid = parts.size() <= 2 && std::all_of(parts.begin(), parts.end(), digits);
    if (!valid) throw Failure(Code::invalid, "'" + printable(price.amount, 40) + "' is no amount: write it like 9.95");
    if (price.currency != "EUR") throw Failure(Code::invalid, "this registrar sells for EUR, not " + printable(price.currency, 10));
}
void require_years(uint32_t years) {
    if (years < 1 || years > 10) throw Failure(Code::invalid, "domains are sold for 1 to 10 years, not " + std::to_string(years));
}

class MockRegistrar final : public plugin::RegistrarProvider {
public:
    MockRegistrar(const plugin::Host &host, const json &config) : mock_(host, config) {
        yearly_ = cents(config.value("price", "9.95"));
        mock_.change([&](json &state) {
            if (!state.contains("balance")) state["balance"] = cents(config.value("balance", "100.00"));
            if (!state.contains("domains")) state["domains"] = json::object();
            if (!state.contains("bought")) state["bought"] = json::object();
        });
    }
    CheckReply check(plugin::Call &call) override {
        mock_.enter(call, "check");
        return {true, {"mock: nothing is really bought"}};
    }
    SearchReply search(plugin::Call &call, const SearchRequest &request) override {
        mock_.enter(call, "search", request);
        SearchReply reply;
        for (const auto &domain : request.domains) {
            require_domain(domain);
            bool free = !taken(domain) && !mock_.state()["domains"].contains(domain);
            reply.offers.push_back({domain, free, false, free ? std::optional(price_of(yearly_)) : std::nullopt});
        }
        return reply;
    }
    Price price(plugin::Call &call, const PriceRequest &request) override {
        mock_.enter(call, "price", request);
        require_domain(request.domain);
        require_years(request.years);
        if (request.action != "register" && request.action != "renew")
            throw Failure(Code::invalid, "action '" + printable(request.action, 40) + "' is neither register nor renew");
        return price_of(yearly_ * request.years);
    }
    ListReply list(plugin::Call &call) override {
        mock_.enter(call, "list");
        ListReply reply;
        mock_.look([&](const json &state) {
            for (const auto &[name, domain] : state.at("domains").items()) reply.domains.push_back(domain.get<Domain>());
        });
        return reply;
    }
    BalanceReply balance(plugin::Call &call) override {
        mock_.enter(call, "balance");
        return {price_of(mock_.state()["balance"].get<int64_t>())};
    }
    BuyReply register_domain(plugin::Call &call, const BuyRequest &request) override {
        mock_.enter(call, "register_domain", request);
        return buy(call, request, [&](json &state, const Price &paid) {
            if (taken(request.domain)) throw Failure(Code::conflict, request.domain + " belongs to somebody else");
            if (state["domains"].contains(request.domain)) throw Failure(Code::conflict, request.domain + " is ours already: renew it");
            Domain domain{request.domain, unix_ms_now() + request.years * year_ms, false, true, request.name_servers};
            state["domains"][request.domain] = domain;
            return BuyReply{request.domain, domain.expires_ms, paid};
        });
    }
    BuyReply renew(plugin::Call &call, const BuyRequest &request) override {
        mock_.enter(call, "renew", request);
        return buy(call, request, [&](json &state, const Price &paid) {
            Domain domain = ours(state, request.domain);
            domain.expires_ms += request.years * year_ms;
            state["domains"][request.domain] = domain;
            return BuyReply{request.domain, domain.expires_ms, paid};
        });
    }
    void nameservers(plugin::Call &call, const NameServersRequest &request) override {
        mock_.enter(call, "nameservers", request);
        if (request.name_servers.empty()) throw Failure(Code::invalid, "a delegation needs at least one name server");
        mock_.change([&](json &state) {
            Domain domain = ours(state, request.domain);
            domain.name_servers = request.name_servers;
            state["domains"][request.domain] = domain;
        });
    }
    Domain info(plugin::Call &call, const DomainRequest &request) override {
        mock_.enter(call, "info", request);
        json state = mock_.state();
        return ours(state, request.domain);
    }

private:
    bool taken(const std::string &domain) const {
        const json &others = mock_.config().value("taken", json::array());
        return std::find(others.begin(), others.end(), domain) != others.end();
    }
    static Domain ours(json &state, const std::string &domain) {
        require_domain(domain);
        if (!state["domains"].contains(domain)) throw Failure(Code::not_found, domain + " is not a domain of this account");
        return state["domains"][domain].get<Domain>();
    }
    // The same request_id buys once.
    template <typename Act>
    BuyReply buy(const plugin::Call &call, const BuyRequest &request, Act act) {
        require_domain(request.domain);
        require_years(request.years);
        require_money(request.max_price);
        BuyReply reply;
        mock_.change([&](json &state) {
            std::string purchase(call.request_id());
            if (!purchase.empty() && state["bought"].contains(purchase)) {
                if (state["bought"][purchase]["request"] != json(request))
                    throw Failure(Code::conflict, "request " + purchase + " bought something else before");
                reply = state["bought"][purchase]["reply"].template get<BuyReply>();
                return;
            }
            int64_t cost = yearly_ * request.years, funds = state["balance"];
            if (cost > cents(request.max_price.amount))
                throw Failure(Code::limit, request.domain + " costs " + price_of(cost).amount + " EUR, more than the allowed " + request.max_price.amount);
            if (cost > funds) throw Failure(Code::limit, "the balance of " + price_of(funds).amount + " EUR does not cover " + price_of(cost).amount);
            reply = act(state, price_of(cost));
            state["balance"] = funds - cost;
            if (!purchase.empty()) state["bought"][purchase] = {{"request", request}, {"reply", reply}};
        });
        return reply;
    }

    Mock mock_;
    int64_t yearly_ = 0;
};

SEED_REGISTRAR_PLUGIN(MockRegistrar, "mock-registrar", SEED_VERSION, "a registrar that sells nothing",
                      MOCK_SCHEMA(R"(,"taken":{"type":"array","items":{"type":"string"},"description":"domains of somebody else"},)"
                                  R"("price":{"type":"string","description":"of a year, in EUR","pattern":"^[0-9]{1,6}\\.[0-9]{2}$"},)"
                                  R"("balance":{"type":"string","description":"at the start, in EUR","pattern":"^[0-9]{1,6}\\.[0-9]{2}$"})"))

}  // namespace seed::mock
