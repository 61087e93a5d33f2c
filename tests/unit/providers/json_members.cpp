// Slices of an object's text.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>

#include "core/providers/json_members.h"

namespace seed::providers {
namespace {

using json = nlohmann::json;
using testing::HasSubstr;

std::string refusal_of(std::string_view text) {
    try {
        json_members(text);
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code(), Code::invalid);
        return failure.what();
    }
    return "";
}

TEST(JsonMembers, AreTheSlicesThatAParserFinds) {
    json strange = {{"text", "a \"quote\", a \\ and a brace }"}, {"ends with", "\\\\"}, {"list", {1, "]", {{"}", "{"}}, nullptr}}, {"", ""}, {"number", -1.5e9},
                    {"true", true}, {"empty", json::object()}, {"none", json::array()}, {"\"escaped\"\n", 7}};
    for (int indent : {-1, 0, 3}) {
        std::string text = strange.dump(indent);
        auto members = json_members(text);
        ASSERT_EQ(members.size(), strange.size());
        for (const auto &member : members) {
            json name = json::parse("\"" + std::string(member.name) + "\"");
            ASSERT_TRUE(strange.contains(name.get<std::string>())) << text;
            EXPECT_EQ(json::parse(member.value), strange[name.get<std::string>()]) << text;
        }
    }
}

TEST(JsonMembers, AreFoundByTheirNameAlone) {
    auto members = json_members(R"({"call":{"request":{"id":9}},"id":"\"id\":8","id ":7,"id":6})");
    EXPECT_EQ(value_of(members, "id"), R"("\"id\":8")") << "the first of that name, not one within another value";
    EXPECT_EQ(value_of(members, "call"), R"({"request":{"id":9}})");
    EXPECT_EQ(value_of(members, "request"), "");
}

TEST(JsonMembers, RefuseWhatIsNoObject) {
    for (const char *text : {"", " ", "[]", "1", "{", "{}x", "{} {}", R"({"a")", R"({"a":})", R"({"a":,"b":1})", R"({"a" 1})", R"({"a":1)", R"({"a":1,})",
                             R"({"a":"b)", R"({"a":"b\"})", R"({"a":[1)", R"({"a":{"b":1})", R"({a:1})", R"({"a":1}})", R"({"a":]})", R"({"a":"\\\"})"})
        EXPECT_THAT(refusal_of(text), HasSubstr("not JSON")) << text;
    EXPECT_EQ(refusal_of(" {\n} "), "");
}

// Whatever a frame is cut or bent to, nothing outside of it is read (the sanitizers look), and only Failure(invalid) comes.
TEST(JsonMembers, StayWithinTheirText) {
    std::string whole = R"({"call":{"id":7,"slot":"zones","name":"c\\","request":{"zone":"a\"b","deep":[[{"x":[1,2]}]]}}})";
    for (size_t size = 0; size < whole.size(); ++size) {
        std::string cut(whole, 0, size);
        cut.shrink_to_fit();
        EXPECT_NE(refusal_of(cut), "") << cut;
    }
    for (size_t at = 0; at < whole.size(); ++at)
        for (char other : {'"', '\\', '{', '}', ']', ',', ':', ' ', '\0'}) {
            std::string bent = whole;
            bent[at] = other;
            refusal_of(bent);
        }
}

}  // namespace
}  // namespace seed::providers
