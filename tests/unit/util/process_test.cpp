#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/process.h>
#include <seed/util/text.h>

using namespace seed;
using namespace std::chrono_literals;
using testing::HasSubstr;

namespace {

RunResult python(const std::string &program, SpawnOptions options = {}) {
    options.arguments = {"python3", "-c", program};
    return run(options, 60s);
}

}  // namespace

TEST(Run, captures_both_outputs_and_the_exit_code) {
    RunResult result = run({.arguments = {"sh", "-c", "echo out; echo err >&2; exit 3"}}, 60s);
    EXPECT_EQ(result.out, "out\n");
    EXPECT_EQ(result.err, "err\n");
    EXPECT_EQ(result.status.code, 3);
    EXPECT_EQ(result.status.to_string(), "exit code 3");
}

TEST(Run, hands_over_input_larger_than_a_pipe) {
    std::string input(3u << 20, 'x');
    RunResult result = run({.arguments = {"sha256sum"}}, 60s, 1u << 20, input);
    EXPECT_THAT(result.out, HasSubstr(sha256_hex(input)));
}

TEST(Run, kills_what_runs_beyond_its_deadline_with_its_children) {
    RunResult result = run({.arguments = {"sh", "-c", "sleep 1000 & echo $!; wait"}}, 500ms);
    EXPECT_TRUE(result.timed_out);
    EXPECT_TRUE(result.status.signalled);
    EXPECT_EQ(result.status.to_string(), "killed by signal 9 (Killed)");
    if (!result.out.empty()) {
        pid_t sleeper = atoi(result.out.c_str());
        auto identity = ProcessIdentity::of(sleeper);
        if (identity) {
            UniqueFd fd = identity->open_pidfd();
            pollfd wanted{fd.get(), POLLIN, 0};
            if (fd) {
                EXPECT_EQ(poll(&wanted, 1, 30000), 1);
            }
        }
    }
}

TEST(Run, stops_a_program_that_writes_without_end) {
    RunResult result = run({.arguments = {"yes"}}, 60s, 1000);
    EXPECT_TRUE(result.overflowed);
    EXPECT_EQ(result.out.size(), 1000u);
    EXPECT_FALSE(result.timed_out);
}

TEST(Run, does_not_wait_for_a_grandchild_that_holds_the_output) {
    RunResult result = run({.arguments = {"sh", "-c", "sleep 1000 & echo done"}}, 300s);
    EXPECT_EQ(result.out, "done\n");
    EXPECT_FALSE(result.timed_out);
}

TEST(Spawn, gives_only_the_named_environment) {
    setenv("SEED_SECRET", "1", 1);
    EXPECT_EQ(run({.arguments = {"env"}, .environment = {"A=b"}}, 60s).out, "A=b\n");
}

TEST(Spawn, says_which_step_failed) {
    auto text = [](SpawnOptions options) -> std::string {
        try {
            Process::spawn(options);
        } catch (const Failure &failure) {
            return failure.what();
        }
        return "";
    };
    EXPECT_EQ(text({.arguments = {"no-such-program"}}),
              "cannot start no-such-program: it is neither in /usr/sbin nor in /usr/bin; install it");
    EXPECT_EQ(text({.arguments = {"/nonexistent/x"}}), "cannot start /nonexistent/x: executing it: No such file or directory");
    EXPECT_EQ(text({.arguments = {"true"}, .directory = "/nonexistent"}),
              "cannot start /usr/bin/true: entering the directory /nonexistent: No such file or directory");
    for (int i = 0; i < 200; ++i)   // it may fail before or after the process between has told its number
        EXPECT_EQ(text({.arguments = {"/nonexistent/x"}, .outlive_parent = true}),
                  "cannot start /nonexistent/x: executing it: No such file or directory");
    Cage cage;
    cage.read = {"/nonexistent/folder"};
    if (landlock_abi() > 0) {
        EXPECT_EQ(text({.arguments = {"true"}, .cage = cage}),
                  "cannot start /usr/bin/true: giving the cage a path (/nonexistent/folder): No such file or directory");
    }
}

