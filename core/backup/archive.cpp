#include "core/backup/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::backup {
namespace {

constexpr size_t chunk = 256u << 10;
const std::string zeros(chunk, '\0');

class Sha256 {
public:
    Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
        if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) fail();
    }
    void add(std::string_view bytes) {
        if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) fail();
    }
    void add_zeros(uint64_t count) {
        for (; count > 0; count -= std::min<uint64_t>(count, chunk)) add({zeros.data(), std::min<size_t>(count, chunk)});
    }
    std::string hex() {
        std::string digest(32, '\0');
        if (EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char *>(digest.data()), nullptr) != 1) fail();
        return to_hex(digest);
    }

private:
    [[noreturn]] static void fail() { throw Failure(Code::internal, "OpenSSL cannot compute SHA-256"); }
    std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX *)> context_;
};

// [begin, end) of what is data in a file with holes; a file system without holes gives one part.
std::vector<std::pair<uint64_t, uint64_t>> data_parts(int fd, uint64_t size) {
    std::vector<std::pair<uint64_t, uint64_t>> parts;
    for (uint64_t at = 0; at < size;) {
        off_t begin = lseek(fd, static_cast<off_t>(at), SEEK_DATA);
        if (begin < 0 && errno == ENXIO) break;
        if (begin < 0) return {{0, size}};
        off_t end = lseek(fd, begin, SEEK_HOLE);
        if (end < 0) return {{0, size}};
        if (static_cast<uint64_t>(begin) >= size) break;
        at = std::min(static_cast<uint64_t>(end), size);
        parts.emplace_back(begin, at);
    }
    return parts;
}

}  // namespace

bool is_plain_path(std::string_view path) {
    if (path.empty() || path.size() > 4000) return false;
    if (!std::all_of(path.begin(), path.end(), [](unsigned char c) { return c > 32 && c < 127 && c != '\\'; })) return false;
    for (const auto &part : split(path, '/'))
        if (part.empty() || part == "." || part == ".." || part.size() > 255) return false;
    return true;
}

struct ArchiveWriter::Impl {
    archive *out = archive_write_new();
    std::map<std::string, std::string> sums;

    ~Impl() { archive_write_free(out); }
    void check(la_ssize_t result) {
        if (result < ARCHIVE_WARN) {
            int error = archive_errno(out);
            if (error == EPIPE) throw Failure(Code::cancelled, "the reader of the archive went away");
            std::string why = archive_error_string(out) ? archive_error_string(out) : "unknown";
            if (error > 0) why += std::string(": ") + std::strerror(error);  // libarchive says "Write error" of all
            if (error == ENOSPC || error == EDQUOT) throw Failure(Code::limit, "the archive cannot be written: " + why + "; make room there, or write elsewhere");
            throw Failure(Code::internal, "the archive cannot be written: " + why);
        }
    }
    std::unique_ptr<archive_entry, void (*)(archive_entry *)> describe(const Entry &entry, unsigned type) {
        if (!is_plain_path(entry.path))
            throw Failure(Code::unsupported, "the name " + printable(entry.path, 200) + " cannot be in a backup; rename or remove the file");
        std::unique_ptr<archive_entry, void (*)(archive_entry *)> described(archive_entry_new(), archive_entry_free);
        archive_entry_set_pathname(described.get(), entry.path.c_str());
        archive_entry_set_filetype(described.get(), type);
        archive_entry_set_perm(described.get(), entry.mode & 0777);
        archive_entry_set_uid(described.get(), entry.uid);
        archive_entry_set_gid(described.get(), entry.gid);
        archive_entry_set_mtime(described.get(), entry.modified, 0);
        return described;
    }
    void write(std::string_view bytes) {
        while (!bytes.empty()) {
            la_ssize_t written = archive_write_data(out, bytes.data(), bytes.size());
            check(written);
            if (written == 0) throw Failure(Code::internal, "the archive takes no more of this file");
            bytes.remove_prefix(static_cast<size_t>(written));
        }
    }
};

