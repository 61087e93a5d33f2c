// One provider behind seed-plugin-host, driven over frames as the core does it; the other way is driver.h, in this process.
#pragma once
#include "core/conformance/driver.h"

#include <seed/util/process.h>

namespace seed::conformance {

class HostProcess {
public:
    // Starts the host, loads the plugin and opens it; skips the check when there is no host, fails it when any of that fails.
    HostProcess(const Plugin &plugin, const Subject &subject, const std::string &state = "host");

    // Waits for the answer.  Fails the check when the host ends or the answer is later than `options.patience` after the deadline.
    Outcome call(const std::string &slot, const json &request, const CallOptions &options = {});
    // Leaves, as a core does, and waits for the end of the host.  Fails the check unless it ends with status 0 and without a sanitizer's
    // report.  A host with AddressSanitizer looks for leaks at its end: what it says is in the finding.
    void close();

private:
    json next(const char *member, std::chrono::milliseconds patience);
    std::string said() const;   // what the host and its programs wrote, for a finding
    const Plugin &plugin_;
    std::string output_;
    UniqueFd socket_;
    Process process_;
    uint64_t number_ = 0;
    std::vector<std::string> items_;   // of the call under way
};

}  // namespace seed::conformance