TEST(Spawn, arranges_descriptors_whose_numbers_overlap) {
    // Ours swapped: what is 4 here becomes 5 there and the other way round.
    Pipe first = make_pipe(), second = make_pipe(), out = make_pipe();
    write_all(first.write.get(), "first");
    write_all(second.write.get(), "second");
    first.write.reset();
    second.write.reset();
    int a = first.read.get(), b = second.read.get();
    Process child =
        Process::spawn({.arguments = {"python3", "-c",
                                      "import os,sys\nprint(os.read(" + std::to_string(b) + ",99), os.read(" + std::to_string(a) +
                                          ",99), [n for n in range(50) if os.path.exists('/proc/self/fd/%d' % n)])"},
                        .descriptors = {{a, b}, {b, a}, {out.write.get(), 1}}});
    out.write.reset();
    std::string text = read_all(out.read.get());
    EXPECT_TRUE(child.wait().ok());
    std::string numbers = "[0, 1, 2, " + std::to_string(std::min(a, b)) + ", " + std::to_string(std::max(a, b)) + "]";
    EXPECT_EQ(text, "b'first' b'second' " + numbers + "\n");
}

TEST(Spawn, resets_signals_that_the_parent_ignores_or_blocks) {
    signal(SIGPIPE, SIG_IGN);
    sigset_t block, before;
    sigemptyset(&block);
    sigaddset(&block, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &block, &before);
    RunResult result = run({.arguments = {"grep", "-E", "SigBlk|SigIgn", "/proc/self/status"}}, 60s);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    EXPECT_EQ(result.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Spawn, ends_a_child_with_its_owner) {
    ProcessIdentity identity;
    {
        Process child = Process::spawn({.arguments = {"sleep", "1000"}});
        identity = ProcessIdentity::of(child.pid()).value();
        EXPECT_TRUE(identity.alive());
        EXPECT_FALSE(child.wait(0ms).has_value());
    }
    EXPECT_FALSE(identity.alive());
}

TEST(Identity, of_a_process_whose_first_thread_has_ended_counts_until_its_last_has) {
    pid_t child = fork();
    if (child == 0) {
        std::thread([] {
            for (;;) pause();
        }).detach();
        syscall(SYS_exit, 0);   // of this thread alone
    }
    auto identity = ProcessIdentity::of(child);
    ASSERT_TRUE(identity);
    while (read_file("/proc/" + std::to_string(child) + "/stat").find(") Z ") == std::string::npos) std::this_thread::yield();
    EXPECT_TRUE(identity->alive()) << "it has its files still";
    UniqueFd end = identity->open_pidfd();
    EXPECT_TRUE(identity->kill_and_wait(60s));
    pollfd ended{end.get(), POLLIN, 0};
    EXPECT_EQ(poll(&ended, 1, 0), 1);
    EXPECT_FALSE(identity->alive());
    waitpid(child, nullptr, 0);
}

TEST(Spawn, ends_a_child_when_the_parent_is_killed) {
    for (bool caged : {false, true}) {
        Pipe pipe = make_pipe();
        pid_t parent = fork();
        if (parent == 0) {
            SpawnOptions options{.arguments = {"sleep", "1000"}};
            if (caged) options.cage = Cage{.uid = 612345};
            Process child = Process::spawn(options);
            write_all(pipe.write.get(), ProcessIdentity::of(child.pid())->to_string());
            pipe.write.reset();
            pause();
        }
        pipe.write.reset();
        ProcessIdentity child = ProcessIdentity::parse(read_all(pipe.read.get())).value();
        UniqueFd fd = child.open_pidfd();
        ASSERT_TRUE(fd);
        kill(parent, SIGKILL);
        waitpid(parent, nullptr, 0);
        pollfd wanted{fd.get(), POLLIN, 0};
        EXPECT_EQ(poll(&wanted, 1, 60000), 1) << (caged ? "caged" : "free");
    }
}

TEST(Spawn, leaves_a_child_that_shall_outlive_us) {
    ProcessIdentity identity;
    {
        Process child = Process::spawn({.arguments = {"sleep", "1000"}, .outlive_parent = true});
        identity = ProcessIdentity::of(child.pid()).value();
        EXPECT_THROW(child.wait(), Failure);
    }
    EXPECT_TRUE(identity.alive());
    auto again = ProcessIdentity::parse(identity.to_string());
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->kill_and_wait(60s));
    EXPECT_FALSE(identity.alive());
    EXPECT_FALSE(identity.signal(SIGTERM));
}

