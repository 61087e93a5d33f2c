#include <gtest/gtest.h>
#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/process.h>

#include "core/identity/self_planting.h"
#include "core/identity/ssh_host_key.h"
#include "core/model/names.h"

using namespace seed;

TEST(SshHostKey, Openssh_reads_what_we_make) {
    TemporaryDirectory directory("/tmp", "seed-key-");
    auto key = identity::make_ssh_key("test");
    auto file = directory.path() / "key";
    write_file(file, key.private_key, 0600);
    SpawnOptions options;
    options.arguments = {"/usr/bin/ssh-keygen", "-y", "-f", file.string()};
    RunResult result = run(options, std::chrono::seconds(30));
    ASSERT_TRUE(result.status.ok()) << result.err;
    EXPECT_TRUE(result.out.starts_with(key.public_key)) << result.out;
}

TEST(SshHostKey, Its_sshfp_record_is_the_one_of_ssh_keygen) {
    TemporaryDirectory directory("/tmp", "seed-key-");
    auto key = identity::make_ssh_key("test");
    auto file = directory.path() / "key.pub";
    write_file(file, key.public_key + " comment\n");
    SpawnOptions options;
    options.arguments = {"/usr/bin/ssh-keygen", "-r", "silo.example", "-f", file.string()};
    RunResult result = run(options, std::chrono::seconds(30));
    ASSERT_TRUE(result.status.ok()) << result.err;
    EXPECT_NE(result.out.find("silo.example IN SSHFP " + identity::sshfp_of(key.public_key + " comment") + "\n"), std::string::npos) << result.out;
    for (auto bad : {"", "ssh-ed25519", "ssh-ed25519 ???", "ssh-rsa AAAA"}) EXPECT_THROW(identity::sshfp_of(bad), Failure) << bad;
}

TEST(SelfPlanting, Each_identity_has_a_name_and_a_namespace_of_its_own) {
    auto one = identity::make_identity(), two = identity::make_identity();
    EXPECT_TRUE(one.cid.starts_with("k51qzi5uqu5d"));
    EXPECT_EQ(one.cid.size(), 62u);
    EXPECT_NE(model::Namespace::of_cid(one.cid).str(), model::Namespace::of_cid(two.cid).str());
    EXPECT_NE(one.private_key.find("PRIVATE KEY"), std::string::npos);
}
