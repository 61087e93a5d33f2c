// cloud-hypervisor opens its disks by path, and whoever opens needs the right to: also through /proc/self/fd.  The files stay their owner's
// (a storage provider has a user of its own); a machine's uid gets an entry in their access control list.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

namespace seed::clh {

// Gives `uid` alone reading, or reading and writing, of the open file.  At most `most` users are kept in its list, those with the highest
// numbers; so a list of a file that many machines use does not grow without end.  Nothing is done for a file that everybody may read when
// reading is asked for.  Failure(unsupported): its file system has no such lists; `what` names the file.
void give_access(int file, uid_t uid, bool write, size_t most, const std::string &what);

// The list in the kernel's form (acl(5), linux/posix_acl_xattr.h).  Pure; Failure(invalid) when `list` is no list.
std::string with_entry(const std::string &list, mode_t mode, uid_t uid, bool write, size_t most);  // `list` empty: there is none yet

}  // namespace seed::clh
