// invite ACTION ...: who may make a repository that is not there yet.
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

std::vector<std::vector<std::string>> rows_of(const json &keys, const std::string &repository) {
    std::vector<std::vector<std::string>> rows;
    for (const auto &key : keys) rows.push_back({repository, text_of(key, "fingerprint", "?"), text_of(key, "comment")});
    return rows;
}

int list(Context &context, bool as_json) {
    json answer = context.client.request("invitations", json::object(), context.cancel);
    if (as_json) {
        context.out.write(json_line(answer));
        return exit_ok;
    }
    std::vector<std::vector<std::string>> rows = {{"REPOSITORY", "KEY", "COMMENT"}};
    for (const auto &one : list_of(answer, "invitations"))
        for (auto &row : rows_of(list_of(one, "keys"), text_of(one, "repository", "?"))) rows.push_back(std::move(row));
    context.out.write(rows.size() == 1 ? "Nobody is invited.\n" : table(rows));
    return exit_ok;
}

int add(Context &context, const std::string &repository, const std::vector<std::string> &keys, bool as_json) {
    // invite add shop $(cat alice.pub): the shell made several words of one key.
    if (keys.size() > 1 && keys[0].find(' ') == std::string::npos && keys[1].starts_with("AAAA"))
        throw UsageError("put the whole line of each key in quotes: invite add " + printable(repository, 64) + " \"" + printable(keys[0], 40) + " AAAA...\"");
    json answer = context.client.request("invite", {{"repository", repository}, {"keys", keys}}, context.cancel);
    if (as_json)
        context.out.write(json_line(answer));
    else if (text_of(answer, "state") == "made")
        context.out.line(text_of(answer, "repository", repository) + " is made already, by " + text_of(answer, "owner", "one of these keys") + ", who owns it");
    else
        context.out.write(text_of(answer, "repository", repository) + " will belong to the one of these keys that pushes to it first:\n" +
                          table(rows_of(list_of(answer, "keys"), "")));
    return exit_ok;
}

int revoke(Context &context, const std::string &repository, bool as_json) {
    json answer = context.client.request("invite_revoke", {{"repository", repository}}, context.cancel);
    if (as_json)
        context.out.write(json_line(answer));
    else
        context.out.line("nobody is invited to make " + text_of(answer, "repository", repository) + " any more");
    return exit_ok;
}

int run(Context &context, const Arguments &arguments) {
    bool as_json = false;
    std::string action, repository;
    std::vector<std::string> keys;
    Options options;
    options.flag("--json", as_json)
        .argument("ACTION", action, /*required=*/true)
        .argument("REPOSITORY", repository, /*required=*/false)
        .arguments("KEY", keys)
        .parse(arguments);
    if (action == "list" && repository.empty()) return list(context, as_json);
    if (action == "add" && !keys.empty()) return add(context, repository, keys, as_json);
    if (action == "revoke" && !repository.empty() && keys.empty()) return revoke(context, repository, as_json);
    if (action == "list") throw UsageError("say invite list");
    if (action == "add") throw UsageError("say invite add REPOSITORY KEY..., with each key in quotes");
    if (action == "revoke") throw UsageError("say invite revoke REPOSITORY");
    throw UsageError("there is no invite " + printable(action, 64) + "; there are list, add, revoke");
}

}  // namespace

extern const Command invite_command;
const Command invite_command = {"invite", "who may make a repository that is not there yet", help_text_invite, run};

}  // namespace seed::shell
