#include "core/shell/run.h"

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/shell/options.h"
#include "core/shell/registry.h"

namespace seed::shell {

int exit_status_of(const Failure &failure) {
    switch (failure.code()) {
        case Code::invalid:
            return exit_usage;
        case Code::not_found:
            return exit_not_found;
        case Code::denied:
            return exit_denied;
        case Code::unavailable:
        case Code::timeout:
            return exit_unavailable;
        default:
            return exit_failure;
    }
}

namespace {

void say(Context &context, std::string_view text) {
    try {
        context.err.line(printable(text));
    } catch (const Failure &) {
        // The reader is gone; the exit status still tells.
    }
}

int run_guarded(Context &context, const std::vector<std::string> &words) {
    std::string help = "; try: " + context.program + " help";
    if (words.empty()) {
        say(context, "no command given" + help);
        return exit_failure;
    }
    const Command *command = find_command(context.commands, words[0]);
    if (!command) {
        auto nearest = nearest_command(context.commands, words[0]);
        std::string meant = nearest.empty() ? "" : "; did you mean '" + std::string(nearest) + "'?";
        say(context, "there is no command '" + printable(words[0], 64) + "'" + (meant.empty() ? help : meant));
        return exit_usage;
    }
    try {
        return command->run(context, {words.begin() + 1, words.end()});
    } catch (const HelpWanted &) {
        context.out.write(command->help);
        return exit_ok;
    } catch (const UsageError &error) {
        say(context, std::string(command->name) + ": " + error.what() + help + " " + std::string(command->name));
        return exit_usage;
    }
}

}  // namespace

int run_command(Context &context, const std::vector<std::string> &words) {
    try {
        return run_guarded(context, words);
    } catch (const Failure &failure) {
        if (failure.code() != Code::cancelled)
            say(context, (words.empty() ? "" : printable(words[0], 64) + ": ") + failure.what());
        return exit_status_of(failure);
    } catch (const std::exception &error) {
        say(context, std::string("internal error: ") + error.what());
        return exit_failure;
    }
}

}  // namespace seed::shell
