#include "archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <poll.h>
#include <seed/util/failure.h>
#include <seed/util/text.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <exception>

#include "git_objects.h"

namespace seed::silo {

namespace {

constexpr size_t entries_limit = 500000, depth_limit = 128, path_limit = 4096, remarks_limit = 20;
constexpr size_t file_limit = 256u << 20, folder_limit = 64u << 20, link_limit = 4096;

// A reader that went away must be an error here, not a signal for the whole process.
class NoPipeSignal {
public:
    NoPipeSignal() {
        ::sigemptyset(&pipe_);
        ::sigaddset(&pipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    ~NoPipeSignal() {
        timespec now{};
        if (!::sigismember(&before_, SIGPIPE)) ::sigtimedwait(&pipe_, nullptr, &now);  // one that was raised meanwhile
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

private:
    sigset_t pipe_, before_;
};

class NonBlocking {
public:
    explicit NonBlocking(int fd) : fd_(fd), flags_(::fcntl(fd, F_GETFL)) { ::fcntl(fd_, F_SETFL, flags_ | O_NONBLOCK); }
    ~NonBlocking() { ::fcntl(fd_, F_SETFL, flags_); }

private:
    int fd_, flags_;
};

bool name_is_safe(std::string_view name) {
    if (name.empty() || name == "." || name == ".." || name.size() > 255) return false;
    return name.find('/') == name.npos && to_lower(name) != ".git";
}

// One tar stream over libarchive.  Exceptions wait until libarchive's C code has returned.  Only finish() writes the mark at its end, by
// which the reader knows that it is whole: libarchive would write one whenever it is freed.  What is given up is discarded behind
// libarchive's back: one that has failed, by an error of ours or archive_write_fail(), never frees its 64 KiB buffer (3.6.2).
class TarStream {
public:
    TarStream(const plugin::Call &call, int out, int64_t time) : call_(call), out_(out), time_(time), nonblocking_(out) {
        archive_write_set_format_pax_restricted(archive_.get());
        archive_write_set_format_option(archive_.get(), "pax", "hdrcharset", "BINARY");  // names are bytes
        archive_write_set_bytes_per_block(archive_.get(), 65536);
        archive_write_set_bytes_in_last_block(archive_.get(), 1);
        check(archive_write_open(archive_.get(), this, nullptr, write_bytes, nullptr));
    }
    ~TarStream() { discard_ = true; }
    void add(const std::string &path, mode_t type, mode_t mode, std::string_view content) {
        archive_entry *entry = archive_entry_clear(entry_.get());
        archive_entry_set_pathname(entry, path.c_str());
        archive_entry_set_filetype(entry, type);
        archive_entry_set_perm(entry, mode);
        archive_entry_set_mtime(entry, time_, 0);
        if (type == AE_IFLNK) archive_entry_set_symlink(entry, std::string(content).c_str());
        archive_entry_set_size(entry, type == AE_IFREG ? int64_t(content.size()) : 0);
        check(archive_write_header(archive_.get(), entry));
        if (type == AE_IFREG && !content.empty())
            check(archive_write_data(archive_.get(), content.data(), content.size()) < 0 ? ARCHIVE_FATAL : ARCHIVE_OK);
    }
    void finish() { check(archive_write_close(archive_.get())); }

private:
    static la_ssize_t write_bytes(struct archive *, void *data, const void *bytes, size_t size) {
        auto &self = *static_cast<TarStream *>(data);
        if (self.discard_) return static_cast<la_ssize_t>(size);
        try {
            NoPipeSignal guard;
            for (;;) {
                ssize_t written = ::write(self.out_, bytes, size);
                if (written >= 0) return written;
                if (errno == EINTR) continue;
                if (errno == EPIPE) throw Failure(Code::cancelled, "nobody reads the archive any more");
                if (errno != EAGAIN) fail_errno("writing the archive");
                self.call_.wait(self.out_, POLLOUT);
            }
        } catch (...) {
            self.failure_ = std::current_exception();
            self.discard_ = true;
            return static_cast<la_ssize_t>(size);
        }
    }
    void check(int result) {
        if (failure_) std::rethrow_exception(failure_);
        if (result < ARCHIVE_WARN) {
            const char *why = archive_error_string(archive_.get());
            throw Failure(Code::internal, std::string("writing the archive: ") + (why ? why : "unknown error of libarchive"));
        }
    }

    const plugin::Call &call_;
    int out_;
    int64_t time_;
    NonBlocking nonblocking_;
    std::exception_ptr failure_;
    bool discard_ = false;
    std::unique_ptr<struct archive, GitDeleter<archive_write_free>> archive_{archive_write_new()};
    std::unique_ptr<archive_entry, GitDeleter<archive_entry_free>> entry_{archive_entry_new()};
};

// Walks the tree depth first.
class Walk {
public:
    Walk(const plugin::Call &call, git_repository *repository, const git::FetchRequest &request, TarStream &tar)
        : call_(call), repository_(repository), request_(request), tar_(tar) {
        git_odb *odb = nullptr;
        if (git_repository_odb(&odb, repository) != 0) fail_git("opening the objects");
        odb_.reset(odb);
    }
    void folder(const git_oid &id, const std::string &prefix, size_t depth) {
        if (depth > depth_limit) throw Failure(Code::limit, "the tree is more than 128 folders deep");
        if (header_of(odb_.get(), id).size > folder_limit)
            throw Failure(Code::limit, "the folder '" + printable(prefix, 200) + "' is too large");
        git_tree *tree = nullptr;
        if (git_tree_lookup(&tree, repository_, &id) != 0) fail_git("reading a folder");
        TreeHandle owned(tree);
        for (size_t i = 0, count = git_tree_entrycount(tree); i < count; ++i)
            entry(git_tree_entry_byindex(tree, i), prefix, depth);
    }
    git::FetchReply reply;

private:
    void entry(const git_tree_entry *entry, const std::string &prefix, size_t depth) {
        call_.check();
        std::string name = git_tree_entry_name(entry), path = prefix + name;
        if (!name_is_safe(name) || path.size() > path_limit)
            throw Failure(Code::invalid, "the path '" + printable(path, 200) + "' is refused: no checkout may have it");
        const git_oid &id = *git_tree_entry_id(entry);
        switch (git_tree_entry_filemode(entry)) {
            case GIT_FILEMODE_TREE:
                charge(0);
                tar_.add(path + "/", AE_IFDIR, 0755, {});
                return folder(id, path + "/", depth + 1);
            case GIT_FILEMODE_BLOB:
                return file(id, path, AE_IFREG, 0644, file_limit);
            case GIT_FILEMODE_BLOB_EXECUTABLE:
                return file(id, path, AE_IFREG, 0755, file_limit);
            case GIT_FILEMODE_LINK:
                return file(id, path, AE_IFLNK, 0777, link_limit);
            case GIT_FILEMODE_COMMIT:
                charge(0);
                if (reply.remarks.size() < remarks_limit)
                    reply.remarks.push_back("the submodule " + printable(path, 200) + " is left out");
                return;
            default:
                throw Failure(Code::invalid, "the path '" + printable(path, 200) + "' is refused: unknown kind of entry");
        }
    }
    void file(const git_oid &id, const std::string &path, mode_t type, mode_t mode, size_t limit) {
        size_t size = header_of(odb_.get(), id).size;
        if (size > limit) throw Failure(Code::limit, "'" + printable(path, 200) + "' is larger than " + format_size(limit));
        charge(size);
        git_blob *blob = nullptr;
        if (git_blob_lookup(&blob, repository_, &id) != 0) fail_git("reading '" + printable(path, 200) + "'");
        BlobHandle owned(blob);
        std::string_view content(static_cast<const char *>(git_blob_rawcontent(blob)), size_t(git_blob_rawsize(blob)));
        if (type == AE_IFLNK && (content.empty() || content.find('\0') != content.npos))
            throw Failure(Code::invalid, "the link '" + printable(path, 200) + "' leads nowhere");
        tar_.add(path, type, mode, content);
        ++reply.files;
        reply.bytes += content.size();
    }
    void charge(size_t size) {
        used_ += size + 512;
        if (++entries_ > entries_limit)
            throw Failure(Code::limit, "the tree has more than " + std::to_string(entries_limit) + " entries");
        if (used_ > request_.limit_bytes)
            throw Failure(Code::limit, "the tree is larger than " + format_size(request_.limit_bytes));
    }

    const plugin::Call &call_;
    git_repository *repository_;
    const git::FetchRequest &request_;
    TarStream &tar_;
    OdbHandle odb_;
    uint64_t used_ = 0;
    size_t entries_ = 0;
};

}  // namespace

git::FetchReply write_archive(const plugin::Call &call, const std::filesystem::path &path, const git::FetchRequest &request,
                              int out) {
    auto repository = open_repository(path, request.quarantine);
    auto commit = find_commit(repository.get(), request.commit);
    TarStream tar(call, out, git_commit_time(commit.get()));
    Walk walk(call, repository.get(), request, tar);
    walk.folder(*git_commit_tree_id(commit.get()), "", 0);
    tar.finish();
    walk.reply.tree = hex(*git_commit_tree_id(commit.get()));
    return std::move(walk.reply);
}

}  // namespace seed::silo
