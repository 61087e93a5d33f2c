// What is masked, in which forms, and what a trace shows of it.
#include "core/providers/secrets.h"

#include "core/providers/measured.h"
#include "fixture.h"

namespace seed::providers {
namespace {

const char *schema = R"({"type":"object","properties":{"key":{"type":"string","x-seed-secret":true},"plain":{"type":"string"},
    "list":{"type":"array","items":{"type":"object","properties":{"token":{"type":"string","x-seed-secret":true}}}}}})";

TEST(Masking, ASecretIsMaskedInEveryFormInWhichItIsUsuallySaid) {
    Secrets secrets(schema, {{"key", "pa\"ss+word/ ?"}, {"plain", "visible"}, {"list", {{{"token", "second-token"}}}}});
    for (const char *text : {"key is pa\"ss+word/ ?.", R"({"key":"pa\"ss+word/ ?"})", "GET /?key=pa%22ss%2Bword%2F%20%3F",
                             "Authorization: Basic cGEic3Mrd29yZC8gPw==",          // the secret
                             "Authorization: Basic dXNlcjpwYSJzcyt3b3JkLyA/",      // user:secret, which begins within a group
                             "X-Token: second-token"}) {
        std::string masked = secrets.masked(text);
        EXPECT_THAT(masked, HasSubstr("***")) << text;
        for (const char *rest : {"ss+word", "ss%2Bword", "second", "c3Mrd29", "Mrd29yZC", "wYSJzcyt3b3"}) EXPECT_EQ(masked.find(rest), masked.npos) << masked;
    }
    EXPECT_EQ(secrets.masked("visible"), "visible");
    json body = {{"a", {"x second-token y"}}, {"second-token", 7}};
    EXPECT_EQ(secrets.masked_json(body), json({{"a", {"x *** y"}}, {"***", 7}}));
}

TEST(Masking, ShortValuesAreNoSecrets) {
    EXPECT_TRUE(Secrets(schema, {{"key", "abc"}}).empty());
    EXPECT_TRUE(Secrets("", {{"key", "abcdefgh"}}).empty());
}

class Tracing : public ProviderTest {
protected:
    Trace trace_{context_.get_executor()};
};

TEST_F(Tracing, CallsOfAWatchedProviderAreToldWithSizesAndCodesAndWithoutSecrets) {
    auto inner = open("dns", {{"secret", "canary-of-the-test"}, {"zones", {"kept.", "canary-of-the-test."}},
                              {"fail", {{"settled", {{{"code", 5}, {"times", 1}, {"text", "no, canary-of-the-test"}, {"retry_after_ms", 70}}}}}}});
    std::vector<std::string> reported;
    auto provider = measured(inner, [&](const CallReport &report) { reported.push_back(std::string(report.plugin) + " " + std::string(report.slot) + (report.stream ? " stream" : "")); }, &trace_);
    ask(provider, "zones");
    EXPECT_EQ(trace_.next(), 1) << "something was noted though nobody looks";
    Trace::Look look(trace_, true);
    ask(provider, "zones");
    EXPECT_EQ(failure_of([&] { ask(provider, "settled", {{"zone", "kept."}}); }).code(), Code::limit);
    ask(provider, "list", {{"zone", "kept."}});
    auto entries = trace_.read(1, 100);
    ASSERT_EQ(entries.size(), 4u);   // the stream begins and ends
    EXPECT_EQ(entries[0]["operation"], "zones");
    EXPECT_EQ(entries[0]["reply"], json({{"zones", {"***.", "kept."}}}));
    EXPECT_EQ(entries[0]["request_bytes"], 2);
    EXPECT_EQ(entries[1]["code"], "limit");
    EXPECT_THAT(entries[1]["text"], HasSubstr("no, ***"));
    EXPECT_EQ(entries[1]["retry_after_ms"], 70);
    EXPECT_EQ(entries[2]["event"], "begin");
    EXPECT_EQ(entries[3]["item_bodies"], json::array());
    for (const auto &entry : entries) EXPECT_EQ(entry.dump().find("canary"), std::string::npos) << entry;
    EXPECT_THAT(reported, testing::ElementsAre("mock-dns zones", "mock-dns zones", "mock-dns settled", "mock-dns list stream"));
}

TEST_F(Tracing, ASlowReaderSeesThatNumbersAreMissing) {
    Trace::Look look(trace_, false);
    for (int i = 0; i < 5000; ++i) trace_.tell({{"n", i}});
    EXPECT_EQ(trace_.next(), 5001);
    EXPECT_GT(trace_.first(), 1);
    auto entries = trace_.read(trace_.first(), 10);
    EXPECT_EQ(entries.at(0)["seq"], trace_.first());
    EXPECT_EQ(trace_.read(1, 10).at(0)["seq"], trace_.first());
    EXPECT_TRUE(trace_.read(5001, 10).empty());
}

}  // namespace
}  // namespace seed::providers