ArchiveWriter::ArchiveWriter(int fd) : impl_(std::make_unique<Impl>()) {
    impl_->check(archive_write_set_format_pax_restricted(impl_->out));
    impl_->check(archive_write_add_filter_none(impl_->out));
    impl_->check(archive_write_open_fd(impl_->out, fd));
}
ArchiveWriter::~ArchiveWriter() = default;

void ArchiveWriter::add_folder(const Entry &entry) {
    auto described = impl_->describe(entry, AE_IFDIR);
    impl_->check(archive_write_header(impl_->out, described.get()));
}

void ArchiveWriter::add(const Entry &entry, std::string_view content) {
    auto described = impl_->describe(entry, AE_IFREG);
    archive_entry_set_size(described.get(), static_cast<la_int64_t>(content.size()));
    impl_->check(archive_write_header(impl_->out, described.get()));
    impl_->write(content);
    impl_->check(archive_write_finish_entry(impl_->out));
    impl_->sums[entry.path] = sha256_hex(content);
    ++files_;
    bytes_ += content.size();
}

void ArchiveWriter::add_file(const Entry &entry, int fd, uint64_t size) {
    if (size > longest_file) throw Failure(Code::limit, entry.path + " is longer than a backup takes (16 TiB)");
    auto parts = data_parts(fd, size);
    bool whole = size == 0 || (parts.size() == 1 && parts[0].first == 0 && parts[0].second == size);
    auto described = impl_->describe(entry, AE_IFREG);
    archive_entry_set_size(described.get(), static_cast<la_int64_t>(size));
    if (!whole && parts.empty()) archive_entry_sparse_add_entry(described.get(), 0, 0);
    for (const auto &[begin, end] : parts)
        if (!whole) archive_entry_sparse_add_entry(described.get(), static_cast<la_int64_t>(begin), static_cast<la_int64_t>(end - begin));
    impl_->check(archive_write_header(impl_->out, described.get()));

    Sha256 sum;
    uint64_t at = 0;
    auto hole = [&](uint64_t end) {  // libarchive wants its zeros and leaves them out
        for (uint64_t left = end - at; left > 0; left -= std::min<uint64_t>(left, chunk))
            impl_->write({zeros.data(), std::min<size_t>(left, chunk)});
        sum.add_zeros(end - at);
        at = end;
    };
    std::string buffer(chunk, '\0');
    for (const auto &[begin, end] : parts) {
        hole(begin);
        while (at < end) {
            ssize_t got = pread(fd, buffer.data(), std::min<uint64_t>(chunk, end - at), static_cast<off_t>(at));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) fail_errno("reading " + entry.path);
            if (got == 0) throw Failure(Code::conflict, entry.path + " became shorter while it was read; try again");
            std::string_view bytes(buffer.data(), static_cast<size_t>(got));
            impl_->write(bytes);
            sum.add(bytes);
            at += bytes.size();
            bytes_ += bytes.size();
        }
    }
    hole(size);
    impl_->check(archive_write_finish_entry(impl_->out));
    impl_->sums[entry.path] = sum.hex();
    ++files_;
}

void ArchiveWriter::finish() {
    std::string text;
    for (const auto &[path, sum] : impl_->sums) text += sum + "  " + path + "\n";
    Entry entry;
    entry.path = sums_name;
    entry.mode = 0600;
    entry.modified = unix_ms_now() / 1000;
    add(entry, text);
    impl_->check(archive_write_close(impl_->out));
}

struct ArchiveReader::Impl {
    archive *in = archive_read_new();
    Item item;

    ~Impl() { archive_read_free(in); }
    [[noreturn]] void fail() {
        std::string why = archive_error_string(in) ? printable(archive_error_string(in), 200) : "unknown";
        throw Failure(Code::invalid, "the archive is damaged or no backup: " + why);
    }
};

