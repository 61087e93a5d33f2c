#include "core/shell/backup_program.h"
#include "core/shell/command.h"
#include "core/shell/options.h"
#include "help_texts.h"

namespace seed::shell {
namespace {

int run(Context &, const Arguments &arguments) {
    bool as_json = false, volumes = false;
    std::string state, file;
    Options options;
    options.flag("--json", as_json).flag("--volumes", volumes).text("--state", state).argument("FILE", file, /*required=*/true).parse(arguments);
    std::vector<std::string> words = {"backup", "--state", state_directory(state)};
    if (as_json) words.push_back("--json");
    if (volumes) words.push_back("--volumes");
    words.insert(words.end(), {"--", file});
    return run_backup_program(std::move(words));
}

}  // namespace

extern const Command backup_command;
const Command backup_command = {"backup", "save the whole platform into one file", help_text_backup, run, /*local=*/true};

}  // namespace seed::shell
