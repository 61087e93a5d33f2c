#include "plugins/runtime-clh/file_access.h"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstring>
#include <map>

#include <seed/util/failure.h>
#include <seed/util/file.h>

namespace seed::clh {
namespace {

constexpr const char *attribute = "system.posix_acl_access";

void append(std::string &list, uint16_t tag, uint16_t rights, uint32_t id) {
    posix_acl_xattr_entry entry{tag, rights, id};  // little-endian, as this machine is
    list.append(reinterpret_cast<const char *>(&entry), sizeof entry);
}

}  // namespace

std::string with_entry(const std::string &list, mode_t mode, uid_t uid, bool write, size_t most) {
    std::map<uint32_t, uint16_t> users, groups;
    uint16_t owner = mode >> 6 & 7, group = mode >> 3 & 7, other = mode & 7, mask = 0;
    if (!list.empty()) {
        posix_acl_xattr_header header{};
        if (list.size() < sizeof header || (list.size() - sizeof header) % sizeof(posix_acl_xattr_entry))
            throw Failure(Code::invalid, "an access control list has no whole entries");
        memcpy(&header, list.data(), sizeof header);
        if (header.a_version != POSIX_ACL_XATTR_VERSION) throw Failure(Code::invalid, "an access control list of an unknown version");
        for (size_t at = sizeof header; at < list.size(); at += sizeof(posix_acl_xattr_entry)) {
            posix_acl_xattr_entry entry{};
            memcpy(&entry, list.data() + at, sizeof entry);
            uint16_t rights = entry.e_perm & 7;
            if (entry.e_tag == ACL_USER_OBJ) owner = rights;
            if (entry.e_tag == ACL_USER) users[entry.e_id] = rights;
            if (entry.e_tag == ACL_GROUP_OBJ) group = rights;
            if (entry.e_tag == ACL_GROUP) groups[entry.e_id] = rights;
            if (entry.e_tag == ACL_OTHER) other = rights;
        }
    }
    users[uid] = write ? ACL_READ | ACL_WRITE : ACL_READ;
    for (auto one = users.begin(); users.size() > std::max<size_t>(most, 1);) one = one->first == uid ? std::next(one) : users.erase(one);
    mask = group;
    std::string result;
    posix_acl_xattr_header header{POSIX_ACL_XATTR_VERSION};
    result.append(reinterpret_cast<const char *>(&header), sizeof header);
    append(result, ACL_USER_OBJ, owner, ACL_UNDEFINED_ID);
    for (const auto &[id, rights] : users) append(result, ACL_USER, rights, id), mask |= rights;
    append(result, ACL_GROUP_OBJ, group, ACL_UNDEFINED_ID);
    for (const auto &[id, rights] : groups) append(result, ACL_GROUP, rights, id), mask |= rights;
    append(result, ACL_MASK, mask, ACL_UNDEFINED_ID);
    append(result, ACL_OTHER, other, ACL_UNDEFINED_ID);
    return result;
}

void give_access(int file, uid_t uid, bool write, size_t most, const std::string &what) {
    struct stat status {};
    if (fstat(file, &status)) fail_errno(what);
    if (!write && (status.st_mode & S_IROTH)) return;
    // Two machines that start on one image take turns: what one adds the other does not lose.
    if (flock(file, LOCK_EX)) fail_errno(what);
    std::string list(65536, '\0');
    ssize_t size = fgetxattr(file, attribute, list.data(), list.size());
    bool supported = size >= 0 || errno == ENODATA;
    list.resize(size > 0 ? static_cast<size_t>(size) : 0);
    if (supported) {
        list = with_entry(list, status.st_mode, uid, write, most);
        supported = fsetxattr(file, attribute, list.data(), list.size(), 0) == 0;
    }
    int error = errno;
    flock(file, LOCK_UN);
    if (supported) return;
    if (error == EOPNOTSUPP)
        throw Failure(Code::unsupported, what + ": its file system has no access control lists, and cloud-hypervisor opens disks as the user of "
                                                "its machine; use ext4, xfs, btrfs or zfs with acltype=posixacl, or runtime-qemu");
    errno = error;
    fail_errno(what + ": access for the machine's user");
}

}  // namespace seed::clh
