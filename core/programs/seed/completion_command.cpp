// Completion for bash, zsh and fish, made from what the commands themselves say: their options as they declare them, their words
// (plugin list, plugin show) from the usage lines of their help.
#include <algorithm>

#include <nlohmann/json.hpp>

#include <seed/util/text.h>

#include "core/shell/options.h"
#include "core/shell/print.h"
#include "help_texts.h"
#include "local_commands.h"

namespace seed::program {
namespace {

using nlohmann::json;

struct Words {
    std::string name, summary;
    std::vector<std::string> actions, options;
};

// "    plugin list [--json]" and "    completion bash|zsh|fish": the words that may come first.
std::vector<std::string> actions_of(const shell::Command &command) {
    std::vector<std::string> actions;
    std::string begin = "    " + std::string(command.name) + " ";
    for (const auto &line : split(command.help, '\n')) {
        if (!line.starts_with(begin)) continue;
        std::string word = line.substr(begin.size(), line.find(' ', begin.size()) - begin.size());
        if (word.empty() || word.find_first_not_of("abcdefghijklmnopqrstuvwxyz|") != word.npos) continue;
        for (auto &action : split(word, '|'))
            if (std::find(actions.begin(), actions.end(), action) == actions.end()) actions.push_back(std::move(action));
    }
    return actions;
}

std::vector<std::string> options_of(shell::Context &context, const shell::Command &command) {
    std::vector<std::string> names;
    try {
        command.run(context, {"--describe-options"});
    } catch (const shell::OptionsWanted &wanted) {
        const json described = json::parse(wanted.json);
        for (const auto &option : described.at("options"))
            for (const auto &name : option.at("names")) names.push_back(name);
    }
    return names;
}

std::string joined(const std::vector<std::string> &words) {
    std::string text;
    for (const auto &word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

// Summaries hold apostrophes.
std::string quoted(const std::string &text) {
    std::string result = "'";
    for (char c : text) result += c == '\'' ? "'\\''" : std::string(1, c);
    return result + "'";
}

std::string bash(const std::vector<Words> &commands) {
    std::string names, cases;
    for (const auto &one : commands) {
        names += (names.empty() ? "" : " ") + one.name;
        cases += "    " + one.name + ") first='" + joined(one.actions) + "' options='" + joined(one.options) + "' ;;\n";
    }
    return "# bash completion for seed; made by: seed completion bash\n"
           "_seed() {\n"
           "  local word=${COMP_WORDS[COMP_CWORD]} command= at=1 first= options=\n"
           "  while [ $at -lt $COMP_CWORD ]; do\n"
           "    case ${COMP_WORDS[at]} in\n"
           "    --socket|--state) at=$((at + 2)); [ $at -le $COMP_CWORD ] || { COMPREPLY=($(compgen -f -- \"$word\")); return; } ;;\n"
           "    -*) at=$((at + 1)) ;;\n"
           "    *) command=${COMP_WORDS[at]}; break ;;\n"
           "    esac\n"
           "  done\n"
           "  case $command in\n"
           "    '') first='" + names + "' options='--socket --state --help --version' ;;\n" + cases +
           "  esac\n"
           "  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
           "  elif [ -z \"$command\" ] || [ $COMP_CWORD = $((at + 1)) ] && [ -n \"$first\" ]; then COMPREPLY=($(compgen -W \"$first\" -- \"$word\"))\n"
           "  else COMPREPLY=($(compgen -f -- \"$word\")); fi\n"
           "}\n"
           "complete -F _seed seed\n";
}

std::string zsh(const std::vector<Words> &commands) {
    std::string names, cases;
    for (const auto &one : commands) {
        std::string summary = one.summary;
        std::replace(summary.begin(), summary.end(), ':', ' ');
        names += "    " + quoted(one.name + ":" + summary) + "\n";
        cases += "    " + one.name + ") _arguments -S";
        for (const auto &option : one.options) cases += " " + quoted(option);
        if (!one.actions.empty()) cases += " " + quoted("1:word:(" + joined(one.actions) + ")");
        cases += " '*:file:_files' ;;\n";
    }
    return "#compdef seed\n"
           "# made by: seed completion zsh\n"
           "_seed() {\n"
           "  local -a commands\n"
           "  commands=(\n" + names + "  )\n"
           "  local line state\n"
           "  _arguments -C '--socket[socket of seedd]:path:_files' '--state[folder of the platform]:folder:_files -/' '--help' '--version' \\\n"
           "    '1: :->command' '*:: :->rest'\n"
           "  case $state in\n"
           "  command) _describe command commands ;;\n"
           "  rest) case $line[1] in\n" + cases + "    esac ;;\n"
           "  esac\n"
           "}\n"
           "_seed \"$@\"\n";
}

std::string fish(const std::vector<Words> &commands) {
    std::string text = "# fish completion for seed; made by: seed completion fish\n"
                       "complete -c seed -n __fish_use_subcommand -f\n"
                       "complete -c seed -l socket -r -d 'socket of seedd'\n"
                       "complete -c seed -l state -r -d 'folder of the platform'\n";
    for (const auto &one : commands) {
        text += "complete -c seed -n __fish_use_subcommand -f -a " + one.name + " -d " + quoted(one.summary) + "\n";
        std::string seen = "complete -c seed -n '__fish_seen_subcommand_from " + one.name + "'";
        if (!one.actions.empty()) text += seen + " -f -a '" + joined(one.actions) + "'\n";
        for (const auto &option : one.options)
            text += seen + (option.starts_with("--") ? " -l " + option.substr(2) : " -s " + option.substr(1)) + "\n";
    }
    return text;
}

int run(shell::Context &context, const shell::Arguments &arguments) {
    bool as_json = false;
    std::string kind;
    shell::Options options;
    options.flag("--json", as_json).argument("SHELL", kind, /*required=*/true).parse(arguments);
    std::vector<Words> commands;
    for (auto *command : context.commands)
        commands.push_back({std::string(command->name), std::string(command->summary), actions_of(*command), options_of(context, *command)});
    for (auto &one : commands)
        if (one.name == "help")
            for (const auto &other : commands) one.actions.push_back(other.name);
    std::string script = kind == "bash" ? bash(commands) : kind == "zsh" ? zsh(commands) : kind == "fish" ? fish(commands) : "";
    if (script.empty()) throw shell::UsageError("say completion bash, completion zsh or completion fish");
    context.out.write(as_json ? shell::json_line({{"shell", kind}, {"script", script}}) : script);
    return shell::exit_ok;
}

}  // namespace

extern const shell::Command completion_command, config_command;
const shell::Command completion_command = {"completion", "what a shell needs to complete the words of seed", shell::help_text_completion,
                                           run, /*local=*/true};

const std::vector<const shell::Command *> &local_commands() {
    static const std::vector<const shell::Command *> commands = {&config_command, &completion_command};
    return commands;
}

}  // namespace seed::program
