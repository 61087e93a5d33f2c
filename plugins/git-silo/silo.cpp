#include "silo.h"

#include <seed/util/file.h>
#include <unistd.h>

#include "archive.h"
#include "conversation.h"
#include "git_objects.h"
#include "published.h"

namespace seed::silo {

namespace fs = std::filesystem;

namespace {

std::string setting(const json &config, const char *name, const fs::path &otherwise) {
    std::string value = config.value(name, std::string());
    if (value.empty()) return otherwise;
    if (value[0] != '/')
        throw Failure(Code::invalid, std::string("git-silo: '") + name + "' must be an absolute path, not '" + value + "'");
    return value;
}

// git asks for hooks by these names; both are the same program, which is told by its name.
void link_hook(const fs::path &folder, const char *name, const fs::path &program) {
    fs::path link = folder / name, fresh = folder / (std::string(name) + ".new");
    std::error_code ignored;
    if (fs::read_symlink(link, ignored) == program) return;
    fs::remove(fresh, ignored);
    fs::create_symlink(program, fresh);
    fs::rename(fresh, link);
}

}  // namespace

Silo::Silo(const plugin::Host &host, const json &config)
    : host_(host), repositories_(setting(config, "path", fs::path(host.state_directory()) / "repositories")),
      refs_limit_(config.value("refs", size_t(20000))),
      maintenance_(repositories_, activity_, [&host](const std::string &text) { host.log(SEED_WARN, text); }) {
    prepare_libgit2();
    hook_ = setting(config, "hook", program_directory() / "seed-hook");
    hooks_ = fs::path(host.state_directory()) / "hooks";
    make_directory(hooks_, 0700);
    link_hook(hooks_, "pre-receive", hook_);
    link_hook(hooks_, "post-receive", hook_);
    if (std::string flake = setting(config, "flake", ""); !flake.empty()) {
        try {
            publish(repositories_, flake, config.value("silo", ""));
            publishes_ = true;
        } catch (const std::exception &error) {   // a platform without its flake is still a platform
            host.log(SEED_WARN, std::string("the platform's own flake is not published: ") + error.what());
        }
    }
}

void Silo::refuse_published(const std::string &name) const {
    if (publishes_ && name == published_name)
        throw Failure(Code::denied, "the repository seed is the platform's own flake: choose another name for yours");
}

git::CheckReply Silo::check(plugin::Call &) {
    git::CheckReply reply;
    auto demand = [&](bool holds, const std::string &remark) {
        if (holds) return;
        reply.ok = false;
        reply.remarks.push_back(remark);
    };
    demand(::access(git_program, X_OK) == 0, std::string(git_program) + " is missing: install git");
    demand(::access(hook_.c_str(), X_OK) == 0, hook_.string() + " is missing: install seed-hook beside seedd");
    demand(::access(repositories_.folder().c_str(), W_OK) == 0, repositories_.folder().string() + " cannot be written");
    return reply;
}

git::Repository Silo::describe(const std::string &name) const {
    git::Repository result;
    result.name = name;
    auto path = repositories_.require(name);
    auto head = head_of(path);
    result.default_branch = head.branch;
    result.head = head.commit;
    result.size_bytes = repositories_.size(name);
    return result;
}

git::ListReply Silo::list(plugin::Call &call) {
    git::ListReply reply;
    for (auto &name : repositories_.names()) {
        call.check();
        try {
            reply.repositories.push_back(describe(name));
        } catch (const Failure &failure) {
            if (failure.code() != Code::not_found) throw;  // removed meanwhile
        }
    }
    return reply;
}

git::Repository Silo::create(plugin::Call &, const git::RepositoryRequest &request) {
    refuse_published(request.repository);
    repositories_.create(request.repository);
    return describe(request.repository);
}

void Silo::remove(plugin::Call &, const git::RepositoryRequest &request) {
    refuse_published(request.repository);
    repositories_.remove(request.repository);
}

git::ResolveReply Silo::resolve(plugin::Call &, const git::ResolveRequest &request) {
    return silo::resolve(repositories_.require(request.repository), request.ref, request.quarantine);
}

git::ReadReply Silo::read(plugin::Call &, const git::ReadRequest &request) {
    return read_text(repositories_.require(request.repository), request);
}

git::FetchReply Silo::fetch(plugin::Call &call, const git::FetchRequest &request) {
    return write_archive(call, repositories_.require(request.repository), request, call.descriptor(0));
}

git::ServeReply Silo::serve(plugin::Call &call, const git::ServeRequest &request) {
    if (request.service == "receive-pack") refuse_published(request.repository);
    fs::path repository = repositories_.require(request.repository);
    Conversation conversation(call, request, repository, hooks_, hook_, refs_limit_);
    if (!conversation.receiving()) return conversation.run();
    Activity::Guard guard = activity_.enter(repository);
    git::ServeReply reply;
    try {
        reply = conversation.run();
    } catch (...) {
        guard.killed();
        maintenance_.pushed(request.repository);
        throw;
    }
    if (reply.exit_code >= 128) guard.killed();
    maintenance_.pushed(request.repository);
    return reply;
}

}  // namespace seed::silo