TEST(ProcessIdentity, is_not_fooled_by_a_number_that_means_another_process) {
    ProcessIdentity identity = ProcessIdentity::of(getpid()).value();
    EXPECT_TRUE(identity.alive());
    ProcessIdentity other = identity;
    other.start_time += 1;
    EXPECT_FALSE(other.alive());
    EXPECT_FALSE(other.signal(SIGKILL));
    other = identity;
    other.boot_id = "another boot";
    EXPECT_FALSE(other.signal(SIGKILL));
    for (const char *bad : {"", "1", "1 2", "x 2 b", "1 2 b c", "-1 2 b", "0 2 b"})
        EXPECT_FALSE(ProcessIdentity::parse(bad)) << bad;
}

TEST(ProcessIdentity, takes_a_zombie_for_gone) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
    EXPECT_FALSE(ProcessIdentity::of(child));
    waitpid(child, nullptr, 0);
}

TEST(Cage, refuses_namespaces_raw_sockets_and_tracing) {
    RunResult result = python(R"(
import ctypes, socket, errno
libc = ctypes.CDLL(None, use_errno=True)
for flag in (0x10000000, 0x40000000, 0x20000): print(libc.unshare(flag), errno.errorcode[ctypes.get_errno()])
print(libc.ptrace(0, 0, 0, 0), errno.errorcode[ctypes.get_errno()])
print(libc.mount(b'a', b'/', b'tmpfs', 0, 0), errno.errorcode[ctypes.get_errno()])
for kind in ((socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_PACKET, socket.SOCK_RAW, 0), (socket.AF_NETLINK, socket.SOCK_RAW, 0), (socket.AF_VSOCK, socket.SOCK_STREAM, 0)):
    try: socket.socket(*kind); print('made')
    except OSError as e: print(errno.errorcode[e.errno])
for kind in ((socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_DGRAM), (socket.AF_UNIX, socket.SOCK_STREAM)): socket.socket(*kind)
import threading
t = threading.Thread(target=lambda: print('thread')); t.start(); t.join()
)",
                              {.cage = Cage{.uid = 612345}});
    EXPECT_EQ(result.out, "-1 EPERM\n-1 EPERM\n-1 EPERM\n-1 EPERM\n-1 EPERM\nEPERM\nEPERM\nEPERM\nEPERM\nthread\n") << result.err;
}

TEST(Cage, without_network_allows_only_unix_sockets) {
    std::string program = R"(
import socket
for family in (socket.AF_INET, socket.AF_INET6):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try: socket.socket(family, kind); print('made')
        except OSError as e: print('refused')
socket.socket(socket.AF_UNIX); print('unix')
)";
    EXPECT_EQ(python(program, {.cage = Cage{.network = false}}).out, "refused\nrefused\nrefused\nrefused\nunix\n");
    EXPECT_EQ(python(program, {.cage = Cage{.connect_ports = std::vector<uint16_t>{}}}).out,
              "refused\nmade\nrefused\nmade\nunix\n");
}

