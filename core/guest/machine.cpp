#include "core/guest/machine.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/guest/text.h"

#ifndef EXT4_IOC_RESIZE_FS
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)
#endif

namespace seed::guest {
namespace {

std::string problem(const std::string &what) {
    return what + ": " + strerror(errno);
}

std::string read_text(const std::string &path, size_t limit = 65536) {
    std::string result;
    int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return result;
    char bytes[4096];
    for (ssize_t size; result.size() < limit && (size = read(fd, bytes, sizeof bytes)) > 0;)
        result.append(bytes, static_cast<size_t>(size));
    close(fd);
    return result;
}

bool write_text(const std::string &path, std::string_view text, int flags, mode_t mode = 0644) {
    int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | flags, mode);
    if (fd < 0) return false;
    bool whole = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    close(fd);
    return whole;
}

std::string trimmed(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text;
}

void make_folders(const std::string &path) {
    for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
        mkdir(path.substr(0, slash).c_str(), 0755);
    mkdir(path.c_str(), 0755);
}

// "/dev/vdc" of the disk with this serial number; empty when it does not appear within 5 s.
std::string find_disk(const std::string &serial) {
    for (int tries = 0; tries < 500; ++tries) {
        if (DIR *folder = opendir("/sys/block")) {
            std::string found;
            while (dirent *entry = readdir(folder))
                if (entry->d_name[0] != '.' &&
                    trimmed(read_text(std::string("/sys/block/") + entry->d_name + "/serial")) == serial)
                    found = std::string("/dev/") + entry->d_name;
            closedir(folder);
            if (!found.empty()) return found;
        }
        usleep(10000);
    }
    return {};
}

std::string mount_disk(const std::string &serial, const std::string &target, const char *type, unsigned long flags) {
    std::string disk = find_disk(serial);
    if (disk.empty()) return "the disk '" + serial + "' is missing";
    make_folders(target);
    if (mount(disk.c_str(), target.c_str(), type, flags, "")) return problem("cannot mount the disk '" + serial + "' as " + type);
    return {};
}

// The host makes a volume's image larger; only the guest touches the file system that it has written.
void grow(const std::string &disk, const std::string &target) {
    unsigned char super[1024];
    int device = open(disk.c_str(), O_RDONLY | O_CLOEXEC);
    if (device < 0) return;
    uint64_t bytes = 0;
    bool known = pread(device, super, sizeof super, 1024) == sizeof super && super[0x38] == 0x53 && super[0x39] == 0xef &&
                 ioctl(device, BLKGETSIZE64, &bytes) == 0;
    close(device);
    if (!known) return;
    auto word = [&](size_t at) {
        return static_cast<uint64_t>(super[at]) | super[at + 1] << 8 | super[at + 2] << 16 |
               static_cast<uint64_t>(super[at + 3]) << 24;
    };
    uint64_t block = uint64_t(1024) << (word(0x18) & 7), blocks = word(0x4);
    if (word(0x60) & 0x80) blocks |= word(0x150) << 32;  // INCOMPAT_64BIT
    uint64_t wanted = bytes / block;
    if (wanted <= blocks) return;
    int folder = open(target.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;
    if (ioctl(folder, EXT4_IOC_RESIZE_FS, &wanted))
        fprintf(stderr, "seed-guest: cannot grow %s: %s\n", target.c_str(), strerror(errno));
    close(folder);
}

// Number of a user or group: digits, or the third field of the line in `file` that begins with the name.
bool find_id(const std::string &name, const char *file, unsigned &id) {
    if (name.empty() || name == "root") return id = 0, true;
    char *end = nullptr;
    unsigned long number = strtoul(name.c_str(), &end, 10);
    if (!*end) return id = static_cast<unsigned>(number), true;
    std::string text = "\n" + read_text(file, 1 << 20);
    size_t line = text.find("\n" + name + ":");
    if (line == std::string::npos) return false;
    size_t second = text.find(':', line + name.size() + 2);
    if (second == std::string::npos) return false;
    number = strtoul(text.c_str() + second + 1, &end, 10);
    if (end == text.c_str() + second + 1) return false;
    return id = static_cast<unsigned>(number), true;
}

// Files in /run/seed/connect; /etc/seed/connect leads there.  Both before init, so that no service is ever too early; only a machine that
// has connections finds an /etc in its new root.
void write_connections(const Configuration &configuration) {
    if (configuration.connections.empty()) return;
    mkdir("/run/seed/connect", 0755);
    for (const auto &[name, target] : configuration.connections)
        write_text("/run/seed/connect/" + name, target, O_CREAT | O_TRUNC);
    make_folders("/new/etc/seed");
    if (symlink("/run/seed/connect", "/new/etc/seed/connect"))
        fprintf(stderr, "seed-guest: %s\n", problem("/etc/seed/connect").c_str());
}

// The modules of a folder in the order of their names.
void load_folder(const std::string &path) {
    std::vector<std::string> names;
    if (DIR *folder = opendir(path.c_str())) {
        while (dirent *entry = readdir(folder))
            if (std::string_view(entry->d_name).ends_with(".ko")) names.emplace_back(entry->d_name);
        closedir(folder);
    }
    std::sort(names.begin(), names.end());
    for (const std::string &name : names) {
        int fd = open((path + "/" + name).c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
            fprintf(stderr, "seed-guest: cannot load %s: %s\n", name.c_str(), strerror(errno));
        if (fd >= 0) close(fd);
    }
}

void remove_files(const char *path) {
    if (DIR *folder = opendir(path)) {
        while (dirent *entry = readdir(folder))
            if (entry->d_name[0] != '.') unlinkat(dirfd(folder), entry->d_name, 0);
        closedir(folder);
    }
}

}  // namespace

void mount_kernel_folders() {
    mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
    mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
    mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
    int console = open("/dev/console", O_RDWR | O_NOCTTY);
    if (console < 0) return;
    for (int fd = 0; fd < 3; ++fd) dup2(console, fd);
    if (console > 2) close(console);
}

void load_modules() {
    load_folder("/mod");
    // Machines with a PCI bus need more; the others do not wait for it.
    if (DIR *bus = opendir("/sys/bus/pci/devices")) {
        bool used = false;
        while (dirent *entry = readdir(bus)) used = used || entry->d_name[0] != '.';
        closedir(bus);
        if (used) load_folder("/mod/pci");
    }
}

void set_clock(int64_t unix_ms) {
    if (!unix_ms) return;
    timespec now{static_cast<time_t>(unix_ms / 1000), static_cast<long>(unix_ms % 1000 * 1000000)};
    clock_settime(CLOCK_REALTIME, &now);
}

std::string make_root(const Configuration &configuration) {
    mkdir("/new", 0755);
    if (mount("root", "/new", "tmpfs", 0, "mode=0755")) return problem("cannot mount the root");
    for (const char *folder : {"/new/dev", "/new/proc", "/new/sys", "/new/run", "/new/nix", "/new/nix/store"})
        mkdir(folder, 0755);
    mkdir("/new/tmp", 01777);
    chmod("/new/tmp", 01777);
    if (std::string error = mount_disk("store", "/new/nix/store", "erofs", MS_RDONLY | MS_NODEV); !error.empty()) return error;
    if (std::string error = mount_disk("modules", "/run/booted-system/kernel-modules", "erofs", MS_RDONLY | MS_NODEV | MS_NOSUID);
        !error.empty())
        fprintf(stderr, "seed-guest: %s\n", error.c_str());
    std::vector<const Volume *> volumes;  // outer mount points first
    for (const Volume &volume : configuration.volumes) volumes.push_back(&volume);
    std::stable_sort(volumes.begin(), volumes.end(),
                     [](auto *a, auto *b) { return a->mount_point.size() < b->mount_point.size(); });
    for (const Volume *volume : volumes) {
        std::string target = "/new" + volume->mount_point;
        errno = 0;
        if (std::string error = mount_disk(volume->serial, target, "ext4", MS_NODEV | MS_NOSUID); !error.empty()) {
            bool damaged = errno == EINVAL || errno == EUCLEAN || errno == EBADMSG || errno == EIO || errno == ENOTSUP;
            if (!damaged) return error + " (volume at " + volume->mount_point + ")";
            return "the file system of the volume at " + volume->mount_point + " is damaged (" + strerror(errno) +
                   "); nothing was changed in it: restore the volume from a backup, or delete it to begin with an empty one";
        }
        grow(find_disk(volume->serial), target);
        chmod(target.c_str(), volume->mode);
    }
    mkdir("/run/seed", 0755);
    write_text("/run/seed/env", environment_file(configuration.environment), O_CREAT | O_TRUNC);
    write_connections(configuration);
    sethostname(configuration.host_name.data(), configuration.host_name.size());
    if (access(("/new" + configuration.init).c_str(), X_OK)) return problem("cannot execute " + configuration.init);
    return {};
}

std::string enter_root() {
    for (const char *folder : {"/dev", "/proc", "/sys", "/run"})
        if (mount(folder, (std::string("/new") + folder).c_str(), nullptr, MS_MOVE, nullptr))
            return problem(std::string("cannot move ") + folder);
    // The initrd's memory is given back; what is still open of it lives on.
    unlink("/init");
    remove_files("/mod/pci");
    remove_files("/mod");
    if (chdir("/new") || mount(".", "/", nullptr, MS_MOVE, nullptr) || chroot(".") || chdir("/"))
        return problem("cannot switch to the new root");
    return {};
}

bool apply_owner(const Volume &volume) {
    unsigned user = 0, group = 0;
    if (!find_id(volume.user, "/etc/passwd", user) || !find_id(volume.group, "/etc/group", group)) return false;
    int fd = open(volume.mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return false;
    struct stat status {};
    if (fstat(fd, &status) == 0 && (status.st_uid != user || status.st_gid != group)) {
        if (fchown(fd, user, group)) fprintf(stderr, "seed-guest: cannot give %s its owner\n", volume.mount_point.c_str());
    }
    fchmod(fd, volume.mode);
    close(fd);
    return true;
}

VolumeHealth look_at_volume(const Volume &volume, bool was_full) {
    VolumeHealth health;
    struct statfs system {};
    struct stat status {};
    if (statfs(volume.mount_point.c_str(), &system) || stat(volume.mount_point.c_str(), &status) || system.f_type != EXT4_SUPER_MAGIC)
        return health;   // hidden by another mount of the guest, or unmounted: its own business
    // Full until there is some room again, so that a busy log does not make the news every two seconds.
    uint64_t room = was_full ? system.f_blocks / 50 : 0;
    health.full = system.f_bavail <= room || (system.f_files && system.f_ffree == 0);
    char device[64];
    snprintf(device, sizeof device, "/sys/dev/block/%u:%u", major(status.st_dev), minor(status.st_dev));
    char target[256];
    ssize_t size = readlink(device, target, sizeof target - 1);
    if (size <= 0) return health;
    target[size] = 0;
    const char *name = strrchr(target, '/');
    if (!name) return health;
    std::string errors = trimmed(read_text(std::string("/sys/fs/ext4") + name + "/errors_count"));
    health.damaged = !errors.empty() && errors != "0";
    return health;
}

bool closure_made_etc() {
    DIR *folder = opendir("/etc");
    if (!folder) return false;
    bool made = false;
    while (dirent *entry = readdir(folder)) {
        std::string_view name = entry->d_name;
        made = made || (name != "." && name != ".." && name != "seed");
    }
    closedir(folder);
    return made;
}

void complete_etc(const Configuration &configuration) {
    mkdir("/etc", 0755);
    std::string resolvers;
    for (const std::string &address : configuration.resolvers) resolvers += "nameserver " + address + "\n";
    if (!configuration.search.empty()) resolvers += "search " + configuration.search + "\n";
    if (!resolvers.empty()) write_text("/etc/resolv.conf", resolvers, O_CREAT | O_EXCL);
    write_text(
        "/etc/hosts",
        "127.0.0.1 localhost\n::1 localhost\n" +
            (configuration.address6.empty() ? std::string() : configuration.address6 + " " + configuration.host_name + "\n"),
        O_CREAT | O_EXCL);
    write_text("/etc/hostname", configuration.host_name + "\n", O_CREAT | O_EXCL);
}

void power_off() {
    sync();
    reboot(RB_POWER_OFF);
    reboot(RB_AUTOBOOT);
    for (;;) pause();
}

}  // namespace seed::guest
