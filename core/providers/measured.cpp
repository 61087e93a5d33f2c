#include "core/providers/measured.h"

#include "core/providers/contracts.h"

namespace seed::providers {
namespace {

class Measured : public Provider, public std::enable_shared_from_this<Measured> {
public:
    Measured(std::shared_ptr<Provider> inner, CallObserver observer, Trace *trace)
        : inner_(std::move(inner)), observer_(std::move(observer)), trace_(trace), contract_(find_contract(inner_->settings().kind)) {}

    Task<json> call(const Call &call, std::string slot, json request, CallOptions options) override {
        auto self = shared_from_this();
        auto inner = inner_;
        auto began = Call::Clock::now();
        CallReport report;
        report.kind = inner->settings().kind;
        report.plugin = inner->settings().plugin;
        report.slot = slot;
        const Slot *known = contract_ ? contract_->find(slot) : nullptr;
        report.stream = options.stream || (known && known->flow != Flow::plain);
        std::optional<TracedCall> traced;
        if (trace_ && trace_->watched()) traced.emplace(*trace_, *inner, call, slot, request, options);
        json reply;
        std::exception_ptr failure;
        std::string text;
        int64_t retry_after_ms = 0;
        try {
            std::string operation = slot;
            reply = co_await inner->call(call, std::move(operation), std::move(request), std::move(options));
        } catch (const Failure &error) {
            report.code = error.code();
            text = error.what();
            retry_after_ms = error.retry_after_ms();
            failure = std::current_exception();
        } catch (...) {
            report.code = Code::internal;
            failure = std::current_exception();
        }
        report.duration = Call::Clock::now() - began;
        if (report.code == Code::unavailable || Call::Clock::now() - self->looked_ > std::chrono::seconds(1)) {
            self->looked_ = Call::Clock::now();
            json about = inner->describe();
            report.running = about.value("state", "") != "stopped";   // one that is replaced comes back
            report.restarts = about.value("restarts", int64_t{0});
            report.last_end = about.value("last_end", "");
        }
        self->observer_(report);
        if (traced) traced->ended(report.code, text, retry_after_ms, reply);
        if (failure) std::rethrow_exception(failure);
        co_return reply;
    }
    const ProviderSettings &settings() const override { return inner_->settings(); }
    json describe() const override { return inner_->describe(); }
    void shut_down() override { inner_->shut_down(); }
    Task<void> restart(const Call &call) override { return inner_->restart(call); }
    const Secrets &secrets() const override { return inner_->secrets(); }

private:
    std::shared_ptr<Provider> inner_;
    CallObserver observer_;
    Trace *trace_;
    const Contract *contract_;
    Call::Clock::time_point looked_{};
};

}  // namespace

std::shared_ptr<Provider> measured(std::shared_ptr<Provider> inner, CallObserver observer, Trace *trace) {
    return std::make_shared<Measured>(std::move(inner), std::move(observer), trace);
}

}  // namespace seed::providers
