#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>

#include "core/model/environment.h"

namespace seed::model {
namespace {

using json = nlohmann::json;

const std::string store = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-";

json seed(const std::string &name, const std::string &meta) {
    return {{"meta", json::parse(meta)}, {"outPath", store + name}};
}

std::map<std::string, InstanceSpec> flake(const std::string &connect, const std::string &database = R"({"expose":{"postgresql":{"enable":true}}})") {
    return parse_flake({{"web", seed("web", R"({"connect":)" + connect + "}")}, {"db", seed("db", database)}});
}

void expect_refused(const std::string &connect, std::vector<std::string> parts, const std::string &database = R"({"expose":{"x":5432}})") {
    try {
        flake(connect, database);
        ADD_FAILURE() << "accepted: " << connect;
    } catch (const Failure &error) {
        parts.push_back("instance web: seed.connect");
        for (const auto &part : parts) EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << part << " is not in: " << error.what();
        EXPECT_EQ(error.code(), Code::invalid);
    }
}

TEST(connect, becomes_a_variable_and_a_file_for_each_form) {
    auto instances = flake(R"({"my-db":"db","main":{"service":"seed-db","port":5432},"far":{"service":"api.example.org","port":443}})");
    const InstanceSpec &web = instances.at("web");
    auto environment = environment_of(web, {"s-abc", "seed.example", "192.0.2.7"});
    EXPECT_EQ(environment, (std::map<std::string, std::string>{{"SEED_NAMESPACE", "s-abc"},
                                                              {"SEED_INSTANCE", "web"},
                                                              {"SEED_NODE_IP", "192.0.2.7"},
                                                              {"SEED_MY_DB_HOST", "db"},
                                                              {"SEED_MAIN_HOST", "seed-db"},
                                                              {"SEED_FAR_HOST", "api.example.org"}}));
    EXPECT_EQ(connections_of(web), (std::map<std::string, std::string>{{"my-db", "db"}, {"main", "seed-db:5432"}, {"far", "api.example.org:443"}}));
    EXPECT_EQ(to_json(spec_from_json(to_json(web))), to_json(web));
}

TEST(connect, to_what_cannot_be_reached_is_refused_with_what_could_be_meant) {
    expect_refused(R"({"db":"dbb"})", {"no instance dbb", "db, web"});
    expect_refused(R"({"db":"seed-dbb"})", {"no instance seed-dbb"});
    expect_refused(R"({"db":{"service":"db","port":5433}})", {"does not expose port 5433", "5432"});
    expect_refused(R"({"db":"db"})", {"exposes nothing", "seed.expose"}, "{}");
}

TEST(connect, refuses_what_is_no_name_or_port) {
    for (const char *bad : {"7", "null", "\"\"", "\"a b\"", "\"../x\"", "\"-a\"", "\"a\\nSEED_X=1\"", "[\"db\"]"})
        expect_refused(std::string(R"({"db":{"service":)") + bad + "}}", {"seed.connect.db"});
    for (const char *bad : {"0", "65536", "-1", "5432.5", "\"5432\"", "18446744073709551617"})
        expect_refused(std::string(R"({"db":{"service":"db","port":)") + bad + "}}", {"seed.connect.db", "port"});
    expect_refused(R"({"db":{}})", {"seed.connect.db", "service"});
    expect_refused(R"({"DB":"db"})", {"seed.connect", "DB"});
    expect_refused(R"({"../etc":"db"})", {"seed.connect"});
}

TEST(environment, tells_the_full_name_to_those_who_speak_http) {
    auto names = [](const char *meta) { return environment_of(parse_instance("web", seed("web", meta)), {"s-abc", "seed.example", "n"}); };
    EXPECT_EQ(names(R"({"expose":{"http":8080}})")["SEED_FQDN"], "web.s-abc.seed.example");
    EXPECT_EQ(names(R"({"expose":{"x":{"port":1,"protocol":"grpc"}}})")["SEED_FQDN"], "web.s-abc.seed.example");
    EXPECT_FALSE(names(R"({"expose":{"ssh":{"enable":true}}})").contains("SEED_FQDN"));
}

}  // namespace
}  // namespace seed::model
