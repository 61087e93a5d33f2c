#include <gtest/gtest.h>

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/model/addresses.h"
#include "core/model/names.h"

namespace seed::model {
namespace {

std::string from_hex(std::string_view hex) {
    std::string bytes;
    for (size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    return bytes;
}

TEST(cid, agrees_with_the_public_vectors) {
    EXPECT_EQ(cid_of_ed25519(from_hex("cb311166beeedd9fb6af4cc8c2bf4ac471dcdde7a71ff032440747e084cf0cc8")),
              "k51qzi5uqu5dl8wlbw09j1cpr1i456yb3mv0r5wnpx3wz6qq8pnppkvgqdepc8");
    EXPECT_EQ(cid_of_ed25519(from_hex("e4680b2f8c8d21090e6aa327f1bb342ab8e7d9238f1e35831a54d6a8f5c91124")),
              "k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8");
    EXPECT_EQ(cid_of_ed25519(std::string(32, '\0')), "k51qzi5uqu5dg6l7sg2ssb5uefnq8g7g1d6n6j2zsio0o0k7snyb11p8myhxxc");
    EXPECT_EQ(cid_of_ed25519(std::string(32, '\xff')), "k51qzi5uqu5dmkadisduutrwhobhcd351viuwscvsltkaymqovgho5slq61rlr");
}

TEST(cid, agrees_with_the_vector_of_the_checklist) {
    std::string blob = base64_decode("AAAAC3NzaC1lZDI1NTE5AAAAIHqBMzJB3voP6acB2DdfTb+n3vL8yCvD2A1u+9v6rUHQ").value();
    EXPECT_EQ(cid_of_ed25519(blob.substr(blob.size() - 32)), "k51qzi5uqu5dj8iaffzutj5cyocg960ypltvn0zpmaikuuek2ekubxqck2nsgg");
}

TEST(cid, refuses_a_key_of_another_length) {
    EXPECT_THROW(cid_of_ed25519("short"), Failure);
    EXPECT_THROW(cid_of_ed25519(std::string(33, 'x')), Failure);
}

TEST(namespaces, come_from_the_first_130_bits_of_the_hash_of_the_cid) {
    std::string cid = cid_of_ed25519(std::string(32, '\0'));
    Namespace ns = Namespace::of_cid(cid);
    EXPECT_EQ(ns.str().size(), 28u);
    EXPECT_EQ(ns.str(), "s-" + base32_lower(sha256(cid)).substr(0, 26));
    EXPECT_EQ(Namespace(ns.str()), ns);
    EXPECT_NE(ns, Namespace::of_cid(cid_of_ed25519(std::string(32, '\xff'))));
}

TEST(namespaces, refuse_other_text) {
    for (const char *bad : {"", "s-", "s-abc", "s-ABCDEFGHIJKLMNOPQRSTUVWXYZ", "x-abcdefghijklmnopqrstuvwxyz",
                            "s-abcdefghijklmnopqrstuvwxy1", "s-abcdefghijklmnopqrstuvwxyz2", "s-../../../../../../../etcaaa"})
        EXPECT_THROW(Namespace{bad}, Failure) << bad;
}

TEST(repository_names, take_what_people_type_after_git_push) {
    for (const char *path :
         {"my-app", "/my-app", "my-app.git", "/my-app.git", "'my-app.git'", "'/my-app'", "//my-app/", "\"my-app\""})
        EXPECT_EQ(RepoName::from_path(path).str(), "my-app") << path;
    EXPECT_EQ(RepoName("a.b_c-d0").str(), "a.b_c-d0");
    EXPECT_EQ(RepoName(std::string(64, 'a')).str().size(), 64u);
}

TEST(repository_names, refuse_what_could_leave_its_folder_or_surprise_git) {
    for (const char *bad : {"", ".", "..", "a..b", ".a", "a.", "-a", "a-", "A", "a/b", "../a", "a.git", "a.lock", "a b", "a\nb",
                            "a;b", "a'b", "\xc3\xa4"})
        EXPECT_THROW(RepoName{bad}, Failure) << bad;
    EXPECT_THROW(RepoName(std::string(65, 'a')), Failure);
    EXPECT_THROW(RepoName(std::string_view("a\0b", 3)), Failure);
    for (const char *bad : {"", "/", "'", "''", ".git", "a.git.git", "'a", "../../etc/passwd", "~/a"})
        EXPECT_THROW(RepoName::from_path(bad), Failure) << bad;
}

TEST(instance_names, are_labels_of_at_most_40_characters) {
    EXPECT_EQ(InstanceName("web-1").str(), "web-1");
    EXPECT_NO_THROW(InstanceName(std::string(40, 'a')));
    EXPECT_THROW(InstanceName(std::string(41, 'a')), Failure);
    for (const char *bad : {"", "-a", "a-", "A", "a.b", "a_b", "a/b", "a b"}) EXPECT_THROW(InstanceName{bad}, Failure) << bad;
}

TEST(domain_names, know_what_lies_within_them) {
    DomainName parent("seed.example"), child("web.s-x.seed.example"), other("notseed.example");
    EXPECT_TRUE(child.is_within(parent));
    EXPECT_TRUE(parent.is_within(parent));
    EXPECT_FALSE(other.is_within(parent));
    EXPECT_FALSE(parent.is_within(child));
    EXPECT_EQ(parent.absolute(), "seed.example.");
}

TEST(domain_names, refuse_bad_labels_addresses_and_excess) {
    for (const char *bad : {"", ".", "a.", ".a", "a..b", "A.b", "a_b.c", "-a.b", "a-.b", "10.0.0.1", "a b", "*.a"})
        EXPECT_THROW(DomainName{bad}, Failure) << bad;
    EXPECT_THROW(DomainName(std::string(64, 'a') + ".b"), Failure);
    std::string longest =
        std::string(63, 'a') + "." + std::string(63, 'a') + "." + std::string(63, 'a') + "." + std::string(61, 'a');
    EXPECT_EQ(longest.size(), 253u);
    EXPECT_NO_THROW(DomainName{longest});
    EXPECT_THROW(DomainName{longest + "a"}, Failure);
}

TEST(addresses, are_stable_and_lie_in_subnet_1) {
    std::string one = service_address("fd5e:ed00:1::/48", "s-a", "web");
    EXPECT_TRUE(one.starts_with("fd5e:ed00:1:1:")) << one;
    EXPECT_EQ(one, service_address("fd5e:ed00:1::/48", "s-a", "web"));
    EXPECT_NE(one, service_address("fd5e:ed00:1::/48", "s-a", "api"));
    EXPECT_NE(one, service_address("fd5e:ed00:1::/48", "s-b", "web"));
    EXPECT_THROW(service_address("fd5e:ed00:1::/64", "s-a", "web"), Failure);
}

TEST(addresses, prefixes_are_48_bits_and_routable) {
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(is_ipv6_prefix48(generate_ula_prefix()));
    EXPECT_TRUE(generate_ula_prefix().starts_with("fd"));
    EXPECT_NE(generate_ula_prefix(), generate_ula_prefix());
    for (const char *bad :
         {"", "fd00::", "fd00::/64", "fd00:0:0:1::/48", "::/48", "ff02::/48", "fe80::/48", "10.0.0.0/48", "fd00::/48 ", "/48"})
        EXPECT_FALSE(is_ipv6_prefix48(bad)) << bad;
}

}  // namespace
}  // namespace seed::model