ArchiveReader::ArchiveReader(int fd) : impl_(std::make_unique<Impl>()) {
    // One format and no filters: libarchive would try dozens, some by starting programs.
    if (archive_read_support_format_tar(impl_->in) != ARCHIVE_OK || archive_read_open_fd(impl_->in, fd, chunk) != ARCHIVE_OK) impl_->fail();
}
ArchiveReader::~ArchiveReader() = default;

std::optional<ArchiveReader::Item> ArchiveReader::next() {
    archive_entry *entry = nullptr;
    int result = archive_read_next_header(impl_->in, &entry);
    if (result == ARCHIVE_EOF) return std::nullopt;
    if (result != ARCHIVE_OK) impl_->fail();
    const char *name = archive_entry_pathname(entry);
    std::string path = name ? name : "";
    Item item;
    item.folder = archive_entry_filetype(entry) == AE_IFDIR;
    if (item.folder && path.ends_with('/')) path.pop_back();
    if (!is_plain_path(path)) throw Failure(Code::invalid, "the archive has the path '" + printable(path, 200) + "', which no backup of ours has");
    if ((!item.folder && archive_entry_filetype(entry) != AE_IFREG) || archive_entry_hardlink(entry) || archive_entry_symlink(entry))
        throw Failure(Code::invalid, path + " in the archive is neither a file nor a folder; no backup of ours has such");
    if (archive_entry_size(entry) < 0 || static_cast<uint64_t>(archive_entry_size(entry)) > longest_file)
        throw Failure(Code::invalid, path + " in the archive has an impossible size");
    if (archive_entry_uid(entry) < 0 || archive_entry_gid(entry) < 0 || archive_entry_uid(entry) > 0x7fffffff || archive_entry_gid(entry) > 0x7fffffff)
        throw Failure(Code::invalid, path + " in the archive has an impossible owner");
    item.entry.path = path;
    item.entry.mode = archive_entry_perm(entry) & 0777;
    item.entry.uid = static_cast<uid_t>(archive_entry_uid(entry));
    item.entry.gid = static_cast<gid_t>(archive_entry_gid(entry));
    item.entry.modified = archive_entry_mtime(entry);
    item.size = static_cast<uint64_t>(archive_entry_size(entry));
    impl_->item = item;
    return item;
}

std::string ArchiveReader::content(size_t limit) {
    if (impl_->item.size > limit) throw Failure(Code::invalid, impl_->item.entry.path + " in the archive is too long");
    std::string text(impl_->item.size, '\0');
    size_t have = 0;
    while (have < text.size()) {
        la_ssize_t got = archive_read_data(impl_->in, text.data() + have, text.size() - have);
        if (got <= 0) impl_->fail();
        have += static_cast<size_t>(got);
    }
    return text;
}

std::string ArchiveReader::copy_to(int fd) {
    Sha256 sum;
    uint64_t at = 0;
    for (;;) {
        const void *block = nullptr;
        size_t size = 0;
        la_int64_t offset = 0;
        int result = archive_read_data_block(impl_->in, &block, &size, &offset);
        if (result == ARCHIVE_EOF) break;
        if (result != ARCHIVE_OK) impl_->fail();
        auto begin = static_cast<uint64_t>(offset);
        if (offset < 0 || begin < at || begin + size > impl_->item.size) throw Failure(Code::invalid, impl_->item.entry.path + " in the archive is malformed");
        sum.add_zeros(begin - at);
        std::string_view bytes(static_cast<const char *>(block), size);
        sum.add(bytes);
        at = begin + size;
        while (!bytes.empty()) {
            ssize_t written = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at - bytes.size()));
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) fail_errno("writing " + impl_->item.entry.path);
            bytes.remove_prefix(static_cast<size_t>(written));
        }
    }
    sum.add_zeros(impl_->item.size - at);
    if (ftruncate(fd, static_cast<off_t>(impl_->item.size))) fail_errno("writing " + impl_->item.entry.path);
    return sum.hex();
}

}  // namespace seed::backup
