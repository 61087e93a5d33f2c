#include "core/build/store_path.h"

#include <gtest/gtest.h>

#include "core/build/tree_note.h"
#include <seed/util/file.h>

using namespace seed;

namespace {

// As Nix 2.8 says for a folder `source` with a file `file` that holds "hi\n".
TEST(StorePath, ASourceLiesWhereNixPutsIt) {
    auto hash = build::parse_sri_sha256("sha256-bD3v16teE2SpiEBqTsuswHMnFoaIgaGhaiIcr6Nrsk4=");
    ASSERT_TRUE(hash);
    EXPECT_EQ(build::source_store_path(*hash), "/nix/store/yns3g5q60y2drh2zvkifcp00z71vnds8-source");
}

TEST(StorePath, OnlyWholeSha256HashesAreTaken) {
    for (const char *text : {"", "sha256-", "bD3v16teE2SpiEBqTsuswHMnFoaIgaGhaiIcr6Nrsk4=", "sha256-bD3v16teE2SpiEBqTsuswHMnFoaIgaGhaiIcr6Nrsk4",
                             "sha1-bD3v16teE2SpiEBqTsuswHMnFoaIgaGhaiIcr6Nrsk4=", "sha256-bD3v16teE2SpiEBqTsuswHMnFoaIgaGhaiIcr6Nrsk4==",
                             "sha256-bD3v16teE2SpiEBqTsuswHMnFoaIgaGhaiIcr6Nr\nk4="})
        EXPECT_FALSE(build::parse_sri_sha256(text)) << text;
}

TEST(TreeNote, WhatIsWrittenIsRead) {
    TemporaryDirectory room("/tmp");
    build::TreeNote note{"pending", {{"k1", "/nix/store/a-source", true}, {"k2", "/nix/store/b-source", false}}};
    note.write(room.path() / "note");
    auto read = build::TreeNote::read(room.path() / "note");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->rules, "pending");
    ASSERT_EQ(read->inputs.size(), 2u);
    EXPECT_EQ(read->inputs[1].store_path, "/nix/store/b-source");
    EXPECT_TRUE(read->from_network());
    EXPECT_FALSE(read->inputs[1].from_network);
    EXPECT_FALSE(build::TreeNote::read(room.path() / "none"));
}

}  // namespace
