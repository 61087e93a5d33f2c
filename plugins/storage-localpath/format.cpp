#include "plugins/storage-localpath/format.h"

#include <unistd.h>

#include <seed/util/failure.h>
#include <seed/util/process.h>
#include <seed/util/text.h>

namespace seed::localpath {
namespace {

constexpr const char *program = "/usr/sbin/mkfs.ext4";

}  // namespace

bool can_format() {
    return access(program, X_OK) == 0;
}

void format_ext4(const std::filesystem::path &image, std::chrono::milliseconds patience) {
    SpawnOptions options;
    // The guest's kernel finishes what `lazy` leaves out; no reserve for root, who is the tenant.
    options.arguments = {program, "-q", "-F", "-m", "0", "-b", "4096", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard",
                         image};
    options.environment = {"PATH=/usr/sbin:/usr/bin", "LC_ALL=C", "MKE2FS_SYNC=0"};
    Cage cage;
    if (access("/etc/mke2fs.conf", R_OK) == 0) cage.read = {"/etc/mke2fs.conf"};
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
