#include "plugins/storage-localpath/format.h"

#include <unistd.h>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/process.h>
#include <seed/util/text.h>

namespace seed::localpath {
namespace {

constexpr const char *program = "/usr/sbin/mkfs.ext4";

// What Debian 12's kernels and later mount, and what can grow while mounted (resize_inode).
constexpr const char *defaults = R"([defaults]
	base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
	default_mntopts = acl,user_xattr
	enable_periodic_fsck = 0
	blocksize = 4096
	inode_size = 256
	inode_ratio = 16384
[fs_types]
	ext4 = {
		features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
	}
)";

}  // namespace

bool can_format() {
    return access(program, X_OK) == 0;
}

void format_ext4(const std::filesystem::path &image, const std::filesystem::path &configuration,
                 std::chrono::milliseconds patience) {
    if (read_file_if_exists(configuration) != defaults) write_file_atomically(configuration, defaults, 0600);
    SpawnOptions options;
    // The guest's kernel finishes what `lazy` leaves out; no reserve for root, who is the tenant.
    options.arguments = {program, "-q", "-F", "-m", "0", "-b", "4096", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard",
                         image};
    options.environment = {"PATH=/usr/sbin:/usr/bin", "LC_ALL=C", "MKE2FS_SYNC=0", "MKE2FS_CONFIG=" + configuration.string()};
    Cage cage;
    cage.read = {configuration};
    cage.write = {image};
    cage.network = false;
    cage.memory_bytes = uint64_t{1} << 30;
    options.cage = cage;
    RunResult result = run(std::move(options), patience, 64 << 10);
    if (result.timed_out) throw Failure(Code::timeout, "mkfs.ext4 did not finish in time; it is done again at the next try");
    if (result.status.ok()) return;
    std::string said(trim(printable(result.err.empty() ? result.out : result.err, 500)));
    bool full = said.find("No space left") != said.npos || said.find("quota exceeded") != said.npos;
    throw Failure(full ? Code::limit : Code::internal,
                  "mkfs.ext4: " + result.status.to_string() + (said.empty() ? "" : ": " + said));
}

}  // namespace seed::localpath
