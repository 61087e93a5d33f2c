// What PID 1 of a box does: one file per action.  Each returns the box's exit status; 125 and a Failure mean the box itself.
#pragma once
#include "core/programs/seed-nix-box/options.h"

namespace seed::box {

int run_action(const Options &options);

int unpack_source(const Options &options);
int evaluate_flake(const Options &options);
int build_derivations(const Options &options);
int make_closure_image(const Options &options);
int collect_garbage(const Options &options);

}  // namespace seed::box
