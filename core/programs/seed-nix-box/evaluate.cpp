// One look at a whole flake: EXPRESSION is a function that gets it, and its result is printed as JSON.
//
// `nix eval FLAKE#OUTPUT` sees one output only.  builtins.getFlake sees all of them, and in a pure evaluation it wants a source that is
// pinned: so /src goes into the store first, and is named by what it holds.
#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/programs/seed-nix-box/actions.h"
#include "core/programs/seed-nix-box/command.h"

namespace seed::box {
namespace {

std::string last_line(const std::string &text) {
    std::string_view trimmed = trim(text);
    size_t start = trimmed.rfind('\n');
    return std::string(start == trimmed.npos ? trimmed : trimmed.substr(start + 1));
}

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
    Command add;
    add.arguments = {"nix", "store", "add-path", "--name", "source", "/src"};
    std::string path = last_line(capture(add, "putting the source into the store"));
    Command ask;
    ask.arguments = {"nix-store", "--query", "--hash", path};
    std::string hash = last_line(capture(ask, "asking for the hash of the source"));
    Command convert;
    convert.arguments = {"nix", "hash", "to-sri", "--type", "sha256", hash};
    std::string pinned = last_line(capture(convert, "writing the hash of the source"));
    if (!pinned.starts_with("sha256-") || pinned.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-") != pinned.npos)
        throw Failure(Code::internal, "'" + printable(pinned, 80) + "' is not the hash of a source: is this Nix known to work with Seed?");
    Command evaluate;
    evaluate.arguments = {"nix", "eval", "--json", "--no-update-lock-file", "--expr",
                          "(" + options.action[1] + ") (builtins.getFlake \"path:/src?narHash=" + query_value(pinned) + "\")"};
    evaluate.in = 0;
    evaluate.address_space = options.address_space;
    return run_to_end(evaluate);
}

}  // namespace seed::box
