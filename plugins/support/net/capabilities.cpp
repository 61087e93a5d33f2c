#include "plugins/support/net/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seed/util/failure.h>

namespace seed::net {

void keep_capabilities(std::initializer_list<int> effective, std::initializer_list<int> bounding) {
    uint64_t wanted = 0, outer = 0;
    for (int number : effective) wanted |= 1ull << number;
    for (int number : bounding) outer |= 1ull << number;
    outer |= wanted;
    for (int number = 0; number < 64; ++number)
        if (!(outer >> number & 1)) prctl(PR_CAPBSET_DROP, number, 0, 0, 0);  // numbers the kernel lacks answer EINVAL
    __user_cap_header_struct head{.version = _LINUX_CAPABILITY_VERSION_3};
    __user_cap_data_struct data[2]{};
    if (syscall(SYS_capget, &head, data)) fail_errno("capabilities");
    for (int half : {0, 1}) {
        data[half].permitted &= uint32_t(wanted >> (32 * half));
        data[half].effective = data[half].permitted;
        data[half].inheritable = 0;
    }
    if (syscall(SYS_capset, &head, data)) fail_errno("capabilities");
    // With no_new_privs a program could not take up the rest of the bounding set.
    if (outer == wanted && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) fail_errno("no_new_privs");
}

}  // namespace seed::net
