// The schemas and the structs say the same: every struct, empty and filled, fits its definition, and has the same members.
#include <gmock/gmock.h>

#include <seed/acme.hpp>
#include <seed/dns.hpp>
#include <seed/git.hpp>
#include <seed/registrar.hpp>
#include <seed/runtime.hpp>
#include <seed/storage.hpp>

#include "core/providers/contracts.h"
#include "core/providers/schema.h"

namespace seed::providers {
namespace {

const json &definition(const std::string &kind, const std::string &name) {
    static const json none;
    const json &contract = contract_schema(kind);
    json::json_pointer where("/definitions/" + name);
    return contract.contains(where) ? contract[where] : none;
}

// A value that fits `schema`: what a filled struct may hold.
json sample(const json &schema, const json &definitions) {
    if (schema.contains("$ref")) {
        std::string name = schema["$ref"];
        return sample(definitions.at(name.substr(name.rfind('/') + 1)), definitions);
    }
    if (schema.contains("anyOf")) return sample(schema["anyOf"][0], definitions);
    if (schema.contains("enum")) return schema["enum"].back();
    std::string type = schema.value("type", "object");
    if (type == "boolean") return true;
    if (type == "integer") return schema.value("maximum", uint64_t{7});
    if (type == "array") return json::array({sample(schema["items"], definitions), sample(schema["items"], definitions)});
    if (type == "string") {
        std::string pattern = schema.value("pattern", "");
        if (pattern == "^[0-9a-f]{64}$") return std::string(64, 'a');
        if (pattern == "^[0-9a-f]{40}$") return std::string(40, 'a');
        if (pattern == "^[0-7]{3,4}$") return "0750";
        if (pattern == "^[A-Z][A-Z0-9]*$") return "AAAA";
        if (pattern == "^[A-Z]{3}$") return "EUR";
        if (pattern.rfind("^[0-9]+", 0) == 0) return "12.50";
        if (pattern.rfind("^[a-z0-9-]+", 0) == 0) return "example.org";
        return "text.";
    }
    if (schema.contains("additionalProperties")) return {{"KEY", sample(schema["additionalProperties"], definitions)}};
    json object = json::object();
    if (schema.contains("properties")) {
        for (const auto &[name, inner] : schema["properties"].items()) object[name] = sample(inner, definitions);
    }
    return object;
}

template <typename Struct>
void expect_same(const std::string &kind, const std::string &name) {
    SCOPED_TRACE(kind + " " + name);
    const json &schema = definition(kind, name);
    ASSERT_TRUE(schema.is_object()) << "no such definition";
    const json &definitions = contract_schema(kind)["definitions"];

    json empty = json(Struct{});
    for (const auto &[member, value] : empty.items())
        EXPECT_TRUE(schema["properties"].contains(member)) << member << " is not in the schema";
    const json all = json(sample(schema, definitions).get<Struct>());  // std::optional members are left out when they are empty
    for (const auto &[member, value] : schema["properties"].items())
        EXPECT_TRUE(all.contains(member)) << member << " is not in the struct";

    if (name.ends_with("Request")) {
        json required = json::array();
        for (const char *member : required_members(static_cast<const Struct *>(nullptr))) required.push_back(member);
        EXPECT_EQ(required, schema.value("required", json::array())) << "SEED_REQUIRED differs from the schema";
    }

    // A filled one survives the struct unchanged and fits.
    json filled = sample(schema, definitions);
    json again = json(filled.get<Struct>());
    EXPECT_EQ(filled, again);
    Schema checked(json{{"definitions", definitions}, {"allOf", {schema}}});
    EXPECT_EQ(checked.mistake(again), std::nullopt);
    // A struct with a wrong type in any member does not fit.
    for (const auto &[member, value] : filled.items()) {
        json wrong = filled;
        wrong[member] = value.is_object() ? json("text") : json::object();
        EXPECT_TRUE(checked.mistake(wrong)) << member << " may be anything";
    }
}

TEST(Schemas, RuntimeStructsFit) {
    using namespace runtime;
    expect_same<CheckReply>("runtime", "CheckReply");
    expect_same<PrepareRequest>("runtime", "PrepareRequest");
    expect_same<PrepareReply>("runtime", "PrepareReply");
    expect_same<Volume>("runtime", "Volume");
    expect_same<Expose>("runtime", "Expose");
    expect_same<StartRequest>("runtime", "StartRequest");
    expect_same<Boot>("runtime", "Boot");
    expect_same<HandleRequest>("runtime", "HandleRequest");
    expect_same<WaitRequest>("runtime", "WaitRequest");
    expect_same<LogsRequest>("runtime", "LogsRequest");
    expect_same<LogLine>("runtime", "LogLine");
    expect_same<StopRequest>("runtime", "StopRequest");
    expect_same<ListReply>("runtime", "ListReply");
    expect_same<Route>("runtime", "Route");
    expect_same<RouteReport>("runtime", "RouteReport");
    expect_same<Service>("runtime", "Service");
    expect_same<PublishRequest>("runtime", "PublishRequest");
    expect_same<Forward>("runtime", "Forward");
    expect_same<PublishReply>("runtime", "PublishReply");
    expect_same<ImagesReply>("runtime", "ImagesReply");
    expect_same<ForgetRequest>("runtime", "ForgetRequest");
    expect_same<BootStats>("runtime", "BootStats");
}

TEST(Schemas, DnsStructsFit) {
    using namespace dns;
    expect_same<CheckReply>("dns", "CheckReply");
    expect_same<ZonesReply>("dns", "ZonesReply");
    expect_same<EnsureZoneRequest>("dns", "EnsureZoneRequest");
    expect_same<ZoneRequest>("dns", "ZoneRequest");
    expect_same<RecordSet>("dns", "RecordSet");
    expect_same<ApplyRequest>("dns", "ApplyRequest");
    expect_same<Key>("dns", "Key");
    expect_same<RemoveRequest>("dns", "RemoveRequest");
    expect_same<SettledReply>("dns", "SettledReply");
}

TEST(Schemas, GitStructsFit) {
    using namespace git;
    expect_same<CheckReply>("git", "CheckReply");
    expect_same<Repository>("git", "Repository");
    expect_same<ListReply>("git", "ListReply");
    expect_same<RepositoryRequest>("git", "RepositoryRequest");
    expect_same<ResolveRequest>("git", "ResolveRequest");
    expect_same<ResolveReply>("git", "ResolveReply");
    expect_same<ReadRequest>("git", "ReadRequest");
    expect_same<ReadReply>("git", "ReadReply");
    expect_same<FetchRequest>("git", "FetchRequest");
    expect_same<FetchReply>("git", "FetchReply");
    expect_same<ServeRequest>("git", "ServeRequest");
    expect_same<RefUpdate>("git", "RefUpdate");
    expect_same<Updated>("git", "Updated");
    expect_same<ServeItem>("git", "ServeItem");
    expect_same<ServeReply>("git", "ServeReply");
}

TEST(Schemas, StorageStructsFit) {
    using namespace storage;
    expect_same<CheckReply>("storage", "CheckReply");
    expect_same<CreateRequest>("storage", "CreateRequest");
    expect_same<VolumeRequest>("storage", "VolumeRequest");
    expect_same<AttachReply>("storage", "AttachReply");
    expect_same<ResizeRequest>("storage", "ResizeRequest");
    expect_same<RemoveRequest>("storage", "RemoveRequest");
    expect_same<Volume>("storage", "Volume");
    expect_same<ListReply>("storage", "ListReply");
}

TEST(Schemas, RegistrarStructsFit) {
    using namespace registrar;
    expect_same<CheckReply>("registrar", "CheckReply");
    expect_same<DomainRequest>("registrar", "DomainRequest");
    expect_same<SearchRequest>("registrar", "SearchRequest");
    expect_same<Price>("registrar", "Price");
    expect_same<Offer>("registrar", "Offer");
    expect_same<SearchReply>("registrar", "SearchReply");
    expect_same<PriceRequest>("registrar", "PriceRequest");
    expect_same<BalanceReply>("registrar", "BalanceReply");
    expect_same<Domain>("registrar", "Domain");
    expect_same<ListReply>("registrar", "ListReply");
    expect_same<BuyRequest>("registrar", "BuyRequest");
    expect_same<BuyReply>("registrar", "BuyReply");
    expect_same<NameServersRequest>("registrar", "NameServersRequest");
}

TEST(Schemas, AcmeStructsFit) {
    using namespace acme;
    expect_same<CheckReply>("acme", "CheckReply");
    expect_same<AccountRequest>("acme", "AccountRequest");
    expect_same<AccountReply>("acme", "AccountReply");
    expect_same<Identifier>("acme", "Identifier");
    expect_same<OrderRequest>("acme", "OrderRequest");
    expect_same<Challenge>("acme", "Challenge");
    expect_same<OrderReply>("acme", "OrderReply");
    expect_same<FinalizeRequest>("acme", "FinalizeRequest");
    expect_same<FinalizeReply>("acme", "FinalizeReply");
    expect_same<RevokeRequest>("acme", "RevokeRequest");
    expect_same<RenewalInfoRequest>("acme", "RenewalInfoRequest");
    expect_same<RenewalInfoReply>("acme", "RenewalInfoReply");
}

TEST(Schemas, EveryMandatorySlotIsDescribedAndNothingElse) {
    for (const Contract &contract : contracts()) {
        const json &document = contract_schema(contract.kind);
        ASSERT_TRUE(document.is_object()) << contract.kind;
        EXPECT_EQ(document["title"], contract.id());
        for (const Slot &slot : contract.slots) {
            std::string name = std::string(contract.kind) + "." + std::string(slot.name);
            bool described = document["slots"].contains(std::string(slot.name));
            EXPECT_TRUE(described || slot.optional) << name << " has no schema";
            if (!described) continue;
            const json &body = document["slots"][std::string(slot.name)];
            EXPECT_EQ(body.contains("item"), slot.flow != Flow::plain) << name;
            EXPECT_EQ(body.contains("reply"), slot.flow == Flow::plain) << name;
        }
        for (const auto &[name, body] : document["slots"].items())
            EXPECT_TRUE(contract.find(name)) << contract.kind << "." << name;
    }
}

TEST(Schemas, EveryBodyOfEverySlotCompilesAndAcceptsItsSample) {
    for (const Contract &contract : contracts()) {
        const json &document = contract_schema(contract.kind);
        for (const auto &[slot, body] : document["slots"].items()) {
            EXPECT_NO_THROW(check_body(contract.kind, slot, Body::request, sample(body["request"], document["definitions"])))
                << slot;
        }
    }
}

TEST(Schemas, AMistakeNamesThePlace) {
    json request = {{"zone", "z."}, {"owner", "o"}, {"sets", {{{"name", "a."}, {"type", "A"}, {"values", {1}}}}}};
    try {
        check_body("dns", "apply", Body::request, request);
        FAIL();
    } catch (const Failure &failure) {
        EXPECT_THAT(failure.what(), testing::HasSubstr("'sets[0].values[0]'"));
    }
}

}  // namespace
}  // namespace seed::providers
