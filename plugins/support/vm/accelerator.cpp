#include "plugins/support/vm/accelerator.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include <cerrno>
#include <cstring>

#include <seed/util/fd.h>
#include <seed/util/file.h>

namespace seed::vm {
namespace {

constexpr double fast_enough_ms = 5;  // hardware takes well below 1 ms for this loop, emulation inside the kernel 17-34 ms

int64_t raw_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

// 20 000 turns of a loop in real mode.  Runs in a child, so that a machine that never answers costs a SIGALRM and nothing else.
// Exit status: 0 fast, 1 slow, 2 does not work.
[[noreturn]] void probe() {
    alarm(2);
    static const unsigned char code[] = {0x66, 0xb9, 0x20, 0x4e, 0, 0, 0x66, 0x49, 0x75, 0xfc, 0xf4};
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0 || ioctl(kvm, KVM_GET_API_VERSION, 0) != 12) _exit(2);
    int machine = ioctl(kvm, KVM_CREATE_VM, 0);
    void *page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (machine < 0 || page == MAP_FAILED) _exit(2);
    memcpy(page, code, sizeof code);
    kvm_userspace_memory_region region{};
    region.guest_phys_addr = 0x1000;
    region.memory_size = 4096;
    region.userspace_addr = reinterpret_cast<uint64_t>(page);
    if (ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region)) _exit(2);
    int cpu = ioctl(machine, KVM_CREATE_VCPU, 0);
    int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (cpu < 0 || size <= 0) _exit(2);
    auto *run = static_cast<kvm_run *>(mmap(nullptr, static_cast<size_t>(size), PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0));
    kvm_sregs special{};
    if (run == MAP_FAILED || ioctl(cpu, KVM_GET_SREGS, &special)) _exit(2);
    special.cs.base = special.cs.selector = 0;
    kvm_regs registers{};
    registers.rip = 0x1000;
    registers.rflags = 2;
    if (ioctl(cpu, KVM_SET_SREGS, &special) || ioctl(cpu, KVM_SET_REGS, &registers)) _exit(2);
    int64_t begin = raw_ns();
    if (ioctl(cpu, KVM_RUN, 0) || run->exit_reason != KVM_EXIT_HLT) _exit(2);
    _exit(static_cast<double>(raw_ns() - begin) / 1e6 < fast_enough_ms ? 0 : 1);
}

std::string why_no_kvm() {
    if (access("/dev/kvm", R_OK | W_OK))
        return errno == ENOENT ? "there is no /dev/kvm" : "/dev/kvm may not be used by this user (add it to the group kvm)";
    std::string cpu = read_file("/proc/cpuinfo", 64u << 20);
    if (cpu.find(" vmx") == std::string::npos && cpu.find(" svm") == std::string::npos)
        return "the processor has no hardware virtualisation";
    if (!access("/sys/module/kvm_pvm", F_OK)) return "/dev/kvm is emulated by the host's kernel (kvm_pvm)";
    pid_t child = fork();
    if (child == 0) probe();
    int status = 0;
    if (child < 0) return "the probe of /dev/kvm could not be started";
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status)) return "/dev/kvm did not run a test program within 2 s";
    if (WEXITSTATUS(status) == 1) return "/dev/kvm is far too slow to be hardware";
    if (WEXITSTATUS(status) == 2) return "/dev/kvm failed to run a test program";
    return {};
}

}  // namespace

Accelerator choose_accelerator(const std::string &wanted) {
    if (wanted == "kvm") return {"kvm", ""};
    if (wanted == "tcg") return {"tcg", "configured"};
    static const std::string reason = why_no_kvm();
    return {reason.empty() ? "kvm" : "tcg", reason};
}

uint64_t measure_tsc_khz() {
    static const uint64_t khz = [] {
        int64_t begin = raw_ns();
        uint64_t first = __rdtsc();
        timespec pause{0, 50000000};
        nanosleep(&pause, nullptr);
        int64_t end = raw_ns();
        return static_cast<uint64_t>(static_cast<double>(__rdtsc() - first) / static_cast<double>(end - begin) * 1e6);
    }();
    return khz;
}

}  // namespace seed::vm
