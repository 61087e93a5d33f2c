// One virtual machine from the start of its hypervisor to its end: console to log, control channel to state, orders from the plugin.
// Single-threaded; runs as the uid of the machine, in its directory `run`.
#pragma once
#include <optional>
#include <vector>

#include "plugins/support/vm/guest_event.h"
#include "plugins/support/vm/hypervisor.h"
#include "plugins/support/vm/line_splitter.h"
#include "plugins/support/vm/log_ring.h"

namespace seed::vm {

class Supervisor {
public:
    Supervisor(const VmSpec &spec, Hypervisor &hypervisor, Started started, UniqueFd listener);
    void run();  // returns when the hypervisor has ended and the last state is written

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
    void take_monitor_event(const MonitorEvent &event);
    void say_to_monitor(std::string_view words);
    void accept_control();
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
    Hypervisor &hypervisor_;
    Process process_;
    VmChannels channels_;
    UniqueFd listener_;
    LogWriter log_{"."};
    VmState state_;
    LineSplitter console_lines_{log_line_bytes}, control_lines_{guest_line_bytes}, complaint_lines_{1024};
    Allowance console_allowance_{256 * 1024, 1024 * 1024}, control_allowance_{64 * 1024, 64 * 1024};
    int64_t console_pause_until_ = 0;
    bool control_overlong_ = false, helper_runs_ = false, configured_ = false;
    std::string control_out_;
    int64_t kill_at_ms_ = 0;
    bool stop_asked_ = false;
    // QEMU, for one, halts a machine whose write found the host's disk full, and repeats the write when it may go on.
    bool out_of_space_ = false;
    int64_t next_try_ms_ = 0, resumed_ms_ = 0;
    std::vector<std::string> full_, damaged_;   // names of volumes, by the guest's word
    std::optional<MonitorEvent::Kind> end_;     // powered_off or reset, by the hypervisor's word
    std::string guest_reason_, kill_reason_, last_complaint_, panic_;
};

}  // namespace seed::vm
