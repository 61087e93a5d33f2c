#include <seed/util/log.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <functional>

#include <nlohmann/json.hpp>

#include <seed/util/fd.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

using namespace seed;

namespace {

// What `body` writes to stderr in a process of its own: the log looks at its surroundings once.
std::string logged(const std::function<void()> &body) {
    TemporaryDirectory directory("/tmp", "seed-log-");
    std::string file = (directory.path() / "stderr").string();
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, 2);
        body();
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
    return read_file(file);
}

TEST(Log, IsALineWithTimeLevelComponentAndId) {
    std::string text = logged([] {
        unsetenv("JOURNAL_STREAM");
        log(LogLevel::debug, "deploy", "not said");
        log(LogLevel::warning, "deploy", "one\ntwo\x1b[2J\xff", "push-1");
        log(LogLevel::info, "deploy", "three");
    });
    auto lines = split(text, '\n');
    ASSERT_EQ(lines.size(), 4u) << text;
    EXPECT_EQ(lines[0].substr(24), " warning deploy: one call=push-1");
    EXPECT_EQ(lines[1].substr(24), " warning deploy: two?[2J? call=push-1");
    EXPECT_EQ(lines[2].substr(24), " info deploy: three");
    EXPECT_EQ(lines[0][10], 'T');
    EXPECT_EQ(lines[0][23], 'Z');
}

TEST(Log, AsJsonIsOneObjectALineAndChildrenLearnIt) {
    std::string text = logged([] {
        unsetenv("JOURNAL_STREAM");
        set_log_format(LogFormat::json);
        set_log_level(LogLevel::debug);
        for (const auto &entry : log_environment()) log(LogLevel::debug, "child", entry + "\"\t", "push-2");
    });
    std::vector<std::string> told;
    for (const auto &line : split(text, '\n')) {
        if (line.empty()) continue;
        auto entry = nlohmann::json::parse(line);
        EXPECT_EQ(entry["level"], "debug");
        EXPECT_EQ(entry["call"], "push-2");
        EXPECT_EQ(entry["component"], "child");
        told.push_back(entry["text"]);
    }
    EXPECT_EQ(told, (std::vector<std::string>{"SEED_LOG_LEVEL=debug\"\t", "SEED_LOG=json\"\t"}));
}

std::string this_stderr() {
    struct stat now {};
    fstat(2, &now);
    return std::to_string(now.st_dev) + ":" + std::to_string(now.st_ino);
}

TEST(Log, GoesToTheJournalWithItsFieldsWhenStderrIsTheJournal) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root for a journal of its own";
    std::string text = logged([] {
        setenv("JOURNAL_STREAM", this_stderr().c_str(), 1);
        // A /run of our own, with a socket where the journal listens.
        if (unshare(CLONE_NEWNS) || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) || mount("run", "/run", "tmpfs", 0, nullptr)) _exit(1);
        make_directory("/run/systemd/journal");
        UniqueFd journal(socket(AF_UNIX, SOCK_DGRAM, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, "/run/systemd/journal/socket");
        if (bind(journal.get(), reinterpret_cast<sockaddr *>(&address), sizeof address)) _exit(2);
        log(LogLevel::error, "deploy", "it\nPRIORITY=0", "push-3");
        for (int i = 0; i < 2; ++i) {
            char buffer[4096];
            ssize_t size = recv(journal.get(), buffer, sizeof buffer, MSG_DONTWAIT);
            if (size < 0) _exit(3);
            [[maybe_unused]] ssize_t written = write(2, buffer, static_cast<size_t>(size));
        }
    });
    EXPECT_NE(text.find("PRIORITY=3\nSYSLOG_IDENTIFIER=unit_util\nSEED_COMPONENT=deploy\nSEED_CALL=push-3\nMESSAGE=deploy: it\n"), text.npos) << text;
    // What a stranger wrote never becomes a field.
    EXPECT_NE(text.find("MESSAGE=deploy: PRIORITY=0\n"), text.npos) << text;
    EXPECT_EQ(text.find("\nPRIORITY=0"), text.npos) << text;
}

TEST(Log, WithoutAWayToTheJournalLinesCarryTheirLevel) {
    std::string text = logged([] {
        setenv("JOURNAL_STREAM", this_stderr().c_str(), 1);
        if (geteuid() == 0 && (unshare(CLONE_NEWNS) || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) ||
                               mount("run", "/run", "tmpfs", 0, nullptr)))
            _exit(1);
        log(LogLevel::warning, "session", "it", "push-4");
    });
    if (access("/run/systemd/journal/socket", F_OK) == 0 && geteuid() != 0) GTEST_SKIP() << "this machine has a journal";
    EXPECT_TRUE(text.starts_with("<4>")) << text;
    EXPECT_TRUE(text.ends_with(" warning session: it call=push-4\n")) << text;
}

}  // namespace
