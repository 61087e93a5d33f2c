#include <gmock/gmock.h>

#include <seed/util/failure.h>
#include <seed/util/text.h>

using namespace seed;
using testing::ElementsAre;

TEST(Text, splits_and_trims) {
    EXPECT_THAT(split("a,,b", ','), ElementsAre("a", "", "b"));
    EXPECT_THAT(split("", ','), ElementsAre(""));
    EXPECT_EQ(trim(" \t a b\r\n"), "a b");
    EXPECT_EQ(trim(" \n"), "");
    EXPECT_EQ(to_lower("ABZ[é"), "abz[é");
}

TEST(Text, encodes_bytes_as_the_standards_say) {
    EXPECT_EQ(to_hex(std::string("\x00\xff", 2)), "00ff");
    // RFC 4648, section 10
    EXPECT_EQ(base32_lower("f"), "my");
    EXPECT_EQ(base32_lower("foobar"), "mzxw6ytboi");
    EXPECT_EQ(base32_lower(""), "");
    EXPECT_EQ(base64("foob"), "Zm9vYg==");
    EXPECT_EQ(base64(""), "");
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    for (size_t size = 0; size < 70; ++size) {
        std::string bytes = random_bytes(size);
        EXPECT_EQ(base64_decode(base64(bytes)), bytes);
    }
    EXPECT_NE(random_hex(16), random_hex(16));
}

TEST(Text, refuses_base64_that_is_not_the_only_spelling) {
    for (const char *bad : {"Zg=", "Zg", "Z===", "Zh==", "Zm9=", "Zm 9", "Zg==Zg==", "====", "Zm9v!A=="})
        EXPECT_FALSE(base64_decode(bad)) << bad;
    EXPECT_EQ(base64_decode(""), "");
}

TEST(Text, makes_strangers_text_harmless) {
    EXPECT_EQ(printable("tab\tstays, \x1b[2J\r\nnot"), "tab\tstays, ?[2J??not");
    EXPECT_EQ(printable("grün 日本 🌱"), "grün 日本 🌱");
    EXPECT_EQ(printable("\xff\xc0\x80\xed\xa0\x80"), "??????");
    EXPECT_EQ(printable("cut\xe2\x82"), "cut??");
    EXPECT_EQ(printable("\u202egpj.exe\u009b"), "?gpj.exe?");
    EXPECT_EQ(printable("日本", 4), "日");
    EXPECT_EQ(printable(std::string(10000, 'x')).size(), 4096u);
}

TEST(Text, reads_sizes_strictly) {
    EXPECT_EQ(parse_size("10Gi"), 10ull << 30);
    EXPECT_EQ(parse_size("512Ki"), 512u << 10);
    EXPECT_EQ(parse_size("1024"), 1024u);
    EXPECT_EQ(parse_size("1024Ti"), 1ull << 50);
    for (const char *bad :
         {"", "0", "-1", "1.5Gi", "1 Gi", "1GiB", "1G", "Gi", "1025Ti", "99999999999999999999", "18446744073709551617", "0x10"})
        EXPECT_FALSE(parse_size(bad)) << bad;
    EXPECT_EQ(format_size(1536u << 20), "1.5 GiB");
    EXPECT_EQ(format_size(1u << 30), "1 GiB");
    EXPECT_EQ(format_size(17), "17 B");
}

TEST(Text, writes_times_for_people) {
    EXPECT_EQ(format_duration_ms(420), "0.42 s");
    EXPECT_EQ(format_duration_ms(12345), "12.3 s");
    EXPECT_EQ(format_duration_ms(184000), "3 min 4 s");
    EXPECT_EQ(format_duration_ms(7500000), "2 h 5 min");
    EXPECT_EQ(iso_time(1795256100123), "2026-11-21T10:15:00.123Z");
    EXPECT_EQ(iso_time(-1), "1969-12-31T23:59:59.999Z");
}

TEST(Failure, keeps_its_code_and_gains_context) {
    Failure failure = Failure(Code::limit, "too much", 50).within("while applying x");
    EXPECT_STREQ(failure.what(), "while applying x: too much");
    EXPECT_EQ(failure.code(), Code::limit);
    EXPECT_EQ(failure.retry_after_ms(), 50);
    for (int n = 0; n <= 10; ++n) EXPECT_EQ(code_from_string(to_string(code_from_int(n))), code_from_int(n));
    EXPECT_EQ(code_from_int(77), Code::internal);
    EXPECT_EQ(code_from_int(-1), Code::internal);
    EXPECT_EQ(code_from_string("nonsense"), Code::internal);
    try {
        fail_errno("cannot open x", ENOENT);
    } catch (const Failure &thrown) {
        EXPECT_EQ(thrown.code(), Code::not_found);
        EXPECT_STREQ(thrown.what(), "cannot open x: No such file or directory");
    }
}
