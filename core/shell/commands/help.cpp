#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/shell/command.h"
#include "core/shell/man_page.h"
#include "core/shell/options.h"
#include "core/shell/print.h"
#include "core/shell/registry.h"
#include "help_texts.h"

namespace seed::shell {

using nlohmann::json;

namespace {

int run(Context &context, const Arguments &arguments) {
    bool as_json = false, manual = false;
    std::string name;
    Options options;
    options.flag("--json", as_json).flag("--man", manual).argument("COMMAND", name, /*required=*/false).parse(arguments);
    if (manual) {
        context.out.write(man_page(context.commands));
        return exit_ok;
    }
    if (!name.empty()) {
        const Command *command = find_command(context.commands, name);
        if (!command) throw Failure(Code::not_found, "there is no command '" + printable(name, 64) + "'");
        context.out.write(as_json ? json_line({{"name", command->name}, {"summary", command->summary}, {"text", command->help}})
                                  : std::string(command->help));
        return exit_ok;
    }
    json list = json::array();
    std::vector<std::vector<std::string>> rows;
    for (auto *command : context.commands) {
        list.push_back({{"name", command->name}, {"summary", command->summary}});
        rows.push_back({std::string(command->name), std::string(command->summary)});
    }
    if (as_json) {
        context.out.write(json_line({{"commands", list}}));
        return exit_ok;
    }
    context.out.write("Usage: " + context.program + " COMMAND [OPTIONS]\n\n" + table(rows, "  ") +
                      "\nMore about one: " + context.program + " help COMMAND. Every command knows --json.\n");
    return exit_ok;
}

}  // namespace

extern const Command help_command;
const Command help_command = {"help", "this list, or all about one command", help_text_help, run, /*local=*/true};

}  // namespace seed::shell
