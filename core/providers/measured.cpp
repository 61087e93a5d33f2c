#include "core/providers/measured.h"

namespace seed::providers {
namespace {

class Measured : public Provider, public std::enable_shared_from_this<Measured> {
public:
    Measured(std::shared_ptr<Provider> inner, CallObserver observer) : inner_(std::move(inner)), observer_(std::move(observer)) {}

    Task<json> call(const Call &call, std::string slot, json request, CallOptions options) override {
        auto self = shared_from_this();
        auto inner = inner_;
        auto began = Call::Clock::now();
        CallReport report;
        report.kind = inner->settings().kind;
        report.slot = slot;
        report.stream = options.stream;
        json reply;
        std::exception_ptr failure;
        try {
            std::string operation = slot;
            reply = co_await inner->call(call, std::move(operation), std::move(request), std::move(options));
        } catch (const Failure &error) {
            report.code = error.code();
            failure = std::current_exception();
        } catch (...) {
            report.code = Code::internal;
            failure = std::current_exception();
        }
        report.duration = Call::Clock::now() - began;
        if (report.code == Code::unavailable || Call::Clock::now() - self->looked_ > std::chrono::seconds(1)) {
            self->looked_ = Call::Clock::now();
            json about = inner->describe();
            report.running = about.value("state", "") == "running";
            report.restarts = about.value("restarts", int64_t{0});
            report.last_end = about.value("last_end", "");
        }
        self->observer_(report);
        if (failure) std::rethrow_exception(failure);
        co_return reply;
    }
    const ProviderSettings &settings() const override { return inner_->settings(); }
    json describe() const override { return inner_->describe(); }
    void shut_down() override { inner_->shut_down(); }

private:
    std::shared_ptr<Provider> inner_;
    CallObserver observer_;
    Call::Clock::time_point looked_{};
};

}  // namespace

std::shared_ptr<Provider> measured(std::shared_ptr<Provider> inner, CallObserver observer) {
    return std::make_shared<Measured>(std::move(inner), std::move(observer));
}

}  // namespace seed::providers
