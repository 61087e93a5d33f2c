#include "core/programs/seed-nix-box/store_image.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/process.h>

namespace seed::box {
namespace {

namespace fs = std::filesystem;

void lock_file(int fd, const fs::path &path, unsigned wait_seconds) {
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(wait_seconds);
    while (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK && errno != EINTR) fail_errno("lock " + path.string());
        if (std::chrono::steady_clock::now() > deadline)
            throw Failure(Code::timeout, path.string() + " is in use by another box: it did not end within " +
                                             std::to_string(wait_seconds) + " s");
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

// Beside its final name first: a kill in the middle leaves no half-made file system under the name that counts.
void make_image(const fs::path &image, uint64_t bytes, uid_t owner) {
    fs::path fresh = image;
    fresh += ".new";
    {
        UniqueFd file = open_file(fresh, O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (ftruncate(file.get(), static_cast<off_t>(bytes))) fail_errno("size " + fresh.string());
    }
    std::string root_owner = std::to_string(owner) + ":" + std::to_string(owner);
    SpawnOptions mkfs;
    mkfs.arguments = {"mkfs.ext4",
                      "-q",
                      "-F",
                      "-m",
                      "0",
                      "-i",
                      "8192",
                      "-J",
                      bytes >= (256u << 20) ? "size=16" : "size=4",
                      "-E",
                      "nodiscard,lazy_itable_init=1,lazy_journal_init=1,root_owner=" + root_owner,
                      fresh.string()};
    mkfs.environment = {"PATH=/usr/sbin:/usr/bin"};
    RunResult result = run(std::move(mkfs), std::chrono::seconds(60));
    if (!result.status.ok())
        throw Failure(Code::internal,
                      "mkfs.ext4 of " + fresh.string() + " failed (" + result.status.to_string() + "): " + result.err);
    fs::rename(fresh, image);
}

// Locked; one that its last user gave up while we waited is not taken.
UniqueFd open_image(const fs::path &image, const Options &options, uid_t owner) {
    for (;;) {
        if (access(image.c_str(), F_OK)) make_image(image, options.store_bytes, owner);
        UniqueFd file = open_file(image, O_RDWR);
        lock_file(file.get(), image, options.wait_seconds);
        struct stat status {};
        if (fstat(file.get(), &status)) fail_errno(image.string());
        if (status.st_nlink) return file;
    }
}

// A free loop device with `image` in it; nothing when this machine has none to give (the reason goes to `why`).
std::optional<UniqueFd> attach_loop(int image, const fs::path &state, fs::path &device, std::string &why) {
    UniqueFd control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    if (!control) {
        why = std::string("/dev/loop-control: ") + std::strerror(errno);
        return std::nullopt;
    }
    for (int attempt = 0; attempt < 64; ++attempt) {
        int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
        if (number < 0) {
            why = std::string("no free loop device: ") + std::strerror(errno);
            return std::nullopt;
        }
        device = "/dev/loop" + std::to_string(number);
        // Where /dev is not kept by the kernel a new device has no node: ours lives for this moment only.
        fs::path own = state / ("loop" + std::to_string(number));
        bool made = false;
        if (access(device.c_str(), F_OK)) {
            unlink(own.c_str());
            made = mknod(own.c_str(), S_IFBLK | 0600, makedev(7, static_cast<unsigned>(number))) == 0;
            device = own;
        }
        UniqueFd loop(open(device.c_str(), O_RDWR | O_CLOEXEC));
        int error = errno;
        if (!loop) {
            if (made) unlink(own.c_str());
            why = device.string() + ": " + std::strerror(error);
            return std::nullopt;
        }
        loop_config config{};
        config.fd = static_cast<unsigned>(image);
        config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
        if (ioctl(loop.get(), LOOP_CONFIGURE, &config) == 0) return loop;
        error = errno;
        if (made) unlink(own.c_str());
        if (error != EBUSY) {  // EBUSY: somebody else was faster
            why = device.string() + ": " + std::strerror(error);
            return std::nullopt;
        }
    }
    why = "every loop device was taken while we asked";
    return std::nullopt;
}

void make_owned(const fs::path &path, uid_t owner) {
    struct stat status {};
    if (mkdir(path.c_str(), 0755) && errno != EEXIST) fail_errno("make " + path.string());
    if (lstat(path.c_str(), &status) || !S_ISDIR(status.st_mode))
        throw Failure(Code::internal, path.string() + " is not a folder");
    if (geteuid() == 0 && status.st_uid != owner && lchown(path.c_str(), owner, owner)) fail_errno("chown " + path.string());
}

}  // namespace

Store open_store(const Options &options, bool use_image, uid_t owner) {
    Store store;
    fs::path image = options.state / "store.img";
    if (use_image && options.store_bytes) {
        // The lock on the folder covers making the image; the lock on the image covers its use.
        UniqueFd folder = open_file(options.state, O_RDONLY | O_DIRECTORY);
        lock_file(folder.get(), options.state, options.wait_seconds);
        bool loops = access("/dev/loop-control", F_OK) == 0;
        if (loops) {
            store.lock = open_image(image, options, owner);
            fs::path device;
            if (auto loop = attach_loop(store.lock.get(), options.state, device, store.remark)) {
                store.root = options.state / "disk";
                make_directory(store.root, 0755);
                // noinit_itable: a sparse file reads as zeros, the kernel need not write them.
                if (mount(device.c_str(), store.root.c_str(), "ext4", MS_NOSUID | MS_NODEV | MS_NOATIME,
                          "noinit_itable,errors=remount-ro"))
                    fail_errno("mount " + image.string() + " (is the image damaged? delete it: its content is rebuilt)");
                store.mounted = open_file(store.root, O_RDONLY | O_DIRECTORY);
                if (device.string().starts_with(options.state.string())) unlink(device.c_str());
                store.image = true;
            }
        } else {
            store.remark = "/dev/loop-control is absent";
        }
        if (!store.image) store.remark = "no disk limit: no loop device (" + store.remark + ")";
    }
    if (!store.image) {
        store.root = options.state / "plain";
        make_directory(store.root, 0755);
        if (!store.lock) {
            store.lock = open_file(store.root, O_RDONLY | O_DIRECTORY);
            lock_file(store.lock.get(), store.root, options.wait_seconds);
        }
    }
    make_owned(store.root / "nix", owner);
    make_owned(store.root / "src", owner);
    return store;
}

bool settle_store(const Options &options, const Store &store) {
    if (!store.image || syncfs(store.mounted.get()) == 0) return true;
    unlink((options.state / "store.img").c_str());
    return false;
}

void trim_store(const Store &store) {
    if (!store.image) return;
    UniqueFd root(open(store.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    fstrim_range all{0, UINT64_MAX, 0};
    if (root && ioctl(root.get(), FITRIM, &all)) return;  // ignoring: a host file system without holes
}

}  // namespace seed::box
