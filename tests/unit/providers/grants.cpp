// What a provider asks for in its schema, what the hoster grants by configuring it, and that nothing else is granted.
#include "core/providers/grants.h"

#include "core/providers/manifest.h"
#include "fixture.h"

namespace seed::providers {
namespace {

using Granting = ProviderTest;
namespace fs = std::filesystem;

const json schema = json::parse(R"({"type":"object","x-seed-needs":{"network":"none","memory_mib":64,"processes":7},"properties":{
    "path":{"type":"string","x-seed-path":"write"},"plain":{"type":"string"},
    "keys":{"type":"array","items":{"type":"object","properties":{"file":{"type":"string","x-seed-path":"read"}}}}}})");

TEST_F(Granting, OnlyConfiguredMembersThatAskArePaths) {
    json config = {{"path", "/srv/volumes"}, {"plain", "/etc/shadow"}, {"keys", {{{"file", "/etc/key"}}}}, {"unknown", "/root"}};
    Grants grants = grants_of("p", schema, config);
    EXPECT_EQ(grants.write_paths, std::vector<std::string>{"/srv/volumes"});
    EXPECT_EQ(grants.read_paths, std::vector<std::string>{"/etc/key"});
    EXPECT_FALSE(grants.network);
    EXPECT_EQ(grants.memory_bytes, 64u << 20);
    EXPECT_EQ(grants.processes, 7u);
    EXPECT_TRUE(grants_of("p", json::object(), config).write_paths.empty());
    EXPECT_TRUE(grants_of("p", json::object(), config).network);
}

TEST_F(Granting, PortsAreTakenFromNumbersAddressesAndAddressesOfPages) {
    json asks = json::parse(R"({"x-seed-needs":{"tcp_ports":[443]},"properties":{"server":{"type":"string","x-seed-port":53},"url":{"type":"string","x-seed-port":80},
        "port":{"type":"integer","x-seed-port":1},"more":{"type":"array","items":{"type":"string","x-seed-port":53}}}})");
    using Ports = std::vector<uint16_t>;
    auto ports = [&](const json &config) { return grants_of("p", asks, config).tcp_ports.value(); };
    EXPECT_EQ(ports(json::object()), Ports({443}));
    EXPECT_EQ(ports({{"server", "192.0.2.1"}}), Ports({53, 443}));
    EXPECT_EQ(ports({{"server", "192.0.2.1:8053"}}), Ports({8053, 443}));
    EXPECT_EQ(ports({{"server", "2001:db8::1"}}), Ports({53, 443}));
    EXPECT_EQ(ports({{"server", "[2001:db8::1]:54"}}), Ports({54, 443}));
    EXPECT_EQ(ports({{"server", "[2001:db8::1]"}}), Ports({53, 443}));
    EXPECT_EQ(ports({{"server", "host:99999"}}), Ports({53, 443}));
    EXPECT_EQ(ports({{"url", "https://dns.example/a:7"}}), Ports({443, 443}));
    EXPECT_EQ(ports({{"url", "http://dns.example:8081/"}}), Ports({8081, 443}));
    EXPECT_EQ(ports({{"port", 8443}, {"more", {"a:1", "b"}}}), Ports({1, 53, 8443, 443}));
    EXPECT_FALSE(grants_of("p", schema, json::object()).tcp_ports);
}

TEST_F(Granting, APathThatIsNotAbsoluteOrLeadsUpIsRefusedByItsMember) {
    for (const char *path : {"volumes", "../volumes", "/srv/../etc"}) {
        Failure failure = failure_of([&] { grants_of("p", schema, {{"path", path}}); });
        EXPECT_EQ(failure.code(), Code::invalid);
        EXPECT_THAT(failure.what(), HasSubstr("'path'"));
    }
}

TEST_F(Granting, ThePlatformsOwnStateCannotBeGranted) {
    auto state = temporary_.path() / "seed";
    make_directory(state / "storage");
    make_directory(state / "core");
    for (auto path : {state, temporary_.path(), fs::path("/")}) {
        Grants grants;
        grants.write_paths = {path.string()};
        Failure failure = failure_of([&] { prepare_paths("p", grants, (state / "storage").string(), 0); });
        EXPECT_EQ(failure.code(), Code::denied) << path;
        EXPECT_THAT(failure.what(), HasSubstr("own state"));
    }
    Grants inside;
    inside.write_paths = {(state / "storage/volumes").string()};
    EXPECT_NO_THROW(prepare_paths("p", inside, (state / "storage").string(), 0));
}

TEST_F(Granting, AFolderOfSomebodyElseOrALinkIsRefusedWithTheRemedy) {
    auto state = temporary_.path() / "seed/storage";
    make_directory(state);
    Grants grants;
    grants.write_paths = {(temporary_.path() / "link").string()};
    fs::create_directory_symlink("/etc", temporary_.path() / "link");
    EXPECT_THAT(failure_of([&] { prepare_paths("p", grants, state.string(), 1); }).what(), HasSubstr("symbolic link"));
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    auto foreign = temporary_.path() / "foreign";
    make_directory(foreign);
    write_file(foreign / "file", "x");
    grants.write_paths = {foreign.string()};
    Failure failure = failure_of([&] { prepare_paths("p", grants, state.string(), 12345); });
    EXPECT_EQ(failure.code(), Code::denied);
    EXPECT_THAT(failure.what(), HasSubstr("chown -R 12345 " + foreign.string()));
}

TEST_F(Granting, ACagedProviderWritesWhereTheHosterSaidAndNowhereElse) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    auto volumes = temporary_.path() / "disk/volumes";
    ProviderSettings wanted = settings("storage", "storage-localpath", {{"path", volumes.string()}});
    auto provider = open(wanted);
    json made = ask(provider, "create", {{"volume", "a/b/c"}, {"size_bytes", 16 << 20}});
    struct stat status {};
    ASSERT_EQ(stat(made["path"].get<std::string>().c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, wanted.uid);
    EXPECT_EQ(made["path"].get<std::string>().rfind(volumes.string(), 0), 0u);
    provider->shut_down();

    // Without its manifest nobody knows what it asks for: the same folder is closed to it.
    auto copied = temporary_.path() / "plugins";
    make_directory(copied);
    fs::copy_file(wanted.path, copied / "storage-localpath.so");
    wanted.path = (copied / "storage-localpath.so").string();
    wanted.state_directory += "-2";
    EXPECT_THROW(
        {
            auto closed = open(wanted);
            ask(closed, "create", {{"volume", "a/b/d"}, {"size_bytes", 16 << 20}});
        },
        Failure);
}

TEST_F(Granting, AManifestThatDiffersFromThePluginIsRefused) {
    auto folder = temporary_.path() / "plugins";
    make_directory(folder);
    ProviderSettings wanted = settings("dns", "mock-dns");
    fs::copy_file(wanted.path, folder / "mock-dns.so");
    json manifest = read_manifest(wanted.path).value();
    wanted.path = (folder / "mock-dns.so").string();
    manifest["providers"][0]["version"] = "9.9.9";
    write_file(folder / "mock-dns.json", manifest.dump());
    Failure failure = failure_of([&] { open(wanted); });
    EXPECT_EQ(failure.code(), Code::invalid);
    EXPECT_THAT(failure.what(), HasSubstr("install plugin and manifest together"));
    write_file(folder / "mock-dns.json", "{\"providers\":7}");
    EXPECT_THAT(failure_of([&] { open(wanted); }).what(), HasSubstr("no plugin manifest"));
}

}  // namespace
}  // namespace seed::providers
