#include "core/shell/backup_program.h"
#include "core/shell/command.h"
#include "core/shell/options.h"
#include "help_texts.h"

namespace seed::shell {
namespace {

int run(Context &, const Arguments &arguments) {
    bool as_json = false;
    std::string state, file;
    Options options;
    options.flag("--json", as_json).text("--state", state).argument("FILE", file, /*required=*/true).parse(arguments);
    std::vector<std::string> words = {"restore", "--state", state_directory(state)};
    if (as_json) words.push_back("--json");
    words.insert(words.end(), {"--", file});
    return run_backup_program(std::move(words));
}

}  // namespace

extern const Command restore_command;
const Command restore_command = {"restore", "make a platform from a backup", help_text_restore, run, /*local=*/true};

}  // namespace seed::shell
