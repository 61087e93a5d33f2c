// Bodies of the contract "seed.registrar/0".  See docs/contracts/registrar.md; JSON member names are the C++ names.
#pragma once
#include <vector>

#include <seed/codec.hpp>

namespace seed::registrar {

struct CheckReply {
    bool ok = true;
    std::vector<std::string> remarks;
};
struct DomainRequest {
    std::string domain;               // "example.org": lower case, no final dot
};
struct SearchRequest {
    std::vector<std::string> domains;
};
// Money is decimal text, never a floating point number.
struct Price {
    std::string amount = "0";         // "9.95"
    std::string currency;             // "EUR"
};
struct Offer {
    std::string domain;
    bool available = false;
    bool premium = false;
    std::optional<Price> price;       // none: not for sale, or not told
};
struct SearchReply {
    std::vector<Offer> offers;        // one per domain asked, in that order
};
struct PriceRequest {
    std::string domain, action;       // "register" or "renew"
    uint32_t years = 1;
};
struct BalanceReply {
    Price balance;
};
struct Domain {
    std::string domain;
    int64_t expires_ms = 0;           // unix time
    bool auto_renew = false, locked = false;
    std::vector<std::string> name_servers;
};
struct ListReply {
    std::vector<Domain> domains;
};
struct BuyRequest {
    std::string domain;
    uint32_t years = 1;
    Price max_price;                  // a higher price is LIMIT and nothing is bought
    std::vector<std::string> name_servers;
};
struct BuyReply {
    std::string domain;
    int64_t expires_ms = 0;
    std::optional<Price> paid;        // none: it was ours already
};
struct NameServersRequest {
    std::string domain;
    std::vector<std::string> name_servers;
};

SEED_JSON(CheckReply, ok, remarks)
SEED_JSON(DomainRequest, domain)
SEED_JSON(SearchRequest, domains)
SEED_JSON(Price, amount, currency)
SEED_JSON_OPTIONAL(Offer, domain, available, premium, price)
SEED_JSON(SearchReply, offers)
SEED_JSON(PriceRequest, domain, action, years)
SEED_JSON(BalanceReply, balance)
SEED_JSON(Domain, domain, expires_ms, auto_renew, locked, name_servers)
SEED_JSON(ListReply, domains)
SEED_JSON(BuyRequest, domain, years, max_price, name_servers)
SEED_JSON_OPTIONAL(BuyReply, domain, expires_ms, paid)
SEED_JSON(NameServersRequest, domain, name_servers)

SEED_REQUIRED(DomainRequest, "domain")
SEED_REQUIRED(SearchRequest, "domains")
SEED_REQUIRED(PriceRequest, "domain", "action")
SEED_REQUIRED(BuyRequest, "domain", "years", "max_price")
SEED_REQUIRED(NameServersRequest, "domain", "name_servers")

}  // namespace seed::registrar
