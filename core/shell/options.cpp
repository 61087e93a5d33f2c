#include "core/shell/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace seed::shell {

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

void Options::parse(std::vector<std::string> arguments) {
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
