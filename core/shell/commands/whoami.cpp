#include <nlohmann/json.hpp>

#include <seed/util/text.h>

#include "core/front/client.h"
#include "core/shell/command.h"
#include "core/shell/options.h"
#include "core/shell/print.h"
#include "help_texts.h"

namespace seed::shell {

using nlohmann::json;

namespace {

int run(Context &context, const Arguments &arguments) {
    bool as_json = false;
    Options options;
    options.flag("--json", as_json).parse(arguments);
    json answer = context.client.request("whoami", json::object(), context.cancel);
    if (as_json) {
        context.out.write(json_line(answer));
        return exit_ok;
    }
    context.out.line(text_of(answer, "fingerprint", "unknown"));
    context.out.line(text_of(answer, "key", "no key"));
    std::vector<std::vector<std::string>> rows;
    for (auto &repository : list_of(answer, "repositories"))
        rows.push_back({text_of(repository, "name", "?"), text_of(repository, "role", "?")});
    for (auto &repository : list_of(answer, "invitations"))
        if (repository.is_string()) rows.push_back({printable(repository.get_ref<const std::string &>(), 64), "invited: a push makes it"});
    context.out.write(rows.empty() ? "no repositories\n" : table(rows));
    return exit_ok;
}

}  // namespace

extern const Command whoami_command;
const Command whoami_command = {"whoami", "the key you came with and what it may do", help_text_whoami, run};

}  // namespace seed::shell
