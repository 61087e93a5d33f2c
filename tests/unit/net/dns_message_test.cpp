// The DNS parser: what it takes, what it refuses, and that no bytes at all make it read outside (run with ./check --asan).
#include <gtest/gtest.h>

#include <random>

#include "plugins/support/net/dns_message.h"

namespace seed::net::dns {
namespace {

std::string packet(const std::string &name_wire, uint16_t type = 28, const std::string &tail = "", char additional = 0) {
    std::string text("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00", 11);
    text += additional;
    text += name_wire;
    text += char(type >> 8);
    text += char(type);
    return text + std::string("\0\1", 2) + tail;
}
const std::string web("\3WeB\5local\0", 11);
const std::string opt("\0\0\x29\x10\0\0\0\0\0\0\0", 11);

TEST(ParseQuestion, takes_a_plain_question_and_lowers_its_name) {
    auto question = parse_question(packet(web));
    ASSERT_TRUE(question);
    EXPECT_EQ(question->id, 0x1234);
    EXPECT_EQ(question->name, "web.local");
    EXPECT_EQ(question->type, 28);
    EXPECT_TRUE(question->recursion_desired);
    EXPECT_FALSE(question->edns);
    EXPECT_EQ(question->answer_limit, 512);
}

TEST(ParseQuestion, takes_one_opt_record_and_bounds_its_size) {
    auto question = parse_question(packet(web, 28, opt, 1));
    ASSERT_TRUE(question);
    EXPECT_TRUE(question->edns);
    EXPECT_EQ(question->answer_limit, 1232);
}

TEST(ParseQuestion, refuses_everything_else) {
    EXPECT_FALSE(parse_question(""));
    EXPECT_FALSE(parse_question(packet(web) + "x"));
    EXPECT_FALSE(parse_question(packet(web, 28, "", 1)));
    EXPECT_FALSE(parse_question(packet(web, 28, opt + opt, 2)));
    EXPECT_FALSE(parse_question(packet(std::string("\xc0\x0c", 2))));  // compression
    EXPECT_FALSE(
        parse_question(packet(std::string("\x40"
                                          "a\0",
                                          3))));  // reserved label kind
    std::string long_name;
    for (int n = 0; n < 5; ++n) long_name += '\x3f' + std::string(63, 'a');
    EXPECT_FALSE(parse_question(packet(long_name + '\0')));
    for (const std::string whole = packet(web, 28, opt, 1); size_t size : {11, 12, 15, 22, 23, 26, 30, 37})
        EXPECT_FALSE(parse_question(std::string_view(whole).substr(0, size))) << size;
    std::string answer = packet(web);
    answer[2] = char(0x81);
    EXPECT_FALSE(parse_question(answer));
}

TEST(ParseQuestion, lets_no_odd_byte_look_like_a_dot) {
    auto question = parse_question(packet(std::string("\3a.b\0", 5)));
    ASSERT_TRUE(question);
    EXPECT_EQ(question->name, "a?b");
}

TEST(MakeAnswer, repeats_the_question_and_points_to_it) {
    const auto question = parse_question(packet(web, 28, opt, 1));
    const std::string answer = make_answer(*question, Result::ok, {*parse_address6("fd00::1")}, 5);
    EXPECT_EQ(answer.substr(0, 12), std::string("\x12\x34\x81\x80\0\1\0\1\0\0\0\1", 12));
    EXPECT_EQ(answer.substr(12, web.size()), web);
    EXPECT_EQ(answer.size(), 12 + question->wire.size() + 28 + 11);
}

TEST(AcceptAnswer, takes_only_the_answer_to_this_question) {
    const auto question = parse_question(packet(web));
    std::string answer = make_query(*question, 0x7777);
    EXPECT_FALSE(accept_answer(answer, *question, 0x7777, 512)) << "a question is no answer";
    answer[2] = char(0x81);
    auto accepted = accept_answer(answer, *question, 0x7777, 512);
    ASSERT_TRUE(accepted);
    EXPECT_EQ(accepted->substr(0, 2), "\x12\x34");
    EXPECT_FALSE(accept_answer(answer, *question, 0x7778, 512));
    EXPECT_FALSE(accept_answer(std::string_view(answer).substr(0, 20), *question, 0x7777, 512));
    std::string other = answer;
    other[13] = 'x';
    EXPECT_FALSE(accept_answer(other, *question, 0x7777, 512));
    auto cut = accept_answer(answer + std::string(600, 'x'), *question, 0x7777, 512);
    ASSERT_TRUE(cut);
    EXPECT_EQ(cut->size(), 12 + question->wire.size());
    EXPECT_TRUE((*cut)[2] & 2) << "marked as truncated";
}

TEST(Parser, survives_a_hundred_thousand_mutated_packets) {
    const unsigned seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const std::vector<std::string> corpus = {packet(web), packet(web, 28, opt, 1), packet(std::string("\0", 1)),
                                             packet('\x3f' + std::string(63, 'a') + '\0')};
    for (int round = 0; round < 100000; ++round) {
        std::string bytes = corpus[random() % corpus.size()];
        for (unsigned n = random() % 6; n; --n) {
            const size_t at = random() % bytes.size();
            switch (random() % 4) {
                case 0:
                    bytes[at] = char(random());
                    break;
                case 1:
                    bytes.resize(at + 1);
                    break;
                case 2:
                    bytes.insert(at, 1, char(random()));
                    break;
                default:
                    bytes += bytes.substr(at);
            }
        }
        const std::string exact(bytes);  // its own allocation: one byte too far is seen
        if (auto question = parse_question(exact)) {
            ASSERT_LE(question->wire.size() + 12, exact.size());
            ASSERT_LE(question->name.size(), 253u);
            ASSERT_TRUE(parse_question(make_query(*question, 7)));
            accept_answer(exact, *question, question->id, 512);
        }
        refusal_for_garbage(exact);
    }
}

}  // namespace
}  // namespace seed::net::dns
