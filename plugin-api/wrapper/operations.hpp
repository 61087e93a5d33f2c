// From a virtual function of a contract's Provider to its slot: one guard, decode the request, call, encode the reply.
//
// Included by the one file per contract that fills the table; plugins see only the finished table.
#pragma once
#include <seed/plugin_entry.hpp>

namespace seed::plugin::entry {

struct NoRequest {};  // an object all the same
inline void from_json(const json &, NoRequest &) {}

template <typename Method>
struct MethodOf;
template <typename Provider_, typename Reply_>
struct MethodOf<Reply_ (Provider_::*)(Call &)> {
    using Provider = Provider_;
    using Reply = Reply_;
    using Request = void;
};
template <typename Provider_, typename Reply_, typename Request_>
struct MethodOf<Reply_ (Provider_::*)(Call &, const Request_ &)> {
    using Provider = Provider_;
    using Reply = Reply_;
    using Request = Request_;
};

template <auto method>
seed_code operation(void *self, const seed_call *raw, seed_text text) noexcept {
    using Shape = MethodOf<decltype(method)>;
    auto &instance = *static_cast<Instance<typename Shape::Provider> *>(self);
    try {
        Call call(instance.host.raw(), raw);
        auto answer = [&](auto &&...arguments) {
            if constexpr (std::is_void_v<typename Shape::Reply>) {
                ((*instance.provider).*method)(call, arguments...);
            } else {
                call.item(((*instance.provider).*method)(call, arguments...));
            }
        };
        if constexpr (std::is_void_v<typename Shape::Request>) {
            request_from_text<NoRequest>({text.data, text.size});
            answer();
        } else {
            answer(request_from_text<typename Shape::Request>({text.data, text.size}));
        }
        return SEED_OK;
    } catch (...) {
        return report_exception(instance.host.raw(), raw);
    }
}

}  // namespace seed::plugin::entry
