#include "core/model/input_rule.h"

#include <gtest/gtest.h>

#include <seed/util/failure.h>

using namespace seed;

TEST(InputRule, IsATypeOrATypeWithABeginning) {
    for (const char *rule : {"github", "github:NixOS", "tarball:https://releases.nixos.org/", "git"}) model::check_input_rule(rule);
    for (const char *rule : {"", "path", "path:/etc", "public", "github:", "GitHub", "indirect"})
        EXPECT_THROW(model::check_input_rule(rule), Failure) << rule;
}
