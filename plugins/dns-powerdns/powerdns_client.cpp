#include "plugins/dns-powerdns/powerdns_client.h"

#include <poll.h>

#include <random>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::powerdns {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr int most_attempts = 8;
constexpr const char *made_by_us = "seed";   // the account of zones that we made

// 5-20 ms at first, doubled with each attempt: two writers must not meet again and again.
void pause(int attempt) {
    thread_local std::minstd_rand random(std::random_device{}());
    poll(nullptr, 0, static_cast<int>((5 + random() % 16) << std::min(attempt, 5)));
}

std::string reason_in(const HttpReply &reply) {
    json body = json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
    std::string text =
        body.is_object() && body.contains("error") && body["error"].is_string() ? body["error"].get<std::string>() : reply.body;
    return printable(trim(text), 300);
}

Code code_for(long status) {
    if (status == 401 || status == 403) return Code::denied;
    if (status == 404) return Code::not_found;
    if (status == 409) return Code::conflict;
    if (status == 429) return Code::limit;
    return status >= 500 ? Code::unavailable : Code::invalid;
}

}  // namespace

PowerDnsClient::PowerDnsClient(std::function<std::string()> url, std::string api_key, std::function<void()> revive)
    : url_(std::move(url)), api_key_(std::move(api_key)), revive_(std::move(revive)) {}

HttpReply PowerDnsClient::ask(const std::string &method, const std::string &path, const std::string &body,
                              const std::string &doing, const Waiting &waiting, long also_good) const {
    auto deadline = Clock::now() + waiting.patience;
    for (int attempt = 0;; ++attempt) {
        auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
        bool last = attempt + 1 == most_attempts || left < milliseconds(200);
        try {
            HttpReply reply =
                http_request(method, url_() + "/api/v1/servers/localhost" + path, api_key_, body, {left, waiting.cancelled});
            if ((reply.status >= 200 && reply.status < 300) || reply.status == also_good) return reply;
            if (reply.status < 500 || last)
                throw Failure(code_for(reply.status),
                              doing + ": PowerDNS answered " + std::to_string(reply.status) + ": " + reason_in(reply));
        } catch (const Failure &failure) {
            if (failure.code() != Code::unavailable || last) throw;
            if (revive_) revive_();
        }
        pause(attempt);
    }
}

void PowerDnsClient::ping(const Waiting &waiting) const {
    ask("GET", "", "", "asking PowerDNS for its state", waiting);
}

std::vector<std::string> PowerDnsClient::zones(const Waiting &waiting) const {
    std::vector<std::string> names;
    for (const auto &zone : parse_json(ask("GET", "/zones", "", "listing zones", waiting).body, "zones of PowerDNS"))
        names.push_back(zone.value("name", ""));
    return names;
}

bool PowerDnsClient::has_zone(const std::string &zone, const Waiting &waiting) const {
    return ask("GET", "/zones/" + percent_encoded(zone) + "?rrsets=false", "", "looking for zone " + zone, waiting,
               /*also_good=*/404)
               .status != 404;
}

void PowerDnsClient::make_zone(const std::string &zone, const std::vector<std::string> &name_servers, const json &rrsets,
                               const Waiting &waiting) const {
    json body = {
        {"name", zone}, {"kind", "Native"}, {"nameservers", name_servers}, {"soa_edit_api", "DEFAULT"}, {"account", made_by_us}, {"rrsets", rrsets}};
    ask("POST", "/zones", body.dump(), "making zone " + zone, waiting, /*also_good=*/409);  // 409: somebody was faster
}

std::optional<std::string> PowerDnsClient::remove_zone(const std::string &zone, const Waiting &waiting) const {
    HttpReply reply = ask("GET", "/zones/" + percent_encoded(zone), "", "reading zone " + zone, waiting, /*also_good=*/404);
    if (reply.status == 404) return "there is no zone " + zone;
    json body = json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
    if (!body.is_object()) throw Failure(Code::unavailable, "reading zone " + zone + ": PowerDNS's answer is not JSON");
    if (body.value("account", "") != made_by_us) return "it was not made by a platform: its account is not \"" + std::string(made_by_us) + "\"";
    if (body.value("dnssec", false)) return "somebody signs it (DNSSEC)";
    json rrsets = body.value("rrsets", json::array());
    for (const auto &rrset : rrsets) {
        std::string name = rrset.value("name", ""), type = rrset.value("type", "");
        if (name != zone || (type != "SOA" && type != "NS")) return "it has other records: " + printable(name + " " + type, 300);
    }
    ask("DELETE", "/zones/" + percent_encoded(zone), "", "removing zone " + zone, waiting, /*also_good=*/404);
    return std::nullopt;
}

std::vector<dns::RecordSet> PowerDnsClient::sets(const std::string &zone, const Waiting &waiting) const {
    // Large zones are larger than parse_json() allows; this text is PowerDNS's own.
    json body =
        json::parse(ask("GET", "/zones/" + percent_encoded(zone), "", "reading zone " + zone, waiting).body, nullptr, false);
    if (!body.is_object()) throw Failure(Code::unavailable, "reading zone " + zone + ": PowerDNS's answer is not JSON");
    std::vector<dns::RecordSet> found;
    for (const auto &rrset : body.value("rrsets", json::array())) found.push_back(set_from_json(rrset));
    return found;
}

std::vector<dns::RecordSet> PowerDnsClient::set(const std::string &zone, const SetKey &key, const Waiting &waiting) const {
    std::string path = "/zones/" + percent_encoded(zone) + "?rrset_name=" + percent_encoded(key.first) +
                       "&rrset_type=" + percent_encoded(key.second);
    json body = parse_json(ask("GET", path, "", "reading zone " + zone, waiting).body, "zone of PowerDNS");
    std::vector<dns::RecordSet> found;  // an older server ignores the filter: filtered here again by the caller
    for (const auto &rrset : body.value("rrsets", json::array())) found.push_back(set_from_json(rrset));
    return found;
}

void PowerDnsClient::patch(const std::string &zone, const json &rrsets, const Waiting &waiting) const {
    json body = {{"rrsets", rrsets}};
    ask("PATCH", "/zones/" + percent_encoded(zone), body.dump(-1, ' ', false, json::error_handler_t::replace),
        "changing zone " + zone, waiting);
}

}  // namespace seed::powerdns
