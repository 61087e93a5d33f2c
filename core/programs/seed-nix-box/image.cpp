// A closure as an erofs image that is the same bytes wherever it is made: its root holds HASH-NAME entries, as /nix/store does.
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

#include "core/programs/seed-nix-box/actions.h"
#include "core/programs/seed-nix-box/command.h"

namespace seed::box {
namespace {

namespace fs = std::filesystem;

void stage(const std::string &path) {
    fs::path target = fs::path("/stage") / fs::path(path).filename();
    fs::file_status status = fs::symlink_status(path);
    if (fs::is_symlink(status)) {  // a store path may be a symlink itself; it cannot be bound
        fs::copy_symlink(path, target);
        return;
    }
    if (fs::is_directory(status)) {
        if (mkdir(target.c_str(), 0755)) fail_errno("stage " + path);
    } else {
        write_file(target, "");
    }
    if (mount(path.c_str(), target.c_str(), nullptr, MS_BIND, nullptr)) fail_errno("stage " + path);
}

}  // namespace

int make_closure_image(const Options &options) {
    if (options.action.size() != 3) throw Failure(Code::invalid, "image needs a store path and a size\n" + usage());
    uint64_t limit = parse_bytes(options.action[2], "size");
    Command query;
    query.arguments = {"nix-store", "--query", "--requisites", options.action[1]};
    std::string closure;
    try {
        closure = capture(query, "asking for the closure");
    } catch (const Failure &failure) {
        if (failure.code() == Code::unavailable) throw;
        throw Failure(Code::invalid, options.action[1] + " was not built in this namespace: `toplevel` must be a derivation of the flake");
    }
    std::vector<std::string> paths;
    for (auto &line : split(closure, '\n'))
        if (line.starts_with("/nix/store/")) paths.push_back(line);
    std::sort(paths.begin(), paths.end());
    paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
    for (const auto &path : paths) stage(path);
    Command erofs;
    erofs.arguments = {"mkfs.erofs", "--quiet", "--all-root", "-T1", "-x-1", "-U", "5eed5eed-5eed-5eed-5eed-5eed5eed5eed",
                       "/out/image", "/stage"};
    erofs.out = -1;
    erofs.file_bytes = limit;  // sparse files of a closure are written out in full
    int code = run_to_end(erofs);
    if (code == 128 + SIGXFSZ || (code && fs::exists("/out/image") && fs::file_size("/out/image") >= limit))
        throw Failure(Code::limit, "the closure's image is larger than " + format_size(limit) + ": make the closure smaller");
    if (code) fail_with_status("mkfs.erofs", code);
    // It gets its final name by a rename: what is under that name must be whole, also after a power cut.
    UniqueFd image = open_file("/out/image", O_RDWR);
    if (fsync(image.get())) fail_errno("write the image to disk");
    for (const auto &path : paths) write_all(1, path + "\n");
    return 0;
}

}  // namespace seed::box
