#include <seed/plugin_entry.hpp>

#include "silo.h"

namespace {

const char *config_schema = R"({
  "type": "object",
  "properties": {
    "path": {"type": "string", "description": "where the repositories lie; default: below the provider's state directory"},
    "flake": {"type": "string", "description": "folder of the platform's own flake, published as the repository seed; the platform fills it in"},
    "silo": {"type": "string", "description": "HOST or HOST:PORT of this git server, for the published flake; the platform fills it in"},
    "hook": {"type": "string", "description": "the seed-hook program; default: beside the running program"}
  },
  "additionalProperties": false
})";

}  // namespace

SEED_GIT_PLUGIN(seed::silo::Silo, "git-silo", "0.1.0", "git repositories hosted by the platform itself", config_schema, true)
