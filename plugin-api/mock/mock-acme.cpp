// mock-acme: an account, orders that are ready at once, and chains that are no certificates.  Nothing is validated: the record the
// core would write is named in the challenge, and finalize() believes it is there.
#include <seed/plugin_entry.hpp>

#include <seed/util/text.h>

#include "mock.hpp"

namespace seed::mock {

using namespace acme;

constexpr int64_t day_ms = 24 * 3600 * 1000;

std::string checksum(const std::string &text) {
    return std::to_string(std::hash<std::string>()(text));
}
void require_pem(const std::string &text, const std::string &what) {
    if (text.rfind("-----BEGIN ", 0) != 0) throw Failure(Code::invalid, what + " is not PEM: it begins with -----BEGIN");
}

class MockAcme final : public plugin::AcmeProvider {
public:
    MockAcme(const plugin::Host &host, const json &config) : mock_(host, config) {}

    CheckReply check(plugin::Call &call) override {
        mock_.enter(call, "check");
        return {true, "mock:", {"mock: no browser trusts what this issues"}};
    }
    AccountReply account(plugin::Call &call, const AccountRequest &request) override {
        mock_.enter(call, "account", request);
        mock_.change([&](json &state) { state["account"]["contact"] = request.contact; });
        return {"mock:account/1", "valid"};
    }
    OrderReply order(plugin::Call &call, const OrderRequest &request) override {
        mock_.enter(call, "order", request);
        if (request.identifiers.empty()) throw Failure(Code::invalid, "an order needs at least one identifier");
        OrderReply reply;
        reply.status = "ready";
        std::string names;
        for (const Identifier &identifier : request.identifiers) {
            if (identifier.type != "dns" && identifier.type != "ip")
                throw Failure(Code::invalid, "an identifier is dns or ip, not '" + printable(identifier.type, 40) + "'");
            if (identifier.value.empty()) throw Failure(Code::invalid, "an identifier without a value");
            std::string token = checksum(identifier.value);
            reply.challenges.push_back({identifier, "dns-01", token, "_acme-challenge." + identifier.value + ".", token, token + ".mock"});
            names += identifier.value + " ";
        }
        reply.order = "mock:order/" + checksum(std::string(call.request_id()) + names);
        reply.expires_ms = unix_ms_now() + 7 * day_ms;
        mock_.change([&](json &state) { state["orders"][reply.order] = names; });
        return reply;
    }
    FinalizeReply finalize(plugin::Call &call, const FinalizeRequest &request) override {
        mock_.enter(call, "finalize", request);
        json state = mock_.state();
        if (!state["orders"].is_object() || !state["orders"].contains(request.order))
            throw Failure(Code::not_found, "there is no order '" + printable(request.order, 200) + "'");
        require_pem(request.csr, "the CSR");
        return {"-----BEGIN CERTIFICATE-----\n" + base64(checksum(request.order)) + "\n-----END CERTIFICATE-----\n", unix_ms_now() + 60 * day_ms};
    }
    void revoke(plugin::Call &call, const RevokeRequest &request) override {
        mock_.enter(call, "revoke", request);
        require_pem(request.certificate, "the certificate");
        if (request.reason > 255) throw Failure(Code::invalid, "reason " + std::to_string(request.reason) + " is above 255");
        mock_.change([&](json &state) { state["revoked"][checksum(request.certificate)] = request.reason; });
    }
    RenewalInfoReply renewal_info(plugin::Call &call, const RenewalInfoRequest &request) override {
        mock_.enter(call, "renewal_info", request);
        require_pem(request.certificate, "the certificate");
        return {unix_ms_now() + 55 * day_ms, unix_ms_now() + 60 * day_ms, "", 6 * 3600 * 1000};
    }
    AccountReply key_change(plugin::Call &call) override {
        mock_.enter(call, "key_change");
        mock_.change([](json &state) { state["account"]["keys"] = state["account"].value("keys", 1) + 1; });
        return {"mock:account/1", "valid"};
    }

private:
    Mock mock_;
};

SEED_ACME_PLUGIN(MockAcme, "mock-acme", SEED_VERSION, "a certificate authority nobody trusts", MOCK_SCHEMA(""))

}  // namespace seed::mock
