#include <seed/codec.hpp>

#include <gmock/gmock.h>
#include <seed/dns.hpp>
#include <seed/git.hpp>
#include <seed/runtime.hpp>

namespace seed {
namespace {

std::string message_of(const std::string &text) {
    try {
        from_json_text<dns::ApplyRequest>(text, "request");
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code(), Code::invalid);
        return failure.what();
    }
    return "";
}

TEST(Codec, MissingMembersKeepTheirDefaultsAndUnknownOnesAreIgnored) {
    auto set = from_json_text<dns::RecordSet>(R"({"name":"a.","new_member":[1,2]})", "set");
    EXPECT_EQ(set.name, "a.");
    EXPECT_EQ(set.ttl, 60u);
}

TEST(Codec, AWrongTypeNamesTheWayToTheMember) {
    EXPECT_THAT(message_of(R"({"sets":[{},{"ttl":"x"}]})"), testing::HasSubstr("'sets[1].ttl' must be a whole number"));
    EXPECT_THAT(message_of(R"({"sets":[{"values":["a",3]}]})"),
                testing::HasSubstr("'sets[0].values[1]' must be a string, not 3"));
    EXPECT_THAT(message_of(R"({"zone":null})"), testing::HasSubstr("'zone' must be a string"));
    EXPECT_THAT(message_of(R"({"sets":{}})"), testing::HasSubstr("'sets' must be an array"));
    EXPECT_THAT(message_of(R"([1])"), testing::HasSubstr("must be an object"));
}

TEST(Codec, NumbersOutOfRangeAreRefusedInsteadOfCutOff) {
    EXPECT_THAT(message_of(R"({"sets":[{"ttl":-1}]})"), testing::HasSubstr("from 0 to 4294967295"));
    EXPECT_THAT(message_of(R"({"sets":[{"ttl":4294967296}]})"), testing::HasSubstr("from 0 to 4294967295"));
    EXPECT_THAT(message_of(R"({"sets":[{"ttl":1.5}]})"), testing::HasSubstr("whole number"));
    EXPECT_THAT(message_of(R"({"sets":[{"ttl":true}]})"), testing::HasSubstr("whole number"));
    EXPECT_THROW(from_json_text<runtime::Expose>(R"({"port":65536})", "expose"), Failure);
    EXPECT_EQ(from_json_text<runtime::Expose>(R"({"port":65535})", "expose").port, 65535);
    EXPECT_THROW(from_json_text<git::ServeReply>(R"({"exit_code":2147483648})", "reply"), Failure);
    EXPECT_EQ(from_json_text<git::ServeReply>(R"({"exit_code":-1})", "reply").exit_code, -1);
}

TEST(Codec, AMapKeepsItsKeysInTheMessage) {
    EXPECT_EQ(from_json_text<runtime::StartRequest>(R"({"environment":{"A":"b"}})", "start").environment.at("A"), "b");
    try {
        from_json_text<runtime::StartRequest>(R"({"environment":{"A":1}})", "start");
        FAIL();
    } catch (const Failure &failure) {
        EXPECT_THAT(failure.what(), testing::HasSubstr("environment.A"));
    }
}

TEST(Codec, GarbageAndDeepNestingAreInvalid) {
    EXPECT_THAT(message_of("{"), testing::HasSubstr("not JSON"));
    EXPECT_THAT(message_of("\"\xff\""), testing::HasSubstr("not JSON"));
    EXPECT_THAT(message_of(std::string(100000, '[')), testing::HasSubstr("deeper than 64"));
    EXPECT_NO_THROW(parse_json("\"" + std::string(1000, '[') + "\"", "text"));
    EXPECT_NO_THROW(parse_json("\"\\\"" + std::string(1000, '[') + "\"", "text"));
}

TEST(Codec, BytesThatAreNoTextAreReplacedNotRefused) {
    runtime::LogLine line{1, "b", "bad \xff byte"};
    EXPECT_NO_THROW(json::parse(to_json_text(line)));
}

}  // namespace
}  // namespace seed
