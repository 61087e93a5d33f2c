// Opens mocks in either isolation and runs coroutines to their end.
#pragma once
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <future>

#include <seed/util/failure.h>
#include <seed/util/file.h>

#include "core/providers/provider.h"

namespace seed::providers {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ProviderTest : public testing::TestWithParam<Isolation> {
protected:
    ProviderTest() : temporary_(std::filesystem::temp_directory_path(), "seed-providers-") {
        chmod(temporary_.path().c_str(), 0711);  // the plugin's uid must reach its state directory
        setenv("SEED_LIBEXEC", SEED_BUILD_DIR "/bin", 1);
        setenv("SEED_CHECK_SCHEMAS", "1", 1);
    }
    ~ProviderTest() override {
        for (auto &provider : opened_) provider->shut_down();
        opened_.clear();
        context_.restart();
        context_.run_for(10s);
    }

    ProviderSettings settings(const std::string &kind, const std::string &plugin, json config = json::object()) {
        ProviderSettings settings;
        settings.kind = kind;
        settings.plugin = plugin;
        bool bad = plugin.rfind("bad-", 0) == 0;
        settings.path = std::string(SEED_BUILD_DIR) + (bad ? "/plugins/bad/" : "/plugins/") + plugin + ".so";
        settings.config = std::move(config);
        settings.state_directory = (temporary_.path() / plugin).string();
        settings.isolation = isolation_;
        settings.uid = uids::plugin_base + 50;
        return settings;
    }

    template <typename T>
    T run(Task<T> task) {
        auto future = asio::co_spawn(context_, std::move(task), asio::use_future);
        context_.restart();
        auto limit = std::chrono::steady_clock::now() + 120s;
        while (future.wait_for(0s) != std::future_status::ready && std::chrono::steady_clock::now() < limit)
            context_.run_one_for(1s);
        if (future.wait_for(0s) != std::future_status::ready) throw std::runtime_error("the coroutine did not end");
        return future.get();
    }
    // Lets the context work until `condition` holds.
    template <typename Condition>
    bool eventually(Condition condition, std::chrono::seconds patience = 60s) {
        context_.restart();
        auto limit = std::chrono::steady_clock::now() + patience;
        while (!condition() && std::chrono::steady_clock::now() < limit) context_.run_one_for(10ms);
        return condition();
    }

    std::shared_ptr<Provider> open(ProviderSettings settings) {
        Call call("open", 60s);
        auto provider = run(open_provider(context_.get_executor(), std::move(settings), call));
        opened_.push_back(provider);
        return provider;
    }
    std::shared_ptr<Provider> open(const std::string &kind, json config = json::object()) {
        return open(settings(kind, "mock-" + kind, std::move(config)));
    }
    json ask(const std::shared_ptr<Provider> &provider, const std::string &slot, json request = json::object(),
             std::chrono::milliseconds patience = 60s, CallOptions options = {}) {
        Call call("test-" + slot, patience);
        return run(provider->call(call, slot, std::move(request), std::move(options)));
    }
    // The failure of what is run; fails the test when there is none.
    template <typename Body>
    Failure failure_of(Body body) {
        try {
            body();
        } catch (const Failure &failure) {
            return failure;
        }
        ADD_FAILURE() << "nothing failed";
        return Failure(Code::ok, "nothing failed");
    }

    asio::io_context context_;
    TemporaryDirectory temporary_;
    Isolation isolation_ = Isolation::process;
    std::vector<std::shared_ptr<Provider>> opened_;
};

// The same behaviour in a process of its own and inline.
class EitherIsolation : public ProviderTest {
protected:
    void SetUp() override { isolation_ = GetParam(); }
};

}  // namespace seed::providers
