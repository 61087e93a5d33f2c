// One input of a flake into the store, under the path that flake.lock promised for it.
//
//   archive URL      downloaded through the door and unpacked by nix-prefetch-url: tar, compressed in any way, or zip; a single
//                    folder at its top is left out
//   git URL REV      exactly that commit, through the door, as `git archive` writes it
//   stream BYTES     a tar stream on standard input, without a folder around it
//
// Prints "STORE_PATH NAR_HASH\n" of what came.  It gets its GC root only when that is the promised path, and is deleted otherwise.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include <seed/util/failure.h>
#include <seed/util/fd.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

#include "core/programs/seed-nix-box/actions.h"
#include "core/programs/seed-nix-box/command.h"
#include "core/programs/seed-nix-box/door.h"
#include "core/programs/seed-nix-box/nar_hash.h"
#include "core/programs/seed-nix-box/relay.h"

namespace seed::box {
namespace {

namespace fs = std::filesystem;

// On the store's disk, which is limited, and not in memory: a package collection has hundreds of megabytes.
const fs::path room = "/sources/.fetch";

struct Room {
    Room() {
        fs::remove_all(room);
        fs::create_directory(room);
    }
    ~Room() {
        std::error_code ignored;
        fs::remove_all(room, ignored);
    }
};

Command through_the_door(std::vector<std::string> arguments) {
    Command command;
    command.arguments = std::move(arguments);
    command.environment = door_environment();
    command.environment.push_back("TMPDIR=" + room.string());
    return command;
}

// Ends the box with the command's own status when it fails: its messages are on standard error already.
struct Ended {
    int code;
};
void must(const Command &command) {
    if (int code = run_to_end(command)) throw Ended{code};
}

std::string last_line(std::string_view text) {
    text = trim(text);
    size_t newline = text.rfind('\n');
    return std::string(newline == std::string_view::npos ? text : text.substr(newline + 1));
}

std::string fetch_archive(const std::string &url) {
    Command prefetch = through_the_door({"nix-prefetch-url", "--unpack", "--name", "source", "--print-path", "--type", "sha256",
                                         "--option", "connect-timeout", "20", "--option", "download-attempts", "2", url});
    Pipe pipe = make_pipe();
    prefetch.out = pipe.write.get();
    pid_t pid = start(prefetch);
    pipe.write.reset();
    std::string text = read_all(pipe.read.get(), 65536);
    if (int code = wait_for(pid)) throw Ended{code};
    return last_line(text);
}

std::string add_folder(const fs::path &folder) {
    Command add;
    add.arguments = {"nix-store", "--add-fixed", "--recursive", "sha256", folder.string()};
    return last_line(capture(add, "adding the input to the store", 65536));
}

Command unpack_into(const fs::path &folder, const std::string &archive) {
    fs::create_directory(folder);
    Command tar;
    tar.arguments = {"tar", "-x", "-f", archive, "-C", folder.string(), "--no-same-owner", "--no-same-permissions", "-m", "--no-xattrs"};
    return tar;
}

void check_unpacked(int code) {
    if (code) throw Failure(Code::invalid, "it cannot be unpacked (tar ended with status " + std::to_string(code) + ")");
}

std::string fetch_git(const std::string &url, const std::string &revision) {
    const std::string repository = room / "git";
    Command init;
    init.arguments = {"git", "init", "-q", "--bare", repository};
    init.out = 2;
    must(init);
    Command fetch = through_the_door({"git", "-C", repository, "-c", "protocol.allow=never", "-c", "protocol.https.allow=always", "-c",
                                      "http.followRedirects=true", "-c", "credential.helper=", "fetch", "-q", "--depth=1", "--no-tags",
                                      "--", url, revision});
    fetch.environment.push_back("GIT_TERMINAL_PROMPT=0");
    fetch.environment.push_back("GIT_CONFIG_NOSYSTEM=1");
    must(fetch);
    Command archive;
    archive.arguments = {"git", "-C", repository, "archive", "--format=tar", "-o", room / "source.tar", revision};
    must(archive);
    check_unpacked(run_to_end(unpack_into(room / "source", room / "source.tar")));
    return add_folder(room / "source");
}

std::string fetch_stream(uint64_t limit) {
    Pipe pipe = make_pipe();
    Command tar = unpack_into(room / "source", "-");
    tar.in = pipe.read.get();
    pid_t pid = start(tar);
    pipe.read.reset();
    bool whole = relay_archive(0, pipe.write.get(), limit, "it");
    pipe.write.reset();
    check_unpacked(wait_for(pid));
    if (!whole) throw Failure(Code::invalid, "it cannot be unpacked (tar stopped reading)");
    return add_folder(room / "source");
}

std::string fetch(const std::vector<std::string> &action) {
    const std::string kind = action.size() > 2 ? action[2] : "";
    if (kind == "archive" && action.size() == 4) return fetch_archive(action[3]);
    if (kind == "git" && action.size() == 5) return fetch_git(action[3], action[4]);
    if (kind == "stream" && action.size() == 4) return fetch_stream(parse_bytes(action[3], "size"));
    throw Failure(Code::invalid, "fetch needs a store path, a kind and what belongs to it\n" + usage());
}

}  // namespace

int fetch_input(const Options &options) {
    Room made;
    try {
        std::string path = fetch(options.action);
        const std::string promised = checked_store_path(options.action[1]);
        write_all(1, path + " " + nar_hash(path) + "\n");
        if (path != promised) {
            Command forget;
            forget.arguments = {"nix-store", "--delete", path};
            forget.out = forget.err = -1;
            run_to_end(forget);  // ignoring: something else of this namespace may need it
            return 0;
        }
        fs::create_directories(input_roots);
        fs::path link = fs::path(input_roots) / fs::path(path).filename();
        if (symlink(path.c_str(), link.c_str()) && errno != EEXIST) fail_errno("make the garbage collection root of an input");
        return 0;
    } catch (const Ended &ended) {
        return ended.code;
    }
}

}  // namespace seed::box
