// A source tree, from a tar stream.  The tree gets its name only when it is complete and on disk.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include <seed/util/failure.h>
#include <seed/util/fd.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

#include "core/programs/seed-nix-box/actions.h"
#include "core/programs/seed-nix-box/command.h"
#include "core/programs/seed-nix-box/relay.h"

namespace seed::box {
namespace {

namespace fs = std::filesystem;

// Prints "NAME SIZE\n" and the bytes; nothing when there is no such file.
void print_file(const fs::path &folder, const char *name) {
    fs::path path = folder / name;
    struct stat status {};
    if (lstat(path.c_str(), &status)) return;
    if (!S_ISREG(status.st_mode))
        throw Failure(Code::invalid, std::string(name) + " is not a regular file: commit it as a plain file");
    std::string text = read_file(path, 1u << 20);
    write_all(1, std::string(name) + " " + std::to_string(text.size()) + "\n" + text);
}

// A template that was pushed as it is: nobody but the owner could work with the repository, and nobody would know why.
void refuse_placeholder(const fs::path &folder) {
    UniqueFd file(open((folder / ".authorized_keys").c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat status {};
    if (!file || fstat(file.get(), &status) || !S_ISREG(status.st_mode) || status.st_size > 65536) return;
    if (read_all(file.get()).find("REPLACE-THIS-LINE-BY-YOUR-PUBLIC-KEY") != std::string::npos)
        throw Failure(Code::invalid, ".authorized_keys still holds the template's placeholder: replace that line by your SSH public key "
                                     "(cat ~/.ssh/id_ed25519.pub)");
}

}  // namespace

int unpack_source(const Options &options) {
    if (options.action.size() != 3) throw Failure(Code::invalid, "unpack needs a tree and a size\n" + usage());
    const fs::path folder = fs::path("/sources") / checked_component(options.action[1], "tree");
    const fs::path part = folder.string() + ".part";
    uint64_t limit = parse_bytes(options.action[2], "size");
    fs::remove_all(part);
    if (!fs::exists(fs::symlink_status(folder))) {
        if (mkdir(part.c_str(), 0755)) fail_errno("make the source's folder");
        try {
            Pipe pipe = make_pipe();
            Command tar;
            tar.arguments = {"tar", "-x",         "-f", "-", "-C", part.string(), "--no-same-owner", "--no-same-permissions",
                             "-m",  "--no-xattrs"};
            tar.in = pipe.read.get();
            tar.file_bytes = limit;
            pid_t pid = start(tar);
            pipe.read.reset();
            bool whole = false;
            try {
                whole = relay_archive(0, pipe.write.get(), limit, "the source");
            } catch (...) {
                kill(pid, SIGKILL);
                wait_for(pid);
                throw;
            }
            pipe.write.reset();
            int code = wait_for(pid);
            if (code || !whole)
                throw Failure(Code::invalid, "unpacking the source failed (tar ended with status " + std::to_string(code) + ")");
            UniqueFd disk = open_file(part, O_RDONLY | O_DIRECTORY);
            if (syncfs(disk.get())) fail_errno("write the source to disk");
            fs::rename(part, folder);
        } catch (...) {
            std::error_code ignored;
            fs::remove_all(part, ignored);
            throw;
        }
    }  // else it is here, and its producer is sent away
    refuse_placeholder(folder);
    print_file(folder, "flake.nix");
    print_file(folder, "flake.lock");
    return 0;
}

}  // namespace seed::box