TEST(Cage, shows_only_the_given_folders) {
    if (landlock_abi() == 0) GTEST_SKIP() << "the kernel has no Landlock";
    TemporaryDirectory temporary("/tmp");
    make_directory(temporary.path(), 0755);
    for (const char *name : {"readable", "writable", "other"}) {
        make_directory(temporary.path() / name, 0777);
        write_file(temporary.path() / name / "file", "x", 0666);
    }
    Cage cage{.uid = 612345, .read = {temporary.path() / "readable"}, .write = {temporary.path() / "writable"}};
    RunResult result = python(R"(
import os, errno
os.chdir(')" + temporary.path().string() +
                                  R"(')
def attempt(name, what):
    try: what(); print(name, 'yes')
    except OSError as e: print(name, errno.errorcode[e.errno])
attempt('read', lambda: open('readable/file').read())
attempt('change', lambda: open('readable/file', 'w'))
attempt('write', lambda: open('writable/new', 'w').write('x'))
attempt('rename', lambda: os.rename('writable/new', 'writable/newer'))
attempt('other', lambda: open('other/file'))
attempt('passwd', lambda: open('/etc/passwd'))
attempt('proc', lambda: open('/proc/1/status'))
attempt('null', lambda: open('/dev/null', 'w'))
attempt('random', lambda: open('/dev/urandom', 'rb').read(1))
os.chmod('writable/newer', 0o755)
attempt('execute', lambda: os.execv('writable/newer', ['x']))
)",
                              {.cage = cage});
    std::string proc = "EACCES";
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    proc = "yes";
#endif
    EXPECT_EQ(result.out, "read yes\nchange EACCES\nwrite yes\nrename yes\nother EACCES\npasswd EACCES\nproc " + proc +
                              "\nnull yes\nrandom yes\nexecute EACCES\n")
        << result.err;
}

TEST(Cage, has_no_capabilities_and_cannot_gain_any) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    Cage cage{.uid = 612345, .read = {"/proc"}};
    RunResult result = run(
        {.arguments = {"grep", "-E", "^(Uid|Gid|Groups|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):", "/proc/self/status"},
         .cage = cage},
        60s);
    EXPECT_EQ(
        result.out,
        "Uid:\t612345\t612345\t612345\t612345\nGid:\t612345\t612345\t612345\t612345\nGroups:\t \nCapPrm:\t0000000000000000\n"
        "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n");
}

TEST(Cage, runs_a_git_clone_inside) {
    TemporaryDirectory temporary("/tmp");
    if (geteuid() == 0) change_owner(temporary.path(), 612345, 612345);
    Cage cage{.uid = 612345, .write = {temporary.path()}, .network = false};
    std::string home = "HOME=" + temporary.path().string();
    auto git = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "git");
        RunResult result = run({.arguments = arguments,
                                .environment = {home, "PATH=/usr/bin", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a",
                                                "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b"},
                                .directory = temporary.path(),
                                .cage = cage},
                               120s);
        EXPECT_TRUE(result.status.ok()) << arguments[1] << ": " << result.status.to_string() << "\n" << result.err;
    };
    git({"init", "-q", "a"});
    git({"-C", "a", "commit", "-q", "--allow-empty", "-m", "first"});
    git({"clone", "-q", "--no-local", "a", "b"});
    git({"-C", "b", "gc", "-q"});
    EXPECT_TRUE(std::filesystem::exists(temporary.path() / "b/.git/HEAD"));
}

TEST(Cage, can_hold_a_narrower_cage) {
    // What the silo does: caged itself, it cages the git it starts.
    std::string program = "import ctypes,os\nlibc=ctypes.CDLL(None)\nprint(libc.prctl(38,1,0,0,0), libc.syscall(444,0,0,1)>0)";
    EXPECT_EQ(python(program, {.cage = Cage{}}).out, landlock_abi() > 0 ? "0 True\n" : "0 False\n");
}

TEST(Cage, runs_a_program_of_ours) {
    std::string self = std::filesystem::read_symlink("/proc/self/exe");
    RunResult result = run({.arguments = {self, "--gtest_list_tests"}, .cage = Cage{.memory_bytes = 1 << 30}}, 120s);
    EXPECT_TRUE(result.status.ok()) << result.status.to_string() << "\n" << result.err;
    EXPECT_THAT(result.out, HasSubstr("runs_a_program_of_ours"));
}
