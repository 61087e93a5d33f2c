# Environment, clock and system: empty or absent, so harmless.
# ends: harmless
builtins.getEnv "HOME" + builtins.getEnv "PATH" + toString (builtins ? currentTime) + toString (builtins ? currentSystem)
