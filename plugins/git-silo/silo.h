// The provider "git-silo": the table of contents.  What is behind each operation is in a file of its own:
//
//   repositories.h   bare repositories in a folder: make, list, remove, measure
//   git_objects.h    reading them with libgit2: refs, commits, single files
//   archive.h        a commit's tree as a tar stream
//   published.h      the platform's own flake as the repository `seed`
//   conversation.h   git-upload-pack and git-receive-pack for a client
//   activity.h       who changes what; what killed processes left is removed
//   maintenance.h    repacking in the background
#pragma once
#include <seed/plugin.hpp>

#include "activity.h"
#include "maintenance.h"
#include "repositories.h"

namespace seed::silo {

class Silo : public plugin::GitProvider {
public:
    Silo(const plugin::Host &host, const json &config);
    git::CheckReply check(plugin::Call &) override;
    git::ListReply list(plugin::Call &) override;
    git::Repository create(plugin::Call &, const git::RepositoryRequest &) override;
    void remove(plugin::Call &, const git::RepositoryRequest &) override;
    git::ResolveReply resolve(plugin::Call &, const git::ResolveRequest &) override;
    git::ReadReply read(plugin::Call &, const git::ReadRequest &) override;
    git::FetchReply fetch(plugin::Call &, const git::FetchRequest &) override;
    git::ServeReply serve(plugin::Call &, const git::ServeRequest &) override;

private:
    void refuse_published(const std::string &name) const;   // Failure(denied)
    git::Repository describe(const std::string &name) const;

    const plugin::Host &host_;
    Repositories repositories_;
    bool publishes_ = false;
    std::filesystem::path hook_, hooks_;  // the program; the folder git looks into
    size_t refs_limit_;
    Activity activity_;
    Maintenance maintenance_;  // last: its thread uses what is above
};

}  // namespace seed::silo
