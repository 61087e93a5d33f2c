// seed-guest: the first program of the initrd.  Prepares the machine as docs/guest-contract.md says, leaves a helper behind, and
// becomes the closure's init.
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "core/guest/helper.h"
#include "core/guest/machine.h"

using namespace seed::guest;

namespace {

Channel channel;

[[noreturn]] void fail(const std::string &reason) {
    fprintf(stderr, "seed-guest: %s\n", reason.c_str());
    if (channel.descriptor() >= 0) channel.say_failed(reason);
    usleep(100000);  // the host reads the reason before the machine goes
    power_off();
}

Configuration receive_configuration() {
    std::string text;
    for (;;) {
        auto line = channel.receive(60000);
        if (!line) fail("the host sent no configuration within a minute");
        if (*line == "end") break;
        text += *line + "\n";
        if (text.size() > configuration_limit) fail("the configuration is too long");
    }
    std::string error;
    auto configuration = parse_configuration(text, error);
    if (!configuration) fail(error);
    return *configuration;
}

}  // namespace

int main(int, char **arguments) {
    if (getpid() != 1) {
        fprintf(stderr, "seed-guest is the first program of a Seed virtual machine; see docs/guest-contract.md\n");
        return 2;
    }
    mount_kernel_folders();
    load_modules();
    if (!channel.open()) fail("this machine has no control channel");
    channel.say_hello();
    Configuration configuration = receive_configuration();
    set_clock(configuration.time_ms);
    if (std::string error = set_network(configuration); !error.empty()) fail(error);
    if (std::string error = make_root(configuration); !error.empty()) fail(error);
    if (std::string error = enter_root(); !error.empty()) fail(error);

    int executed[2];
    if (pipe2(executed, O_CLOEXEC)) fail("no pipe");
    pid_t helper = fork();
    if (helper == 0) {
        close(executed[1]);
        arguments[0][0] = '@';  // systemd leaves such processes alone until the very end of a shutdown
        prctl(PR_SET_NAME, "seed-guest");
        int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(nothing, 0);
        run_helper(configuration, channel, executed[0]);
    }
    if (helper < 0) fail("cannot start the helper");
    close(executed[0]);
    const char *const init[] = {configuration.init.c_str(), nullptr};
    const char *const environment[] = {"HOME=/root", "TERM=linux",
                                       "PATH=/run/current-system/sw/bin:/usr/sbin:/usr/bin:/sbin:/bin", nullptr};
    execve(init[0], const_cast<char *const *>(init), const_cast<char *const *>(environment));
    int error = errno;
    if (write(executed[1], &error, sizeof error) < 0) power_off();
    for (;;) pause();
}
