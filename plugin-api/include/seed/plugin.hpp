// The C++ side of a plugin: derive from the Provider of your contract, throw Failure, end with one SEED_*_PLUGIN line.
//
// Exceptions never leave the plugin: Failure becomes its code and text, std::bad_alloc and everything else INTERNAL.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <seed/abi.h>
#include <seed/acme.h>
#include <seed/dns.h>
#include <seed/git.h>
#include <seed/registrar.h>
#include <seed/runtime.h>
#include <seed/storage.h>
#include <seed/util/fd.h>
#include <seed/acme.hpp>
#include <seed/codec.hpp>
#include <seed/dns.hpp>
#include <seed/git.hpp>
#include <seed/registrar.hpp>
#include <seed/runtime.hpp>
#include <seed/storage.hpp>

namespace seed::plugin {

// What a provider instance gets at open: where to log and where to keep things.  Lives as long as the instance.
class Host {
public:
    explicit Host(const seed_host *host) : host_(host) {}
    void log(seed_level level, std::string_view text) const;
    std::string state_directory() const { return {host_->state_dir.data, host_->state_dir.size}; }
    const seed_host *raw() const { return host_; }

private:
    const seed_host *host_;
};

// One operation in flight.  Not copied, not kept after the operation returned.
class Call {
public:
    Call(const seed_host *host, const seed_call *call) : host_(host), call_(call) {}
    std::string_view id() const { return {call_->id.data, call_->id.size}; }
    std::string_view request_id() const { return {call_->request_id.data, call_->request_id.size}; }
    std::chrono::nanoseconds remaining() const;  // until the deadline; never negative
    bool cancelled() const;                      // the core gave up (polls cancel_fd)
    int cancel_descriptor() const { return call_->cancel_fd; }
    void check() const;  // throws Failure(cancelled or timeout) when it is time to stop
    // Poll `fd` for `events` together with cancellation and the deadline; throws as check() does.  Returns revents.
    short wait(int fd, short events) const;
    int descriptor(size_t index) const;  // borrowed; Failure(invalid) when the core sent fewer
    void progress(int permille, std::string_view doing) const;
    int attach(int fd) const;  // index of a descriptor for the reply
    template <typename T>
    void item(const T &value) const {  // one item of a stream
        reply_text(to_json_text(value));
    }
    void reply_text(std::string_view text) const;

private:
    const seed_host *host_;
    const seed_call *call_;
};

// Each contract: everything named here is mandatory.  `stream` operations run beside the others, on other threads, whether
// or not the provider is concurrent: see docs/plugins.md.
class RuntimeProvider {
public:
    virtual ~RuntimeProvider() = default;
    virtual runtime::CheckReply check(Call &) = 0;
    virtual runtime::PrepareReply prepare(Call &, const runtime::PrepareRequest &) = 0;
    virtual runtime::Boot start(Call &, const runtime::StartRequest &) = 0;
    virtual runtime::Boot inspect(Call &, const runtime::HandleRequest &) = 0;
    virtual void wait(Call &, const runtime::WaitRequest &) = 0;  // stream of runtime::Boot
    virtual void logs(Call &, const runtime::LogsRequest &) = 0;  // stream of runtime::LogLine
    virtual void stop(Call &, const runtime::StopRequest &) = 0;
    virtual void destroy(Call &, const runtime::HandleRequest &) = 0;
    virtual runtime::ListReply list(Call &) = 0;
    virtual runtime::PublishReply publish(Call &, const runtime::PublishRequest &) = 0;
    virtual runtime::ImagesReply images(Call &) = 0;
    virtual void forget(Call &, const runtime::ForgetRequest &) = 0;
    virtual void recover(Call &) = 0;
    virtual void stats(Call &, const runtime::WaitRequest &);  // optional; stream of runtime::BootStats, one for each boot that runs
};

class DnsProvider {
public:
    virtual ~DnsProvider() = default;
    virtual dns::CheckReply check(Call &) = 0;
    virtual dns::ZonesReply zones(Call &) = 0;
    virtual void ensure_zone(Call &, const dns::EnsureZoneRequest &) = 0;
    virtual void list(Call &, const dns::ZoneRequest &) = 0;  // stream of dns::RecordSet
    virtual void apply(Call &, const dns::ApplyRequest &) = 0;
    virtual void remove(Call &, const dns::RemoveRequest &) = 0;
    virtual dns::SettledReply settled(Call &, const dns::ZoneRequest &) = 0;
    virtual dns::RemoveZoneReply remove_zone(Call &, const dns::ZoneRequest &);  // optional: otherwise every zone stays
};

class GitProvider {
public:
    virtual ~GitProvider() = default;
    virtual git::CheckReply check(Call &) = 0;
    virtual git::ListReply list(Call &) = 0;
    virtual git::Repository create(Call &, const git::RepositoryRequest &) = 0;
    virtual void remove(Call &, const git::RepositoryRequest &) = 0;
    virtual git::ResolveReply resolve(Call &, const git::ResolveRequest &) = 0;
    virtual git::ReadReply read(Call &, const git::ReadRequest &) = 0;
    virtual git::FetchReply fetch(Call &, const git::FetchRequest &) = 0;
    virtual git::ServeReply serve(Call &,
                                  const git::ServeRequest &) = 0;  // stream of git::ServeItem, then the reply as last item
};

class StorageProvider {
public:
    virtual ~StorageProvider() = default;
    virtual storage::CheckReply check(Call &) = 0;
    virtual storage::AttachReply create(Call &, const storage::CreateRequest &) = 0;
    virtual storage::AttachReply attach(Call &, const storage::VolumeRequest &) = 0;
    virtual void detach(Call &, const storage::VolumeRequest &) = 0;
    virtual storage::AttachReply resize(Call &, const storage::ResizeRequest &) = 0;
    virtual void remove(Call &, const storage::RemoveRequest &) = 0;
    virtual storage::ListReply list(Call &) = 0;
    virtual storage::Volume usage(Call &, const storage::VolumeRequest &) = 0;
};

class RegistrarProvider {
public:
    virtual ~RegistrarProvider() = default;
    virtual registrar::CheckReply check(Call &) = 0;
    virtual registrar::SearchReply search(Call &, const registrar::SearchRequest &) = 0;
    virtual registrar::Price price(Call &, const registrar::PriceRequest &) = 0;
    virtual registrar::ListReply list(Call &) = 0;
    virtual registrar::BalanceReply balance(Call &) = 0;
    virtual registrar::BuyReply register_domain(Call &, const registrar::BuyRequest &) = 0;  // costs money
    virtual registrar::BuyReply renew(Call &, const registrar::BuyRequest &) = 0;            // costs money
    virtual void nameservers(Call &, const registrar::NameServersRequest &) = 0;
    virtual registrar::Domain info(Call &, const registrar::DomainRequest &) = 0;
};

class AcmeProvider {
public:
    virtual ~AcmeProvider() = default;
    virtual acme::CheckReply check(Call &) = 0;
    virtual acme::AccountReply account(Call &, const acme::AccountRequest &) = 0;
    virtual acme::OrderReply order(Call &, const acme::OrderRequest &) = 0;
    virtual acme::FinalizeReply finalize(Call &, const acme::FinalizeRequest &) = 0;
    virtual void revoke(Call &, const acme::RevokeRequest &) = 0;
    virtual acme::RenewalInfoReply renewal_info(Call &, const acme::RenewalInfoRequest &) = 0;
    virtual acme::AccountReply key_change(Call &) = 0;
};

}  // namespace seed::plugin

// SEED_DNS_PLUGIN and its siblings make a plugin of such a class: seed/plugin_entry.hpp.
