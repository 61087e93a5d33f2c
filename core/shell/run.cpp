#include "core/shell/run.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/shell/options.h"
#include "core/shell/print.h"
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

bool wants_json(const std::vector<std::string> &words) {
    return std::find(words.begin(), words.end(), "--json") != words.end();
}

// One line on stderr, and with --json one object: docs/schemas/error.json.
void say(Output &err, const std::vector<std::string> &words, std::string_view text, int status, const Failure *failure = nullptr) {
    try {
        if (!wants_json(words)) return err.line(printable(text));
        nlohmann::json error = {{"code", failure ? to_string(failure->code()) : status == exit_usage ? "invalid" : "internal"},
                                {"text", printable(failure ? failure->what() : text)},
                                {"exit", status}};
        if (failure && failure->retry_after_ms() > 0) error["retry_after_ms"] = failure->retry_after_ms();
        err.write(json_line({{"error", error}}));
    } catch (const Failure &) {
        // The reader is gone; the exit status still tells.
    }
}

int run_guarded(Context &context, const std::vector<std::string> &words) {
    std::string help = "; try: " + context.program + " help";
    if (words.empty()) {
        say(context.err, words, "no command given" + help, exit_failure);
        return exit_failure;
    }
    const Command *command = find_command(context.commands, words[0]);
    if (!command) {
        auto nearest = nearest_command(context.commands, words[0]);
        std::string meant = nearest.empty() ? "" : "; did you mean '" + nearest + "'?";
        say(context.err, words, "there is no command '" + printable(words[0], 64) + "'" + (meant.empty() ? help : meant), exit_usage);
        return exit_usage;
    }
    try {
        return command->run(context, {words.begin() + 1, words.end()});
    } catch (const HelpWanted &) {
        context.out.write(command->help);
        return exit_ok;
    } catch (const OptionsWanted &wanted) {
        context.out.write(wanted.json);
        return exit_ok;
    } catch (const UsageError &error) {
        say(context.err, words, std::string(command->name) + ": " + error.what() + help + " " + std::string(command->name), exit_usage);
        return exit_usage;
    }
}

}  // namespace

int run_command(Context &context, const std::vector<std::string> &words) {
    try {
        return run_guarded(context, words);
    } catch (const Failure &failure) {
        if (failure.code() != Code::cancelled)
            say(context.err, words, (words.empty() ? "" : printable(words[0], 64) + ": ") + failure.what(), exit_status_of(failure), &failure);
        return exit_status_of(failure);
    } catch (const std::exception &error) {
        say(context.err, words, std::string("internal error: ") + error.what(), exit_failure);
        return exit_failure;
    }
}

int tell_failure(int fd, const std::vector<std::string> &words, std::string_view program, const std::exception &error) {
    Output err(fd);
    auto *failure = dynamic_cast<const Failure *>(&error);
    int status = failure ? exit_status_of(*failure) : exit_failure;
    say(err, words, std::string(program) + ": " + error.what(), status, failure);
    return status;
}

}  // namespace seed::shell
