// mock-git: repositories whose commits are lists of files in the state.  A commit id is the SHA-1-sized head of a hash over
// parent and files; a tree id over the files alone.
//
// Configuration: "repositories": {"NAME": {"FILE": "CONTENT"}} are there from the start, each with one commit.
//
// serve speaks a language of its own instead of git's.  receive-pack reads one line of JSON from descriptor 0,
// {"files":{..},"options":["nowait"]}, makes it a commit on refs/heads/main, sends the item, copies the report (descriptor 3)
// to descriptor 2 and ends with 0.  upload-pack writes the head's files as one line of JSON to descriptor 1.
#include <seed/util/file.h>
#include <seed/util/text.h>
#include <seed/plugin_entry.hpp>

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "mock.hpp"

namespace seed::mock {

using namespace git;

namespace {

const std::string branch = "refs/heads/main";
const std::string nothing(40, '0');

std::string hash(const json &value) {
    return sha256_hex(value.dump()).substr(0, 40);
}

// One ustar entry: header, content, padding to 512.
std::string tar_entry(const std::string &name, const std::string &content) {
    std::array<char, 512> header{};
    auto put = [&](size_t at, const std::string &text) { std::memcpy(header.data() + at, text.data(), text.size()); };
    auto octal = [](uint64_t value, int width) {
        std::string text(static_cast<size_t>(width), '0');
        for (size_t i = text.size(); i-- > 0; value >>= 3) text[i] = static_cast<char>('0' + (value & 7));
        return text;
    };
    put(0, name.substr(0, 100));
    put(100, octal(0644, 7));
    put(108, octal(0, 7));
    put(116, octal(0, 7));
    put(124, octal(content.size(), 11));
    put(136, octal(0, 11));
    put(148, "        ");
    put(156, "0");
    put(257, std::string("ustar\00000", 8));
    unsigned sum = 0;
    for (char c : header) sum += static_cast<unsigned char>(c);
    put(148, octal(sum, 6) + std::string("\0 ", 2));
    std::string entry(header.data(), header.size());
    entry += content;
    entry.resize((entry.size() + 511) / 512 * 512, '\0');
    return entry;
}

}  // namespace

class MockGit final : public plugin::GitProvider {
public:
    MockGit(const plugin::Host &host, const json &config) : mock_(host, config) {
        mock_.change([&](json &state) {
            json repositories = config.value("repositories", json::object());
            for (const auto &[name, files] : repositories.items()) {
                json &repository = state["repositories"][name];
                if (repository.is_null()) add_commit(repository, files);
            }
        });
    }

