#include "plugins/support/vm/descriptors.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <seed/util/file.h>

#include "plugins/support/net/net_client.h"

namespace seed::vm {

int DescriptorPlan::add(UniqueFd fd) {
    owned_.push_back(std::move(fd));
    pairs_.emplace_back(owned_.back().get(), next_);
    return next_++;
}

int DescriptorPlan::add_readable(const std::string &path) {
    return add(open_file(path, O_RDONLY));
}

int DescriptorPlan::add_channel(UniqueFd &ours) {
    SocketPair pair = make_socket_pair();
    int bytes = 1 << 20;  // a serial port writes byte by byte, and each is a buffer of its own
    setsockopt(pair.theirs.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    ours = std::move(pair.ours);
    return add(std::move(pair.theirs));
}

UniqueFd enter_network(const VmSpec &spec) {
    NetClient net(spec.net_socket);
    UniqueFd tap = net.tap({spec.tap, spec.tenant, spec.address6, spec.address4});
    for (const UniqueFd &space : net.namespaces())
        if (setns(space.get(), 0)) fail_errno("entering the platform's network");
    return tap;
}

VolumeImage open_volume(const std::string &name, const std::string &path) {
    VolumeImage image{open_file(path, O_RDWR)};
    struct stat status {};
    if (fstat(image.fd.get(), &status)) fail_errno(path);
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        throw Failure(Code::invalid, "the volume '" + name + "' is neither a file nor a block device");
    image.device = S_ISBLK(status.st_mode);
    image.number = status.st_rdev;
    return image;
}

DeviceNode existing_device(const std::string &path) {
    struct stat status {};
    if (stat(path.c_str(), &status)) fail_errno(path);
    if (!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode)) throw Failure(Code::invalid, path + " is no device");
    return {path, status.st_rdev, S_ISBLK(status.st_mode)};
}

void make_own_dev(uid_t uid, const std::vector<DeviceNode> &nodes) {
    struct Common {
        const char *path;
        dev_t number;
    };
    std::vector<Common> common;
    for (const char *path : {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}) {
        struct stat status {};
        if (stat(path, &status) == 0) common.push_back({path, status.st_rdev});
    }
    if (unshare(CLONE_NEWNS) || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) ||
        mount("seed-vm", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k"))
        fail_errno("making a /dev for the virtual machine");
    for (const Common &one : common)
        if (mknod(one.path, S_IFCHR | 0666, one.number) || chmod(one.path, 0666)) fail_errno(one.path);
    for (const DeviceNode &node : nodes) {
        const char *path = node.path.c_str();
        if (access(path, F_OK) == 0) continue;  // one of the common ones
        if (mknod(path, (node.block ? S_IFBLK : S_IFCHR) | 0600, node.number) || chown(path, uid, uid)) fail_errno(path);
    }
}

}  // namespace seed::vm
