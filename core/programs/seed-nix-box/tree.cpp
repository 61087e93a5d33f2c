#include "core/programs/seed-nix-box/tree.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include <seed/util/failure.h>
#include <seed/util/file.h>

#include "core/programs/seed-nix-box/door.h"

namespace seed::box {
namespace {

namespace fs = std::filesystem;

void bind(const fs::path &from, const fs::path &to, uint64_t attributes) {
    if (mount(from.c_str(), to.c_str(), nullptr, MS_BIND | MS_REC, nullptr))
        fail_errno("bind " + from.string() + " on " + to.string());
    // Sets, never clears: in a user namespace what the host locked must stay.
    mount_attr change{.attr_set = attributes};
    if (attributes && mount_setattr(AT_FDCWD, to.c_str(), AT_RECURSIVE, &change, sizeof change))
        fail_errno("restrict " + to.string());
}

void folder(const fs::path &path, mode_t mode = 0755) {
    if (mkdir(path.c_str(), mode) && errno != EEXIST) fail_errno("make " + path.string());
    if (chmod(path.c_str(), mode)) fail_errno("chmod " + path.string());
}

void link(const char *target, const fs::path &path) {
    if (symlink(target, path.c_str())) fail_errno("link " + path.string());
}

void mount_here(const char *type, const char *where, unsigned long flags, const std::string &data) {
    if (mount(type, where, type, flags, data.c_str())) fail_errno(std::string("mount ") + type + " on " + where);
}

void write_etc(const fs::path &etc, bool build_users) {
    std::string passwd = "root:x:0:0::/home:/bin/false\nnobody:x:65534:65534::/:/bin/false\n";
    std::string group = "root:x:0:\nnogroup:x:65534:\n";
    if (build_users) {
        group += "nixbld:x:30000:";
        for (int n = 1; n <= 4; ++n) {
            std::string name = "nixbld" + std::to_string(n);
            passwd += name + ":x:" + std::to_string(30000 + n) + ":30000::/var/empty:/bin/false\n";
            group += (n > 1 ? "," : "") + name;
        }
        group += "\n";
    } else {
        passwd += "builder:x:" + std::to_string(geteuid()) + ":" + std::to_string(getegid()) + "::/home:/bin/false\n";
        group += "builder:x:" + std::to_string(getegid()) + ":\n";
    }
    write_file(etc / "passwd", passwd);
    write_file(etc / "group", group);
    write_file(etc / "nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
    write_file(etc / "hosts", "127.0.0.1 localhost\n::1 localhost\n");
    folder(etc / "nix");
    write_file(etc / "nix/registry.json", "{\"version\":2,\"flakes\":[]}\n");
    // Our own, never the host's.  The limits of time and log belong to the command line of each step.
    write_file(etc / "nix/nix.conf", std::string("experimental-features = nix-command flakes\n"
                                                 "substituters =\n"
                                                 "use-registries = false\n"
                                                 "flake-registry = /etc/nix/registry.json\n"
                                                 "connect-timeout = 2\n"
                                                 "download-attempts = 1\n"
                                                 "accept-flake-config = false\n"
                                                 "allow-import-from-derivation = false\n"
                                                 "sandbox = true\n"
                                                 "sandbox-fallback = false\n"
                                                 "sandbox-paths =\n"
                                                 "keep-derivations = false\n"
                                                 "max-jobs = 2\n"
                                                 "cores = 2\n"
                                                 "log-lines = 10\n"
                                                 "warn-dirty = false\n"
                                                 "build-users-group = ") +
                                         (build_users ? "nixbld" : "") + "\n");
}

}  // namespace

void mount_tree(const Options &options, const Store &store, const fs::path &root, bool build_users) {
    constexpr uint64_t plain = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    folder(root);
    if (mount("seed", root.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=16m")) fail_errno("mount the box's root");
    for (const char *name : {"usr", "etc", "nix", "proc", "dev", "dev/shm", "dev/pts", "tmp", "home", "src", "sources", "out",
                             "stage", "run", "var", "var/empty", "old"})
        folder(root / name);
    // Programs and libraries only: /usr/local, /usr/share and /usr/src are the operator's business.
    for (const char *name : {"bin", "sbin", "lib", "lib64", "libexec"}) {
        fs::path from = fs::path("/usr") / name;
        if (!fs::is_directory(from)) continue;
        folder(root / "usr" / name);
        bind(from, root / "usr" / name, plain | MOUNT_ATTR_RDONLY);
    }
    for (const char *name : {"bin", "sbin", "lib", "lib64"}) link((std::string("usr/") + name).c_str(), root / name);
    write_etc(root / "etc", build_users);
    if (!options.certificates.empty()) {  // a copy: the box's own, whatever becomes of the host's file
        folder(root / "etc/ssl");
        folder(root / "etc/ssl/certs");
        write_file(root / certificates_in_box.substr(1), read_file(options.certificates, 4u << 20));
    }

    bind(store.root / "nix", root / "nix", plain);
    if (!options.source.empty()) {
        fs::path source = store.root / "src" / options.source;
        if (!fs::is_directory(fs::symlink_status(source)))
            throw Failure(Code::not_found, "source " + options.source + " is not unpacked here: unpack it again");
        bind(source, root / "src", plain | MOUNT_ATTR_RDONLY);
        if (!options.lock_file.empty()) {  // a copy: the host's folder may be closed to the box
            write_file(root / "etc/flake.lock", read_file(options.lock_file, 2u << 20));
            bind(root / "etc/flake.lock", root / "src/flake.lock", plain | MOUNT_ATTR_RDONLY);
        }
    }
    for (const auto &path : options.needs) {
        fs::path wanted = store.root / path.substr(1);
        if (!fs::exists(fs::symlink_status(wanted)))
            throw Failure(Code::not_found, "the input " + path + " was collected: fetch it again");
    }
    const std::string &action = options.action[0];
    if (action == "unpack" || action == "fetch" || action == "collect") bind(store.root / "src", root / "sources", plain);
    if (!options.output.empty()) bind(options.output, root / "out", plain | MOUNT_ATTR_NOEXEC);

    for (const char *name : {"null", "zero", "full", "random", "urandom", "tty"}) {
        fs::path node = root / "dev" / name;
        write_file(node, "");
        bind(fs::path("/dev") / name, node, 0);
    }
    link("/proc/self/fd", root / "dev/fd");
    link("/proc/self/fd/0", root / "dev/stdin");
    link("/proc/self/fd/1", root / "dev/stdout");
    link("/proc/self/fd/2", root / "dev/stderr");
    link("pts/ptmx", root / "dev/ptmx");
    if (chdir(root.c_str())) fail_errno("enter " + root.string());
}

void enter_tree(const Options &options) {
    constexpr unsigned long plain = MS_NOSUID | MS_NODEV;
    // By relative path: the folders above may be closed to our new uid.  proc first, while the old /proc is still to be seen.
    mount_here("proc", "proc", plain | MS_NOEXEC, "");
    mount_here("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620");
    mount_here("tmpfs", "dev/shm", plain, "mode=1777,size=64m");
    mount_here("tmpfs", "tmp", plain, "mode=1777,size=" + std::to_string(options.tmp_bytes));
    mount_here("tmpfs", "home", plain, "mode=755,size=64m");
    mount_here("tmpfs", "stage", plain, "mode=755,size=64m");
    // pivot_root refuses an inherited mount with EINVAL: put a copy of the tree on top of it and step in by descriptor.
    UniqueFd tree(open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | AT_RECURSIVE | OPEN_TREE_CLOEXEC));
    if (!tree) fail_errno("open_tree");
    if (move_mount(tree.get(), "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH)) fail_errno("move_mount");
    if (fchdir(tree.get())) fail_errno("fchdir");
    if (syscall(SYS_pivot_root, ".", "old")) fail_errno("pivot_root");
    if (chdir("/") || umount2("/old", MNT_DETACH)) fail_errno("leave the old root");
    mount_attr change{.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(AT_FDCWD, "/", 0, &change, sizeof change)) fail_errno("make / read-only");
}

}  // namespace seed::box
