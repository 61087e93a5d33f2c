// The one guard of the boundary: whatever was thrown becomes a code and a sentence.
#include <seed/plugin_entry.hpp>

#include <new>

namespace seed::plugin::entry {

namespace {

seed_code tell(const seed_host *host, const seed_call *call, Code code, int64_t retry_after_ms, std::string_view text) noexcept {
    return host->fail(call, static_cast<seed_code>(code), retry_after_ms, {text.data(), text.size()});
}

}  // namespace

seed_code report_exception(const seed_host *host, const seed_call *call) noexcept {
    try {
        throw;
    } catch (const Failure &failure) {
        Code code = failure.code() == Code::ok ? Code::internal : failure.code();
        return tell(host, call, code, failure.retry_after_ms(), failure.what());
    } catch (const std::bad_alloc &) {
        return tell(host, call, Code::internal, 0, "out of memory");
    } catch (const std::exception &error) {
        return tell(host, call, Code::internal, 0, error.what());
    } catch (...) {
        return tell(host, call, Code::internal, 0, "an exception of an unknown type");
    }
}

json settings_from(std::string_view config) {
    json settings = config.empty() ? json::object() : parse_json(config, "configuration");
    if (!settings.is_object()) throw Failure(Code::invalid, "configuration: expected an object");
    return settings;
}

}  // namespace seed::plugin::entry
