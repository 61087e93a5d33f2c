// life.*: opening, closing, and what must not be left behind.
#include <dlfcn.h>
#include <malloc.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include <seed/util/text.h>
#include <seed/codec.hpp>

#include "core/conformance/process_state.h"
#include "core/conformance/scenario.h"

namespace seed::conformance {

namespace {

void opens(const Subject &subject) {
    Plugin plugin(subject);
    Instance instance(plugin, subject);
    for (const Step &step : Scenario(plugin, subject).valid()) {
        if (step.slot == "check") instance.ask(step.slot, step.request);
    }
    instance.close();
}

void bad_config(const Subject &subject) {
    Plugin plugin(subject);
    std::vector<std::string> wrong = {"{", "[]", "7", "\"text\""};
    json schema = plugin.config_schema();
    const json members = schema.value("properties", json::object());
    for (const auto &[name, member] : members.items()) {
        json config = subject.config;
        std::string type = member.contains("type") && member["type"].is_string() ? member["type"].get<std::string>() : "";
        if (type.empty() || type == "object") continue;
        config[name] = json{{"not", "what the schema says"}};
        wrong.push_back(config.dump());
    }
    unsigned number = 0;
    for (const std::string &config : wrong) {
        Instance instance(plugin, state_directory(subject, "bad" + std::to_string(++number)), config);
        const Outcome &opened = instance.opened();
        require(!opened.ok() || number > 4, "open() accepted the configuration " + config);
        if (opened.ok()) continue;  // a member it does not look at
        require(opened.code == Code::invalid, "open() with " + config + " answers " + opened.to_string() + ", not INVALID");
        require(!opened.text.empty(), "open() with " + config + " fails without a sentence");
    }
}

void leaves_nothing(const Subject &subject) {
    Plugin plugin(subject);
    // The first rounds may fill caches of libraries.
    auto rounds = [&](int count, bool ask) {
        for (int i = 0; i < count; ++i) {
            Instance instance(plugin, subject, "again");
            if (ask && plugin.operation("check")) instance.call("check");
            instance.close();
        }
    };
    rounds(3, true);
    rounds(10, false);
    auto descriptors = open_descriptors();
    auto memory = mallinfo2().uordblks;
    auto running = threads();
    rounds(60, false);
    rounds(3, true);
    for (const auto &[number, target] : open_descriptors()) {
        require(descriptors.count(number), "open() and close() leave descriptor " + std::to_string(number) + " (" + target + ") open");
    }
    require(threads().size() <= running.size(), "a thread outlives close()");
    require(children().empty(), "a child process outlives close()");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    auto grown = static_cast<int64_t>(mallinfo2().uordblks) - static_cast<int64_t>(memory);
    require(grown < 63 * 256, "63 times open() and close() leave " + std::to_string(grown) + " bytes of memory allocated");
#else
    (void)memory;
#endif
#ifdef __SANITIZE_ADDRESS__
    require(__lsan_do_recoverable_leak_check() == 0, "open() and close() leave memory that nothing points to: the leak checker's report is on standard error");
#endif
}

void two(const Subject &subject) {
    Plugin plugin(subject);
    Scenario scenario(plugin, subject);
    Instance one(plugin, subject, "one"), other(plugin, subject, "other");
    scenario.prepare(one);
    json before = scenario.observe(one);
    if (plugin.operation("check")) other.ask("check");
    other.close();
    require(scenario.observe(one) == before, "closing one instance changes what another sees");
    if (plugin.operation("check")) one.ask("check");
    scenario.undo(one);
    one.close();
}

void restart(const Subject &subject) {
    Plugin plugin(subject);
    Scenario scenario(plugin, subject);
    if (!scenario.observable()) skip("there is nothing to see in a " + plugin.kind() + " provider");
    json made;
    {
        Instance instance(plugin, subject);
        scenario.prepare(instance);
        made = scenario.observe(instance);
        if (made.is_null() || made.empty()) skip("nothing can be made without the values that \"given\" in the configuration file names");
        instance.close();
    }
    Instance again(plugin, subject);
    if (plugin.operation("recover")) again.ask("recover");
    json seen = scenario.observe(again);
    require(seen == made, "after close() and open() it sees " + seen.dump().substr(0, 300) + " instead of " + made.dump().substr(0, 300));
    scenario.undo(again);
    again.close();
}

void reload(const Subject &subject) {
    for (int i = 0; i < 3; ++i) {
        void *library = dlopen(subject.path.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (!library) fail(std::string("cannot be loaded again: ") + dlerror());
        dlclose(library);
    }
    if (void *still = dlopen(subject.path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD)) {
        dlclose(still);
        warn("stays loaded after dlclose: build with seed_add_plugin(), which hides the templates of the C++ library");
    }
}

}  // namespace

std::vector<Check> life_checks() {
    return {
        {"life.opens", "open() with the given configuration works, check succeeds, close() returns", opens},
        {"life.bad-config", "open() with a wrong configuration answers INVALID and a sentence", bad_config},
        {"life.leaves-nothing", "open() and close() again and again leave no descriptor, thread, child or memory", leaves_nothing, 60},
        {"life.two", "two instances at once do not disturb each other", two},
        {"life.restart", "what was made is still there after close() and open()", restart},
        {"life.reload", "can be unloaded and loaded again", reload},
    };
}

}  // namespace seed::conformance
