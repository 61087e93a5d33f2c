#include <seed/plugin_entry.hpp>

#include "silo.h"

namespace {

const char *config_schema = R"({
  "type": "object",
  "x-seed-needs": {"processes": 16384},
  "properties": {
    "path": {"type": "string", "x-seed-path": "write", "description": "where the repositories lie; default: below the provider's state directory"},
    "flake": {"type": "string", "x-seed-path": "read", "description": "folder of the platform's own flake, published as the repository seed; the platform fills it in"},
    "silo": {"type": "string", "description": "HOST or HOST:PORT of this git server, for the published flake; the platform fills it in"},
    "hook": {"type": "string", "x-seed-path": "read", "description": "the seed-hook program; default: beside the running program"},
    "refs": {"type": "integer", "minimum": 1, "maximum": 1000000, "description": "branches and tags of one repository; default 20000"}
  },
  "additionalProperties": false
})";

}  // namespace

SEED_GIT_PLUGIN(seed::silo::Silo, "git-silo", "0.1.0", "git repositories hosted by the platform itself", config_schema, true)
