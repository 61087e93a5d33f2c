#include "core/providers/loader.h"

#include "fixture.h"

namespace seed::providers {
namespace {

using Loader = ProviderTest;
const std::string plugins = SEED_BUILD_DIR "/plugins/";

TEST_F(Loader, FindsAPluginInADirectoryOrInAFolderOfItsName) {
    EXPECT_EQ(find_plugin({"/nonexistent", SEED_BUILD_DIR "/plugins"}, "mock-dns"), plugins + "mock-dns.so");
    auto folder = temporary_.path() / "mock-dns";
    make_directory(folder);
    std::filesystem::copy_file(plugins + "mock-dns.so", folder / "mock-dns.so");
    EXPECT_EQ(find_plugin({temporary_.path().string()}, "mock-dns"), (folder / "mock-dns.so").string());
}

TEST_F(Loader, AMissingPluginIsNotFoundAndTheDirectoriesAreNamed) {
    Failure failure = failure_of([] { find_plugin({"/nonexistent"}, "dns-none"); });
    EXPECT_EQ(failure.code(), Code::not_found);
    EXPECT_THAT(failure.what(), HasSubstr("/nonexistent"));
}

TEST_F(Loader, ANameThatIsAPathIsRefused) {
    EXPECT_EQ(failure_of([] { find_plugin({"/usr/lib"}, "../evil"); }).code(), Code::invalid);
    EXPECT_EQ(failure_of([] { find_plugin({"relative"}, "mock-dns"); }).code(), Code::invalid);
    EXPECT_EQ(failure_of([] { check_plugin_file("mock-dns.so"); }).code(), Code::invalid);
}

TEST_F(Loader, AFileOrFolderThatOthersCanWriteIsRefusedWithTheRemedy) {
    auto folder = temporary_.path() / "folder";
    make_directory(folder);
    auto file = folder / "mock-dns.so";
    std::filesystem::copy_file(plugins + "mock-dns.so", file);
    EXPECT_NO_THROW(check_plugin_file(file.string()));
    chmod(file.c_str(), 0757);
    Failure failure = failure_of([&] { check_plugin_file(file.string()); });
    EXPECT_EQ(failure.code(), Code::denied);
    EXPECT_THAT(failure.what(), HasSubstr("chmod go-w " + file.string()));
    chmod(file.c_str(), 0755);
    chmod(folder.c_str(), 0777);
    failure = failure_of([&] { check_plugin_file(file.string()); });
    EXPECT_THAT(failure.what(), HasSubstr("chmod go-w " + folder.string()));
}

TEST_F(Loader, AFileOfAnotherUserIsRefused) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    auto file = temporary_.path() / "mock-dns.so";
    std::filesystem::copy_file(plugins + "mock-dns.so", file);
    change_owner(file, 12345, 12345);
    EXPECT_EQ(failure_of([&] { check_plugin_file(file.string()); }).code(), Code::denied);
}

TEST_F(Loader, EveryMockExportsExactlyOneSymbol) {
    for (const char *kind : {"runtime", "dns", "git", "storage"})
        EXPECT_NO_THROW(check_plugin_symbols(plugins + "mock-" + kind + ".so"));
}

TEST_F(Loader, ASecondSymbolIsNamed) {
    EXPECT_THAT(failure_of([] { check_plugin_symbols(plugins + "bad/bad-exports.so"); }).what(), HasSubstr("another_symbol"));
}

TEST_F(Loader, AnotherAbiRevisionIsRefusedWithBothVersions) {
    Failure failure = failure_of([] { load_plugin(plugins + "bad/bad-revision.so", "bad-revision", "dns"); });
    EXPECT_THAT(failure.what(), HasSubstr("v7"));
    EXPECT_THAT(failure.what(), HasSubstr("v1"));
}

TEST_F(Loader, AnotherContractRevisionIsRefusedWithBothVersions) {
    Failure failure = failure_of([] { load_plugin(plugins + "bad/bad-contract.so", "bad-contract", "dns"); });
    EXPECT_THAT(failure.what(), HasSubstr("seed.dns/9"));
    EXPECT_THAT(failure.what(), HasSubstr("seed.dns/0"));
}

TEST_F(Loader, AnotherIdIsRefusedWithWhatIsThere) {
    Failure failure = failure_of([] { load_plugin(plugins + "mock-dns.so", "dns-powerdns", "dns"); });
    EXPECT_THAT(failure.what(), HasSubstr("dns-powerdns"));
    EXPECT_THAT(failure.what(), HasSubstr("only mock-dns"));
}

TEST_F(Loader, WhatIsNoSharedObjectOrDamagedIsAnErrorNotACrash) {
    auto text = temporary_.path() / "text.so";
    write_file(text, "hello");
    EXPECT_EQ(failure_of([&] { check_plugin_symbols(text.string()); }).code(), Code::invalid);
    std::string bytes = read_file(plugins + "mock-dns.so", 256u << 20);
    for (size_t size : {size_t{10}, size_t{64}, size_t{1000}, bytes.size() / 2, bytes.size() - 100}) {
        auto cut = temporary_.path() / "cut.so";
        write_file(cut, bytes.substr(0, size));
        EXPECT_THROW(check_plugin_symbols(cut.string()), Failure);
    }
}

TEST_F(Loader, ALoadedPluginAnswersWithTheSamePointersEachTime) {
    auto first = load_plugin(plugins + "mock-dns.so", "mock-dns", "dns");
    auto second = load_plugin(plugins + "mock-dns.so", "mock-dns", "dns");
    EXPECT_EQ(first.provider, second.provider);
    EXPECT_STREQ(first.provider->contract, "seed.dns/0");
}

}  // namespace
}  // namespace seed::providers
