#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/frame.h>

#include "core/front/client.h"
#include "core/shell/options.h"
#include "core/shell/print.h"
#include "core/shell/registry.h"
#include "core/shell/run.h"

using namespace seed;
using namespace seed::shell;
using nlohmann::json;

namespace {

struct Ran {
    int status;
    std::string out, err;
    json request;
};

// Runs a command against a daemon that gives `answer` ({"ok": ...} or {"error": ...}).
Ran run(const std::vector<std::string> &words, json answer = {{"ok", json::object()}}) {
    SocketPair sockets = make_socket_pair();
    Ran ran;
    std::thread daemon([&] {
        auto frame = receive_frame(sockets.theirs.get(), std::chrono::seconds(60));
        if (!frame) return;
        ran.request = json::parse(frame->body);
        answer["id"] = ran.request["id"];
        send_frame(sockets.theirs.get(), answer.dump());
    });
    Pipe out = make_pipe(), err = make_pipe();
    {
        front::Client client(std::move(sockets.ours));
        Context context{client, nullptr, Output(out.write.get()), Output(err.write.get()), session_commands(), "ssh HOST"};
        ran.status = run_command(context, words);
    }
    daemon.join();
    out.write.reset();
    err.write.reset();
    ran.out = read_all(out.read.get());
    ran.err = read_all(err.read.get());
    return ran;
}

}  // namespace

TEST(Shell, TablesAreAlignedByCharacters) {
    EXPECT_EQ(table({{"A", "NAME"}, {"größe", "x"}, {"b", ""}}, "  "), "  A      NAME\n  größe  x\n  b\n");
}

TEST(Shell, UptimesAreAsCoarseAsAReaderWants) {
    EXPECT_EQ(format_uptime(45000), "45 s");
    EXPECT_EQ(format_uptime(-5), "0 s");
    EXPECT_EQ(format_uptime(200000), "3 min");
    EXPECT_EQ(format_uptime(7500000), "2 h 5 min");
    EXPECT_EQ(format_uptime(788400000), "9 d 3 h");
}

TEST(Shell, TheNearestCommandIsFoundUnlessNothingIsNear) {
    EXPECT_EQ(nearest_command(session_commands(), "stauts"), "status");
    EXPECT_EQ(nearest_command(session_commands(), "log"), "logs");
    EXPECT_EQ(nearest_command(session_commands(), "vol"), "volumes");
    EXPECT_EQ(nearest_command(session_commands(), "frobnicate"), "");
    EXPECT_EQ(nearest_command(session_commands(), ""), "");
}

TEST(Shell, EveryCommandHasHelpThatNamesItAndItsJson) {
    for (auto *commands : {&session_commands(), &operator_commands()})
        for (auto *command : *commands) {
            EXPECT_TRUE(command->help.starts_with("# " + std::string(command->name) + ":")) << command->name;
            EXPECT_NE(command->help.find("--json"), command->help.npos) << command->name;
            EXPECT_FALSE(command->summary.empty());
        }
}

TEST(Shell, ExitStatusesTellWhatHappened) {
    auto with = [](const char *code) { return run({"restart", "web"}, {{"error", {{"code", code}, {"text", "because"}}}}); };
    EXPECT_EQ(with("not_found").status, exit_not_found);
    EXPECT_EQ(with("denied").status, exit_denied);
    EXPECT_EQ(with("unavailable").status, exit_unavailable);
    EXPECT_EQ(with("invalid").status, exit_usage);
    EXPECT_EQ(with("internal").status, exit_failure);
    EXPECT_EQ(with("denied").err, "restart: because\n");
}

TEST(Shell, WrongUsageIsOneLineThatSaysWhereToLook) {
    for (auto &words : std::vector<std::vector<std::string>>{
             {"logs"}, {"logs", "web", "-n", "x"}, {"logs", "web", "-n", "-5"}, {"status", "a", "b"}}) {
        auto ran = run(words);
        EXPECT_EQ(ran.status, exit_usage);
        EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
        EXPECT_NE(ran.err.find("ssh HOST help " + words[0]), std::string::npos) << ran.err;
        EXPECT_TRUE(ran.request.is_null());
    }
}

TEST(Shell, TextFromStrangersCannotSteerTheTerminal) {
    json flake = {{"repository", "a\x1b[2Jpp"},
                  {"revision", {{"commit", "\x1b]0;"}, {"state", "failed"}, {"message", "x\ny\x07"}}}};
    auto ran = run({"status"}, {{"ok", {{"flakes", {flake}}}}});
    EXPECT_EQ(ran.out.find('\x1b'), std::string::npos);
    EXPECT_EQ(ran.out.find('\x07'), std::string::npos);
    EXPECT_NE(ran.out.find("x?y?"), std::string::npos) << ran.out;
    auto refused = run({"restart", "w"}, {{"error", {{"code", "denied"}, {"text", "a\nb\x1b"}}}});
    EXPECT_EQ(refused.err, "restart: a?b?\n");
}

