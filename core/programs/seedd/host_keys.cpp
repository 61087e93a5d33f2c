#include "host_keys.h"

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

#include "core/base/log.h"
#include "core/identity/ssh_host_key.h"

namespace seed::program {

namespace fs = std::filesystem;

void make_host_key(const fs::path &file) {
    if (fs::exists(file)) return;
    auto key = identity::make_ssh_key("seed");
    write_file_atomically(file.string() + ".pub", key.public_key + "\n", 0644);
    write_file_atomically(file, key.private_key, 0600);
}

Task<void> publish_host_keys(const Call &call, names::Records &records, const fs::path &file, std::string silo, std::string domain) {
    std::vector<model::Record> wanted;
    std::string name = silo + ".";
    for (auto ending : {".pub", ".next.pub"}) {
        try {
            if (fs::exists(file.string() + ending))
                wanted.push_back({name, "SSHFP", identity::sshfp_of(std::string(trim(read_file(file.string() + ending, 65536))))});
        } catch (const Failure &failure) {
            log_warning("seedd", file.string() + ending + " is not published: " + failure.what());
        }
    }
    if (silo != domain && !silo.ends_with("." + domain)) {
        for (auto &record : wanted) log_info("seedd", silo + " is not in the zone " + domain + "; publish there: SSHFP " + record.value);
        co_return;
    }
    try {
        co_await records.set(call, name, wanted);
    } catch (const Failure &failure) {
        log_warning("seedd", "the host keys are not published as SSHFP: " + std::string(failure.what()));
    }
}

}  // namespace seed::program
