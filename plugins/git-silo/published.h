// The platform's own flake as the repository `seed`: templates, mkSeed and the instance modules, for
// `nix flake init -t git+ssh://SILO/seed.git#instance` and `inputs.seed.url`.
//
// It is made from a folder at each start and gets a commit when the folder's content has changed.  Nobody pushes to it.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "repositories.h"

namespace seed::silo {

inline constexpr std::string_view published_name = "seed";
inline constexpr std::string_view example_host = "silo.example.org";   // in the folder's files; becomes the platform's name

// Commits FOLDER to the repository `seed`, with SILO (HOST or HOST:PORT) for example_host when it is not empty.  Returns the commit.
// Symbolic links and hidden folders are left out.  Failure(conflict): a repository of that name is somebody's; it is not touched.
// Failure(limit): more than 2000 files, or a file above 1 MiB.
std::string publish(const Repositories &repositories, const std::filesystem::path &folder, const std::string &silo);

}  // namespace seed::silo
