// What cloud-hypervisor writes with --event-monitor: JSON objects over several lines, an empty line after each.  It drops what does not
// fit into its pipe, so an object may be cut: the next empty line begins anew.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "plugins/support/vm/hypervisor.h"
#include "plugins/support/vm/line_splitter.h"

namespace seed::clh {

class EventStream {
public:
    std::vector<vm::MonitorEvent> read(std::string_view bytes);  // never throws

private:
    vm::LineSplitter lines_{4096};
    std::string object_;
    bool too_long_ = false;
};

}  // namespace seed::clh
