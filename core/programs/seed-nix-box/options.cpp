#include "core/programs/seed-nix-box/options.h"

#include <charconv>

#include <seed/util/failure.h>

namespace seed::box {

std::string usage() {
    return "usage: seed-nix-box --state DIR [--store-bytes N] [--tmp-bytes N] [--address-space N] [--wait SECONDS] [--source "
           "TREE]\n"
           "                    [--need STORE_PATH]... [--lock-file FILE] [--door FD --certificates FILE] [--output DIR] [--trim] ACTION\n"
           "actions:\n"
           "  -- COMMAND ARGUMENTS...         run it in the box\n"
           "  unpack TREE BYTES               a tar stream on stdin becomes source TREE; prints flake.nix and flake.lock\n"
           "  fetch STORE_PATH archive URL | git URL REV | stream BYTES   an input into the store; prints path and NAR hash\n"
           "  evaluate EXPRESSION             EXPRESSION of the flake in /src, as JSON\n"
           "  build [NIX OPTIONS] -- GENERATION NAME=DRV...   nix build, then a GC root per NAME\n"
           "  image OUT_PATH BYTES            the closure as /out/image (erofs); prints its store paths\n"
           "  collect [generation:G|tree:T|input:NAME]...  drops every other GC root and source, then collects garbage\n";
}

uint64_t parse_bytes(const std::string &text, const char *what) {
    uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        throw Failure(Code::invalid, std::string(what) + " is '" + text + "': give a whole number");
    return value;
}

const std::string &checked_component(const std::string &text, const char *what) {
    auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
    bool good = !text.empty() && text.size() <= 128 && letter(text[0]);
    for (char c : text) good = good && (letter(c) || c == '.' || c == '_' || c == '-');
    if (!good)
        throw Failure(Code::invalid, std::string(what) + " '" + text + "' is not a plain name: use letters, digits, . _ -");
    return text;
}

std::string checked_store_path(const std::string &text) {
    constexpr std::string_view store = "/nix/store/";
    if (!text.starts_with(store)) throw Failure(Code::invalid, "'" + text + "' is no store path");
    checked_component(text.substr(store.size()), "store path");
    return text;
}

Options parse_options(int argc, char **argv) {
    Options options;
    int i = 1;
    auto value = [&](const std::string &name) -> std::string {
        if (i + 1 >= argc) throw Failure(Code::invalid, name + " needs a value");
        return argv[++i];
    };
    for (; i < argc; ++i) {
        std::string argument = argv[i];
        if (argument == "--state")
            options.state = value(argument);
        else if (argument == "--store-bytes")
            options.store_bytes = parse_bytes(value(argument), "--store-bytes");
        else if (argument == "--tmp-bytes")
            options.tmp_bytes = parse_bytes(value(argument), "--tmp-bytes");
        else if (argument == "--address-space")
            options.address_space = parse_bytes(value(argument), "--address-space");
        else if (argument == "--wait")
            options.wait_seconds = static_cast<unsigned>(parse_bytes(value(argument), "--wait"));
        else if (argument == "--source")
            options.source = checked_component(value(argument), "source");
        else if (argument == "--output")
            options.output = value(argument);
        else if (argument == "--need")
            options.needs.push_back(checked_store_path(value(argument)));
        else if (argument == "--lock-file")
            options.lock_file = value(argument);
        else if (argument == "--door")
            options.door = static_cast<int>(parse_bytes(value(argument), "--door"));
        else if (argument == "--certificates")
            options.certificates = value(argument);
        else if (argument == "--trim")
            options.trim = true;
        else if (argument == "--") {
            options.action = {"exec"};
            ++i;
            break;
        } else if (argument.starts_with("-"))
            throw Failure(Code::invalid, "unknown option " + argument + "\n" + usage());
        else
            break;
    }
    options.action.insert(options.action.end(), argv + i, argv + argc);
    if (!options.state.is_absolute()) throw Failure(Code::invalid, "--state must be an absolute path\n" + usage());
    if (options.action.empty() || (options.action[0] == "exec" && options.action.size() < 2))
        throw Failure(Code::invalid, "nothing to do\n" + usage());
    return options;
}

}  // namespace seed::box
