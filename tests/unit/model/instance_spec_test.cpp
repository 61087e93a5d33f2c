#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>

#include "core/model/instance_spec.h"

namespace seed::model {
namespace {

using json = nlohmann::json;

const std::string out_path = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-web";

InstanceSpec parse(const std::string &meta) {
    return parse_instance("web", {{"meta", json::parse(meta)}, {"outPath", out_path}, {"drvPath", out_path + ".drv"}});
}

// The message must name the instance, the option and what to do.
void expect_refused(const std::string &meta, std::vector<std::string> parts) {
    try {
        parse(meta);
        ADD_FAILURE() << "accepted: " << meta;
    } catch (const Failure &error) {
        std::string text = error.what();
        parts.push_back("instance web");
        for (const auto &part : parts) EXPECT_NE(text.find(part), text.npos) << "\"" << part << "\" is not in: " << text;
        EXPECT_NE(error.code(), Code::internal) << text;
    }
}

TEST(instances, without_options_are_small_closed_and_recreated) {
    InstanceSpec spec = parse("{}");
    EXPECT_EQ(spec.name, "web");
    EXPECT_EQ(spec.size.name, "xs");
    EXPECT_EQ(spec.size.vcpus, 1u);
    EXPECT_EQ(spec.size.memory_mib, 512u);
    EXPECT_TRUE(spec.expose.empty());
    EXPECT_TRUE(spec.volumes.empty());
    EXPECT_EQ(spec.rollout, Rollout::recreate);
    EXPECT_EQ(spec.out_path, out_path);
    EXPECT_TRUE(spec.image.empty());
}

TEST(instances, have_the_documented_sizes) {
    auto expect = [](const char *name, uint32_t vcpus, uint32_t memory) {
        Size size = size_named(name);
        EXPECT_EQ(size.vcpus, vcpus) << name;
        EXPECT_EQ(size.memory_mib, memory) << name;
    };
    expect("xs", 1, 512), expect("s", 1, 1024), expect("m", 2, 2048), expect("l", 4, 4096), expect("xl", 8, 8192);
    expect_refused(R"({"size":"xxl"})", {"seed.size", "\"xxl\"", "xs", "xl (8 vCPU, 8192 MiB)"});
    expect_refused(R"({"size":3})", {"seed.size"});
}

TEST(expose, reads_each_form) {
    auto one = [](const std::string &expose) {
        InstanceSpec spec = parse("{\"expose\":" + expose + "}");
        EXPECT_EQ(spec.expose.size(), 1u) << expose;
        return spec.expose.empty() ? ExposedPort{} : spec.expose[0];
    };
    EXPECT_EQ(one(R"({"http":8080})"), (ExposedPort{"http", 8080, "http"}));
    EXPECT_EQ(one(R"({"http":{"enable":true}})"), (ExposedPort{"http", 80, "http"}));
    EXPECT_EQ(one(R"({"https":{"enable":true}})"), (ExposedPort{"https", 443, "http"}));
    EXPECT_EQ(one(R"({"https":{"port":8443}})"), (ExposedPort{"https", 8443, "http"}));
    EXPECT_EQ(one(R"({"ssh":{"enable":true}})"), (ExposedPort{"ssh", 22, "tcp"}));
    EXPECT_EQ(one(R"({"dns":{"enable":true}})"), (ExposedPort{"dns", 53, "dns"}));
    EXPECT_EQ(one(R"({"postgresql":{"enable":true}})"), (ExposedPort{"postgresql", 5432, "tcp"}));
    EXPECT_EQ(one(R"({"grpc":50051})"), (ExposedPort{"grpc", 50051, "grpc"}));
    EXPECT_EQ(one(R"({"api":3000})"), (ExposedPort{"api", 3000, "tcp"}));
    EXPECT_EQ(one(R"({"api":{"port":8081}})"), (ExposedPort{"api", 8081, "tcp"}));
    EXPECT_EQ(one(R"({"game":{"port":27015,"protocol":"udp"}})"), (ExposedPort{"game", 27015, "udp"}));
    EXPECT_EQ(one(R"({"http":{"enable":true,"port":null,"protocol":null}})"), (ExposedPort{"http", 80, "http"}));
    EXPECT_TRUE(parse(R"({"expose":{"http":{"enable":false}}})").expose.empty());
}

TEST(expose, is_sorted_by_name) {
    InstanceSpec spec = parse(R"({"expose":{"web":1,"api":2,"ssh":{"enable":true}}})");
    ASSERT_EQ(spec.expose.size(), 3u);
    EXPECT_EQ(spec.expose[0].name, "api");
    EXPECT_EQ(spec.expose[2].name, "web");
}

TEST(expose, refuses_what_cannot_be) {
    expect_refused(R"({"expose":{"http":0}})", {"seed.expose.http", "port 0", "1 to 65535"});
    expect_refused(R"({"expose":{"http":-1}})", {"seed.expose.http", "1 to 65535"});
    expect_refused(R"({"expose":{"http":{"port":65536}}})", {"seed.expose.http", "65536"});
    expect_refused(R"({"expose":{"http":80.5}})", {"seed.expose.http", "1 to 65535"});
    expect_refused(R"({"expose":{"http":18446744073709551696}})", {"seed.expose.http", "1 to 65535"});
    expect_refused(R"({"expose":{"x":{"port":1,"protocol":"sctp"}}})", {"seed.expose.x", "sctp", "tcp, udp, dns"});
    expect_refused(R"({"expose":{"x":{"port":1,"protocol":7}}})", {"seed.expose.x", "protocol"});
    expect_refused(R"({"expose":{"unheard":{"enable":true}}})", {"seed.expose", "unheard", "port = NUMBER"});
    expect_refused(R"({"expose":{"grpc":{"enable":true}}})", {"grpc", "port = NUMBER"});
    expect_refused(R"({"expose":{"http":{"enable":"yes"}}})", {"seed.expose.http.enable"});
    expect_refused(R"({"expose":{"http":"80"}})", {"seed.expose.http"});
    expect_refused(R"({"expose":{"My Port":80}})", {"seed.expose", "My Port"});
    expect_refused(R"({"expose":[80]})", {"seed.expose", "attribute set"});
    expect_refused(R"({"expose":{"a":80,"b":80}})", {"seed.expose.a", "seed.expose.b", "tcp port 80"});
    expect_refused(R"({"expose":{"dns":{"enable":true},"b":{"port":53,"protocol":"udp"}}})", {"udp port 53"});
    EXPECT_EQ(parse(R"({"expose":{"a":{"port":53,"protocol":"tcp"},"b":{"port":53,"protocol":"udp"}}})").expose.size(), 2u);
}

TEST(storage, reads_each_form) {
    InstanceSpec spec = parse(
        R"({"storage":{"data":"1Gi","db":{"size":"20Mi","mountPoint":"//var/lib//db/","user":"postgres","group":"db-users","mode":"750"}}})");
    ASSERT_EQ(spec.volumes.size(), 2u);
    EXPECT_EQ(spec.volumes[0], (VolumeSpec{"data", uint64_t{1} << 30, "/seed/storage/data", "root", "root", "0755"}));
    EXPECT_EQ(spec.volumes[1], (VolumeSpec{"db", uint64_t{20} << 20, "/var/lib/db", "postgres", "db-users", "0750"}));
    EXPECT_EQ(parse(R"({"storage":{"d":{"size":"1Gi","mountPoint":null,"user":null}}})").volumes[0].mount_point,
              "/seed/storage/d");
}

TEST(storage, sizes_are_whole_mebibytes) {
    EXPECT_EQ(parse(R"({"storage":{"d":"8388609"}})").volumes[0].size_bytes, uint64_t{9} << 20);
}

TEST(storage, refuses_what_cannot_be) {
    for (const char *bad : {"", "1G", "1.5Gi", "-1", "0", "many", "99999999Ti"})
        expect_refused(json{{"storage", {{"d", bad}}}}.dump(), {"seed.storage.d", "size", "10Gi"});
    expect_refused(R"({"storage":{"d":"1Mi"}})", {"seed.storage.d", "8Mi"});
    expect_refused(R"({"storage":{"d":{}}})", {"seed.storage.d", "size"});
    expect_refused(R"({"storage":{"d":7}})", {"seed.storage.d"});
    for (const char *bad : {"data",         "/",
                            "//",           "/a/../b",
                            "/a/.",         "/nix",
                            "/nix/store/x", "/proc",
                            "/sys/x",       "/dev",
                            "/run/seed",    "/run/seed/x",
                            "/run",         "/run/booted-system",
                            "/seed",        "/seed/storage",
                            "/a b",         "/a,b",
                            "/a\nb",        "/a\\b"})
        expect_refused(json{{"storage", {{"d", {{"size", "1Gi"}, {"mountPoint", bad}}}}}}.dump(), {"seed.storage.d.mountPoint"});
    for (const char *bad : {"", "Root", "1a", "a b", "a:b", "../x", "abcdefghijklmnopqrstuvwxyz0123456"}) {
        expect_refused(json{{"storage", {{"d", {{"size", "1Gi"}, {"user", bad}}}}}}.dump(), {"seed.storage.d.user"});
        expect_refused(json{{"storage", {{"d", {{"size", "1Gi"}, {"group", bad}}}}}}.dump(), {"seed.storage.d.group"});
    }
    for (const char *bad : {"", "75", "0788", "rwx", "00755", "u+s"})
        expect_refused(json{{"storage", {{"d", {{"size", "1Gi"}, {"mode", bad}}}}}}.dump(), {"seed.storage.d.mode", "0750"});
    expect_refused(R"({"storage":{"d":{"size":"1Gi","mode":755}}})", {"seed.storage.d.mode"});
    expect_refused(R"({"storage":{"../../etc":"1Gi"}})", {"seed.storage"});
    expect_refused(R"({"storage":{"a":{"size":"1Gi","mountPoint":"/x/"},"b":{"size":"1Gi","mountPoint":"/x"}}})",
                   {"seed.storage.a", "seed.storage.b", "/x"});
    expect_refused(R"({"storage":{"a":"1Gi","b":{"size":"1Gi","mountPoint":"/seed/storage/a"}}})", {"/seed/storage/a"});
}

TEST(storage, may_lie_beside_what_is_the_platforms) {
    for (const char *good : {"/nixos", "/run/seedling", "/var/lib/nix", "/devices", "/seed/other"})
        EXPECT_EQ(parse(json{{"storage", {{"d", {{"size", "1Gi"}, {"mountPoint", good}}}}}}.dump()).volumes[0].mount_point, good);
}

TEST(rollout, refuses_two_boots_on_one_volume) {
    EXPECT_EQ(parse(R"({"rollout":"rolling"})").rollout, Rollout::rolling);
    EXPECT_EQ(parse(R"({"rollout":"recreate","storage":{"d":"1Gi"}})").rollout, Rollout::recreate);
    expect_refused(R"({"rollout":"rolling","storage":{"d":"1Gi"}})", {"seed.rollout", "seed.storage.d", "recreate"});
    expect_refused(R"({"rollout":"blue"})", {"seed.rollout", "blue", "rolling"});
}

TEST(autostart, is_true_unless_switched_off) {
    EXPECT_TRUE(parse("{}").autostart);
    EXPECT_TRUE(parse(R"({"autostart":null})").autostart);
    EXPECT_FALSE(parse(R"({"autostart":false})").autostart);
    expect_refused(R"({"autostart":"no"})", {"seed.autostart", "true or false"});
}

TEST(instances, ignore_members_of_meta_that_later_versions_add) {
    EXPECT_NO_THROW(
        parse(R"({"name":"other","connect":{"db":"db"},"dns":{"names":[]},"shoot":{"enable":true},"system":"x86_64-linux"})"));
}

TEST(instances, refuse_evaluations_that_are_not_seeds) {
    EXPECT_THROW(parse_instance("web", json::array()), Failure);
    EXPECT_THROW(parse_instance("web", {{"outPath", out_path}}), Failure);
    EXPECT_THROW(parse_instance("web", {{"meta", 1}, {"outPath", out_path}}), Failure);
    EXPECT_THROW(parse_instance("Web", {{"meta", json::object()}, {"outPath", out_path}}), Failure);
    for (const char *bad : {"", "/nix/store/x", "/etc/passwd", "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-a/../../b",
                            "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-a b", "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-",
                            "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-.."})
        EXPECT_THROW(parse_instance("web", {{"meta", json::object()}, {"outPath", bad}}), Failure) << bad;
    EXPECT_THROW(parse_instance("web", {{"meta", json::object()}, {"outPath", out_path}, {"drvPath", out_path}}), Failure);
}

TEST(flakes, without_seeds_are_refused) {
    for (const json &nothing : {json(), json::object(), json::array(), json("x")}) EXPECT_THROW(parse_flake(nothing), Failure);
    json one = {{"web", {{"meta", json::object()}, {"outPath", out_path}}}};
    EXPECT_EQ(parse_flake(one).size(), 1u);
}

TEST(specs, survive_storage_and_keep_their_hash) {
    InstanceSpec spec = parse(R"({"size":"m","expose":{"http":8080},"storage":{"d":"1Gi"}})");
    spec.image = "abc";
    InstanceSpec again = spec_from_json(to_json(spec));
    EXPECT_EQ(to_json(again), to_json(spec));
    EXPECT_EQ(again.desired_hash(), spec.desired_hash());
}

TEST(hashes, change_with_what_is_wanted_and_not_with_how_it_was_made) {
    InstanceSpec spec = parse(R"({"expose":{"http":8080},"storage":{"d":"1Gi"}})");
    std::string hash = spec.desired_hash();
    InstanceSpec same = spec;
    same.drv_path = "/nix/store/other.drv";
    same.image = "image";
    EXPECT_EQ(same.desired_hash(), hash);
    for (const char *later : {R"({"expose":{"http":8080},"storage":{"d":"1Gi"},"autostart":false})",
                              R"({"expose":{"http":8080},"storage":{"d":"1Gi"},"connect":{}})"})
        EXPECT_EQ(parse(later).desired_hash(), hash) << "a boot is the same with " << later;
    std::vector<InstanceSpec> others(6, spec);
    others[0].out_path += "x";
    others[1].size = size_named("s");
    others[2].expose[0].port = 81;
    others[3].volumes[0].mode = "0700";
    others[4].connect = {{"db", "db", 0}};
    others[5].name = "api";
    for (const auto &other : others) EXPECT_NE(other.desired_hash(), hash);
    EXPECT_EQ(generation_hash({{"web", spec}}), generation_hash({{"web", same}}));
    EXPECT_NE(generation_hash({{"web", spec}}), generation_hash({{"web", others[0]}}));
    EXPECT_NE(generation_hash({{"web", spec}}), generation_hash({}));
    for (auto change : {+[](InstanceSpec &one) { one.rollout = Rollout::rolling; }, +[](InstanceSpec &one) { one.autostart = false; }}) {
        InstanceSpec changed = spec;
        change(changed);
        EXPECT_EQ(changed.desired_hash(), hash) << "nothing to restart";
        EXPECT_NE(generation_hash({{"web", changed}}), generation_hash({{"web", spec}})) << "but another wish";
        EXPECT_EQ(to_json(spec_from_json(to_json(changed))), to_json(changed));
    }
}

}  // namespace
}  // namespace seed::model
