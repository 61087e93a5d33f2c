// What PID 1 of a box does: one file per action.  Each returns the box's exit status; 125 and a Failure mean the box itself.
#pragma once
#include "core/programs/seed-nix-box/options.h"

namespace seed::box {

// GC roots of fetched inputs, named as in the store; those of outputs are in build.cpp.
inline constexpr const char *input_roots = "/nix/var/nix/gcroots/seed-inputs";

int run_action(const Options &options);

int unpack_source(const Options &options);
int fetch_input(const Options &options);
int evaluate_flake(const Options &options);
int build_derivations(const Options &options);
int make_closure_image(const Options &options);
int collect_garbage(const Options &options);

}  // namespace seed::box
