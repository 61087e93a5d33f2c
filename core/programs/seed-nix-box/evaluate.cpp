// One look at a whole flake: EXPRESSION is a function that gets it, and its result is printed as JSON.
//
// `nix eval FLAKE#OUTPUT` sees one output only.  builtins.getFlake sees all of them, and in a pure evaluation it wants a source that is
// pinned: /src is named by what it holds.
#include <seed/util/failure.h>

#include "core/programs/seed-nix-box/actions.h"
#include "core/programs/seed-nix-box/command.h"
#include "core/programs/seed-nix-box/nar_hash.h"

namespace seed::box {
namespace {

// "sha256-BASE64" as part of a query.
std::string query_value(const std::string &text) {
    std::string result;
    for (char c : text) {
        if (c == '+') result += "%2B";
        else if (c == '/') result += "%2F";
        else if (c == '=') result += "%3D";
        else result += c;
    }
    return result;
}

}  // namespace

int evaluate_flake(const Options &options) {
    if (options.action.size() != 2) throw Failure(Code::invalid, "evaluate needs EXPRESSION\n" + usage());
    Command evaluate;
    evaluate.arguments = {"nix", "eval", "--json", "--no-update-lock-file", "--expr",
                          "(" + options.action[1] + ") (builtins.getFlake \"path:/src?narHash=" + query_value(nar_hash("/src")) + "\")"};
    evaluate.in = 0;
    evaluate.address_space = options.address_space;
    return run_to_end(evaluate);
}

}  // namespace seed::box