TEST(Shell, StatusOfNothingSaysWhatToDo) {
    auto ran = run({"status"}, {{"ok", {{"platform", {{"silo", "silo.example"}}}, {"flakes", json::array()}}}});
    EXPECT_EQ(ran.out, "There is nothing here yet: git push a flake to silo.example.\n");
}

TEST(Shell, StatusSurvivesAnAnswerOfAnyShape) {
    for (json answer : {json(5), json::array({1}), json{{"flakes", 3}},
                        json{{"flakes", {json{{"instances", {1, "x", nullptr}}}}}}, json{{"flakes", {{{"revision", 3}}}}}}) {
        auto ran = run({"status"}, {{"ok", answer}});
        EXPECT_TRUE(ran.status == exit_ok || ran.status == exit_failure) << answer;
    }
}

TEST(Shell, AFailedInstanceSaysWhy) {
    json instance = {{"name", "web"}, {"state", "failed"}, {"reason", "the guest did not report readiness in 60 s"}};
    auto ran = run({"status", "app"}, {{"ok", {{"flakes", {{{"repository", "app"}, {"instances", {instance}}}}}}}});
    EXPECT_NE(ran.out.find("  web: the guest did not report readiness in 60 s\n"), std::string::npos) << ran.out;
    EXPECT_EQ(ran.request["args"]["repository"], "app");
}

TEST(Shell, VolumesAreShownWithTheirSizes) {
    json volume = {{"volume", "app-data"}, {"size_bytes", 1 << 30}, {"used_bytes", 1 << 20}, {"attached", false}};
    auto ran = run({"volumes"}, {{"ok", {{"volumes", {volume}}}}});
    EXPECT_NE(ran.out.find("no, kept"), std::string::npos) << ran.out;
}

TEST(Shell, WithJsonAFailureIsOneObjectOnStderr) {
    auto refused = run({"restart", "web", "--json"}, {{"error", {{"code", "unavailable"}, {"text", "a\nb"}, {"retry_after_ms", 200}}}});
    EXPECT_EQ(refused.status, exit_unavailable);
    json error = json::parse(refused.err);
    EXPECT_EQ(error, json::parse(R"({"error":{"code":"unavailable","text":"a?b","exit":5,"retry_after_ms":200}})"));
    EXPECT_EQ(json::parse(run({"logs", "--json"}).err)["error"]["exit"], exit_usage);
    EXPECT_EQ(json::parse(run({"frobnicate", "--json"}).err)["error"]["code"], "invalid");
}

TEST(Shell, SinceTakesDurationsAndTimesAndNothingElse) {
    const int64_t now = 1763720100123;  // 2025-11-21T10:15:00.123Z
    EXPECT_EQ(parse_since("90s", now), now - 90000);
    EXPECT_EQ(parse_since("10m", now), now - 600000);
    EXPECT_EQ(parse_since("2h", now), now - 7200000);
    EXPECT_EQ(parse_since("1d", now), now - 86400000);
    EXPECT_EQ(parse_since("2025-11-21", now), 1763683200000);
    EXPECT_EQ(parse_since("2025-11-21T10:15:00.123Z", now), now);
    EXPECT_EQ(parse_since("2025-11-21 10:15", now), 1763720100000);
    EXPECT_EQ(parse_since("10:15", now), 1763720100000);
    EXPECT_EQ(parse_since("1763720100", now), 1763720100000);
    for (auto text : {"", "x", "-5m", "5", "5 m", "2025-13-01", "2025-02-30", "24:00", "10:61", "10m5", "nan", "10:15:nan", "99999999999999999999",
                      "1e9", "2025-11-21T10:15Zulu"})
        if (std::string(text) != "5") {
            EXPECT_THROW(parse_since(text, now), UsageError) << text;
        }
}

TEST(Shell, EveryCommandTellsItsOptionsForCompletion) {
    for (auto *command : session_commands()) {
        auto ran = run({std::string(command->name), "--describe-options"});
        EXPECT_EQ(ran.status, exit_ok) << command->name;
        const json options = json::parse(ran.out).at("options");
        std::string names = options.dump();
        EXPECT_NE(names.find("--json"), names.npos) << command->name;
        // What the help explains exists, and the other way round.
        for (auto &option : options)
            for (auto &name : option.at("names"))
                if (name != "-h" && name != "--help") {
                    EXPECT_NE(command->help.find(name.get<std::string>()), std::string_view::npos) << command->name << " " << name;
                }
    }
}
