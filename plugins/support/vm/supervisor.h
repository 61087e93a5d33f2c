// One virtual machine from the start of its QEMU to its end: console to log, control channel to state, orders from the plugin.
// Single-threaded; runs as the uid of the machine, in its directory `run`.
#pragma once
#include <map>
#include <vector>

#include <seed/util/process.h>

#include "plugins/support/vm/guest_event.h"
#include "plugins/support/vm/line_splitter.h"
#include "plugins/support/vm/log_ring.h"
#include "plugins/support/vm/vm_protocol.h"

namespace seed::vm {

struct VmChannels {  // our ends
    UniqueFd console, control, monitor, complaints;
};

class Supervisor {
public:
    Supervisor(const VmSpec &spec, Process qemu, VmChannels channels, UniqueFd listener);
    void run();  // returns when QEMU has ended and the last state is written

private:
    struct Client {
        UniqueFd socket;
        int64_t until_ms;
    };
    void read_console(int64_t now);
    void read_control(int64_t now);
    void read_monitor();
    void read_complaints();
    void take_guest_event(const GuestEvent &event);
    void take_monitor_line(std::string_view line);
    void serve(UniqueFd socket);
    void ask_to_stop(uint32_t grace_ms);
    void kill(const std::string &reason);
    void check_deadlines(int64_t now);
    void flush_control();
    void take_volumes(const GuestEvent &event);
    void pause_for_space(int64_t now);
    void refresh_remarks();
    std::string exit_reason(const ExitStatus &status) const;
    void save();

    const VmSpec spec_;
    Process qemu_;
    VmChannels channels_;
    UniqueFd listener_;
    LogWriter log_{"."};
    VmState state_;
    LineSplitter console_lines_{log_line_bytes}, control_lines_{guest_line_bytes}, monitor_lines_{65536}, complaint_lines_{1024};
    Allowance console_allowance_{256 * 1024, 1024 * 1024}, control_allowance_{64 * 1024, 64 * 1024};
    int64_t console_pause_until_ = 0;
    bool control_overlong_ = false, helper_runs_ = false, configured_ = false;
    std::string control_out_;
    int64_t kill_at_ms_ = 0;
    bool stop_asked_ = false;
    // QEMU halts a machine whose write found the host's disk full, and repeats the write when it may go on.
    bool out_of_space_ = false;
    int64_t next_try_ms_ = 0, resumed_ms_ = 0;
    std::vector<std::string> full_, damaged_;   // names of volumes, by the guest's word
    std::string guest_reason_, shutdown_reason_, kill_reason_, last_complaint_, panic_;
};

}  // namespace seed::vm
