#include "core/shell/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

namespace seed::shell {

namespace {

std::string describe(const CLI::App &app) {
    nlohmann::json options = nlohmann::json::array(), arguments = nlohmann::json::array();
    for (const auto *option : app.get_options()) {
        if (option->get_positional()) {
            arguments.push_back(option->get_name(/*positional=*/true));
            continue;
        }
        nlohmann::json names = nlohmann::json::array();
        for (const auto &name : option->get_snames()) names.push_back("-" + name);
        for (const auto &name : option->get_lnames()) names.push_back("--" + name);
        options.push_back({{"names", names}, {"value", option->get_items_expected_max() > 0}});
    }
    return nlohmann::json{{"options", options}, {"arguments", arguments}}.dump() + "\n";
}

}  // namespace

struct Options::State {
    CLI::App app;
};

Options::Options() : state_(std::make_unique<State>()) {
    state_->app.set_help_flag("-h,--help");
}
Options::~Options() = default;

Options &Options::flag(const std::string &names, bool &value) {
    state_->app.add_flag(names, value);
    return *this;
}

Options &Options::number(const std::string &names, int64_t &value, int64_t least, int64_t most) {
    state_->app.add_option(names, value)->check(CLI::Range(least, most));
    return *this;
}

Options &Options::text(const std::string &names, std::string &value) {
    state_->app.add_option(names, value);
    return *this;
}

Options &Options::argument(const std::string &name, std::string &value, bool required) {
    state_->app.add_option(name, value)->required(required);
    return *this;
}

Options &Options::arguments(const std::string &name, std::vector<std::string> &values) {
    state_->app.add_option(name, values);
    return *this;
}

void Options::parse(std::vector<std::string> arguments) {
    if (arguments.size() == 1 && arguments[0] == "--describe-options") throw OptionsWanted{describe(state_->app)};
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    try {
        state_->app.parse(std::move(arguments));
    } catch (const CLI::CallForHelp &) {
        throw HelpWanted{};
    } catch (const CLI::ParseError &error) {
        std::string text = error.what();
        std::replace(text.begin(), text.end(), '\n', ' ');
        throw UsageError(text);
    }
}

}  // namespace seed::shell