    CheckReply check(plugin::Call &call) override {
        mock_.enter(call, "check");
        return {.ok = true, .remarks = {"mock: speaks no git"}};
    }
    ListReply list(plugin::Call &call) override {
        mock_.enter(call, "list");
        ListReply reply;
        json state = mock_.state();
        for (const auto &[name, repository] : state["repositories"].items())
            reply.repositories.push_back(describe(name, repository));
        return reply;
    }
    Repository create(plugin::Call &call, const RepositoryRequest &request) override {
        mock_.enter(call, "create", request);
        require_name(request.repository);
        Repository reply;
        mock_.change([&](json &state) {
            json &repository = state["repositories"][request.repository];
            if (repository.is_null()) repository = {{"head", ""}, {"commits", json::object()}};
            reply = describe(request.repository, repository);
        });
        return reply;
    }
    void remove(plugin::Call &call, const RepositoryRequest &request) override {
        mock_.enter(call, "remove", request);
        mock_.change([&](json &state) {
            if (json &repositories = state["repositories"]; repositories.is_object()) repositories.erase(request.repository);
        });
    }
    ResolveReply resolve(plugin::Call &call, const ResolveRequest &request) override {
        mock_.enter(call, "resolve", request);
        json state = mock_.state();
        json &repository = find(state, request.repository);
        bool by_branch = request.ref.empty() || request.ref == branch;
        std::string commit = by_branch ? repository.value("head", "") : request.ref;
        if (!repository["commits"].contains(commit)) {
            throw Failure(Code::not_found,
                          request.repository + " has no revision " + (request.ref.empty() ? branch : request.ref));
        }
        return {commit, hash(repository["commits"][commit]["files"]), by_branch ? branch : ""};
    }
    ReadReply read(plugin::Call &call, const ReadRequest &request) override {
        mock_.enter(call, "read", request);
        json files = files_of(request.repository, request.commit);
        if (!files.contains(request.path)) return {};
        ReadReply reply{true, files[request.path].get<std::string>()};
        if (reply.content.size() > request.limit_bytes) throw Failure(Code::limit, request.path + " is too long");
        return reply;
    }
    FetchReply fetch(plugin::Call &call, const FetchRequest &request) override {
        mock_.enter(call, "fetch", request);
        json files = files_of(request.repository, request.commit);
        FetchReply reply;
        reply.tree = hash(files);
        std::string tar;
        for (const auto &[name, content] : files.items()) {
            tar += tar_entry(name, content.get<std::string>());
            ++reply.files;
            reply.bytes += content.get_ref<const std::string &>().size();
        }
        if (reply.bytes > request.limit_bytes) throw Failure(Code::limit, request.repository + ": the tree is too large");
        write_all(call.descriptor(0), tar + std::string(1024, '\0'));
        return reply;
    }
    ServeReply serve(plugin::Call &call, const ServeRequest &request) override {
        mock_.enter(call, "serve", request);
        json state = mock_.state();
        json repository = find(state, request.repository);
        if (request.service == "upload-pack") {
            std::string head = repository.value("head", "");
            json files = head.empty() ? json::object() : repository["commits"][head]["files"];
            write_all(call.descriptor(1), files.dump() + "\n");
            return {0};
        }
        std::string line = read_line(call, call.descriptor(0));
        if (line.empty()) return {1};
        if (request.pack_limit_bytes > 0 && line.size() > request.pack_limit_bytes) {
            write_all(call.descriptor(2), "the push is larger than " + format_size(request.pack_limit_bytes) + "\n");
            return {1};
        }
        json push = parse_json(line, "push");
        ServeItem item;
        mock_.change([&](json &state) {
            json &repository = find(state, request.repository);
            std::string before = repository.value("head", "");
            std::string commit = add_commit(repository, push.at("files"));
            item.updated.updates = {{branch, before.empty() ? nothing : before, commit}};
            item.updated.default_branch = branch;
            item.updated.push_options = push.value("options", std::vector<std::string>{});
        });
        call.item(item);
        for (std::array<char, 4096> buffer;;) {
            call.wait(call.descriptor(3), POLLIN);
            ssize_t count = ::read(call.descriptor(3), buffer.data(), buffer.size());
            if (count <= 0) break;
            write_all(call.descriptor(2), {buffer.data(), static_cast<size_t>(count)});
        }
        return {0};
    }

private:
    static void require_name(const std::string &name) {
        bool valid = !name.empty() && name.size() <= 100 && name[0] != '-' && name[0] != '.' &&
                     name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") == std::string::npos;
        if (!valid) throw Failure(Code::invalid, "'" + printable(name, 100) + "' is no repository name: use a-z, 0-9, '-', '_' and '.'");
    }
    static std::string add_commit(json &repository, const json &files) {
        if (repository.is_null()) repository = {{"head", ""}, {"commits", json::object()}};
        json commit = {{"parent", repository["head"]}, {"files", files}};
        std::string id = hash(commit);
        repository["commits"][id] = commit;
        repository["head"] = id;
        return id;
    }
    static json &find(json &state, const std::string &name) {
        json &repositories = state["repositories"];
        if (!repositories.contains(name)) throw Failure(Code::not_found, "repository " + name + " does not exist");
        return repositories[name];
    }
    json files_of(const std::string &name, const std::string &commit) {
        json state = mock_.state();
        json &commits = find(state, name)["commits"];
        if (!commits.contains(commit)) throw Failure(Code::not_found, name + " has no commit " + commit);
        return commits[commit]["files"];
    }
    static Repository describe(const std::string &name, const json &repository) {
        std::string head = repository.value("head", "");
        return {name, head.empty() ? "" : branch, head, repository.dump().size()};
    }
    static std::string read_line(plugin::Call &call, int fd) {
        std::string line;
        for (char c;;) {
            call.wait(fd, POLLIN);
            if (::read(fd, &c, 1) != 1) return "";
            if (c == '\n') return line;
            line += c;
        }
    }

    Mock mock_;
};

SEED_GIT_PLUGIN(MockGit, "mock-git", SEED_VERSION, "a git source that only remembers",
                MOCK_SCHEMA(R"(,"repositories":{"type":"object","description":"are there from the start, with their files"})"))

}  // namespace seed::mock
