#include <gtest/gtest.h>

#include <seed/util/file.h>
#include <fstream>

#include "plugins/support/vm/guest_event.h"
#include "plugins/support/vm/line_splitter.h"
#include "plugins/support/vm/log_ring.h"
#include "plugins/runtime-qemu/qemu_command.h"

namespace seed::vm {
namespace {

TEST(VmConfiguration, CarriesEveryValueOnItsOwnLine) {
    VmSpec spec;
    spec.boot.init = "/nix/store/x/init";
    spec.boot.environment = {{"A", "b c%"}};
    spec.boot.expose = {{"dns", 53, "dns"}, {"http", 80, "http"}};
    spec.boot.volumes = {{.name = "d", .path = "", .mount_point = "/data dir", .user = "web", .group = "web", .mode = "0750"}};
    std::string text = encode_configuration(spec, 7);
    EXPECT_EQ(text,
              "seed 1\ntime_ms 7\ninit /nix/store/x/init\nenv A b%20c%25\nvolume volume0 /data%20dir web web 0750\n"
              "expose 53 both\nexpose 80 tcp\nend\n");
    spec.boot.environment = {{"A", "x\nend\n"}};
    EXPECT_THROW(encode_configuration(spec, 7), Failure);
    spec.boot.environment = {{"A=B", "x"}};
    EXPECT_THROW(encode_configuration(spec, 7), Failure);
}

TEST(VmConfiguration, CarriesConnectionsAndRefusesWhatIsNone) {
    VmSpec spec;
    spec.boot.init = "/i";
    spec.boot.connections = {{"main-db", "db:5432"}};
    EXPECT_NE(encode_configuration(spec, 1).find("\nconnect main-db db:5432\n"), std::string::npos);
    for (auto [name, target] : std::map<std::string, std::string>{{"../x", "db"}, {"A", "db"}, {"", "db"}, {"x", ""}, {"y", "a b"}, {"z", "a\nend"}}) {
        spec.boot.connections = {{name, target}};
        EXPECT_THROW(encode_configuration(spec, 1), Failure) << name << " " << target;
    }
}

TEST(GuestEvents, NameFullAndDamagedVolumesWithinBounds) {
    auto event = parse_guest_line(R"({"event":"volumes","full":["/data",7,"/a\u001b[31m"],"damaged":"x"})");
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, GuestEvent::Kind::volumes);
    ASSERT_EQ(event->full.size(), 2u);
    EXPECT_EQ(event->full[0], "/data");
    EXPECT_EQ(event->full[1].find('\x1b'), std::string::npos);
    EXPECT_TRUE(event->damaged.empty());
    std::string many = R"({"event":"volumes","full":["/x")";
    for (int n = 0; n < 100; ++n) many += ",\"/x\"";
    EXPECT_EQ(parse_guest_line(many + "]}")->full.size(), 16u);
}

TEST(GuestEvents, AreReadStrictly) {
    auto ready = parse_guest_line(R"({"event":"ready","ipv4_only":[80,80,0,70000,-1,"x",22],"ipv4_only_udp":[53,0,"y"]})");
    ASSERT_TRUE(ready);
    EXPECT_EQ(ready->ports, (std::vector<uint16_t>{22, 80}));
    EXPECT_EQ(ready->udp_ports, (std::vector<uint16_t>{53}));
    EXPECT_EQ(parse_guest_line(R"({"event":"dance","x":{}})")->kind, GuestEvent::Kind::unknown);
    EXPECT_EQ(parse_guest_line("{\"event\":\"failed\",\"reason\":\"a\\u001b[31m\\nb\"}")->text.find('\x1b'), std::string::npos);
    for (std::string line : {std::string(), std::string("x"), std::string("[]"), std::string("{}"), std::string("{\"event\":3}"),
                             std::string(5000, ' '), std::string(3000, '['), std::string("{\"event\":\"ready\"")})
        EXPECT_FALSE(parse_guest_line(line)) << line.substr(0, 40);
}

TEST(LineSplitter, CutsLongLinesAndKeepsTheRest) {
    LineSplitter splitter(4);
    std::vector<std::pair<std::string, bool>> lines;
    auto take = [&](std::string_view line, bool whole) { lines.emplace_back(line, whole); };
    splitter.add("ab\ncdefgh\nx", take);
    EXPECT_EQ(lines, (std::vector<std::pair<std::string, bool>>{{"ab", true}, {"cdef", false}, {"gh", true}}));
    EXPECT_EQ(splitter.pending(), "x");
}

TEST(LogRing, KeepsTheNewestAndStaysSmall) {
    TemporaryDirectory folder("/tmp", "seed-log-");
    LogWriter writer(folder.path());
    LogReader reader(folder.path());
    size_t read = 0;
    int64_t newest = 0;
    auto take = [&](int64_t time, std::string_view text) {
        ++read;
        EXPECT_GT(time, newest);
        EXPECT_EQ(text.size(), 1000u);
        newest = time;
    };
    for (int64_t n = 1; n <= 5000; ++n) {
        writer.write(n, std::string(1000, 'x'));
        if (n % 500 == 0) reader.read(take);
    }
    EXPECT_EQ(read, 5000u) << "a reader that keeps up misses nothing";
    EXPECT_EQ(newest, 5000);
    uintmax_t bytes = 0;
    for (const auto &entry : std::filesystem::directory_iterator(folder.path())) bytes += entry.file_size();
    EXPECT_LE(bytes, 2 * log_file_bytes);
    writer.write(6000, "two\nlines");
    std::string last;
    LogReader(folder.path()).read([&](int64_t, std::string_view text) { last = text; });
    EXPECT_EQ(last, "two lines");
}

TEST(LogRing, FollowsNoLinkOfAStranger) {
    TemporaryDirectory folder("/tmp", "seed-log-");
    std::ofstream(folder.path() / "secret") << "1 secret\n";
    std::filesystem::create_symlink("secret", folder.path() / log_file);
    LogReader(folder.path()).read([](int64_t, std::string_view) { FAIL() << "the link was followed"; });
}

TEST(QemuCommand, NamesNoFileButItsOwnDescriptors) {
    VmSpec spec;
    spec.program = "/usr/bin/qemu-system-x86_64";
    spec.store = "/secret/store";
    spec.guest = "/secret/guest";
    spec.boot.volumes = {{.name = "d", .path = "/secret/volume"}};
    qemu::QemuDescriptors fds{3, 4, 5, 6, 7, 8, 9, 10, {11}, {12}, {false}};
    for (const std::string &argument : qemu::qemu_command(spec, fds))
        EXPECT_EQ(argument.find("/secret"), std::string::npos) << argument;
}

}  // namespace
}  // namespace seed::vm
