#include "core/deploy/power.h"

namespace seed::deploy {
namespace {

std::string key(const std::string &ns, const std::string &instance) { return "power " + ns + "/" + instance; }

}  // namespace

bool shall_run(const state::Store &store, const std::string &ns, const model::InstanceSpec &spec) {
    std::string wish = store.setting(key(ns, spec.name)).value_or("");
    return wish.empty() ? spec.autostart : wish == "on";
}

void ask_to_run(state::Store &store, const std::string &ns, const std::string &instance) { store.set_setting(key(ns, instance), "on"); }
void ask_to_rest(state::Store &store, const std::string &ns, const std::string &instance) { store.set_setting(key(ns, instance), "off"); }

}  // namespace seed::deploy
