// Bodies of the contract "seed.acme/0".  See docs/contracts/acme.md; JSON member names are the C++ names.
#pragma once
#include <vector>

#include <seed/codec.hpp>

namespace seed::acme {

struct CheckReply {
    bool ok = true;
    std::string directory;             // URL
    std::vector<std::string> remarks;
};
struct AccountRequest {
    std::vector<std::string> contact;  // "mailto:hostmaster@example.org"
    bool terms_agreed = false;
};
struct AccountReply {
    std::string account;               // URL of the account
    std::string status;                // "valid"
};
struct Identifier {
    std::string type = "dns";          // dns, ip
    std::string value;
};
struct OrderRequest {
    std::vector<Identifier> identifiers;
    std::string profile;               // empty: the server's choice
    std::string replaces;              // ARI certificate id this one replaces
};
struct Challenge {
    Identifier identifier;
    std::string type = "dns-01";       // dns-01, http-01, tls-alpn-01
    std::string token;
    std::string record_name, record_value;   // dns-01: what the core writes through its DNS provider
    std::string key_authorization;
};
struct OrderReply {
    std::string order;                 // URL of the order: its handle
    std::string status = "pending";    // pending, ready, processing, valid, invalid
    std::vector<Challenge> challenges;
    int64_t expires_ms = 0;
};
struct FinalizeRequest {
    std::string order, csr;            // handle; PEM
};
struct FinalizeReply {
    std::string chain;                 // PEM, leaf first
    int64_t renew_after_ms = 0;
};
struct RevokeRequest {
    std::string certificate;           // PEM
    uint32_t reason = 0;               // RFC 5280, 5.3.1
};
struct RenewalInfoRequest {
    std::string certificate;
};
struct RenewalInfoReply {
    int64_t start_ms = 0, end_ms = 0;  // the window to renew in
    std::string explanation_url;
    int64_t retry_after_ms = 0;
};

SEED_JSON(CheckReply, ok, directory, remarks)
SEED_JSON(AccountRequest, contact, terms_agreed)
SEED_JSON(AccountReply, account, status)
SEED_JSON(Identifier, type, value)
SEED_JSON(OrderRequest, identifiers, profile, replaces)
SEED_JSON(Challenge, identifier, type, token, record_name, record_value, key_authorization)
SEED_JSON(OrderReply, order, status, challenges, expires_ms)
SEED_JSON(FinalizeRequest, order, csr)
SEED_JSON(FinalizeReply, chain, renew_after_ms)
SEED_JSON(RevokeRequest, certificate, reason)
SEED_JSON(RenewalInfoRequest, certificate)
SEED_JSON(RenewalInfoReply, start_ms, end_ms, explanation_url, retry_after_ms)

SEED_REQUIRED(OrderRequest, "identifiers")
SEED_REQUIRED(FinalizeRequest, "order", "csr")
SEED_REQUIRED(RevokeRequest, "certificate")
SEED_REQUIRED(RenewalInfoRequest, "certificate")

}  // namespace seed::acme
