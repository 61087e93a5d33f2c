// A seed-front that is a child of ours, started again when it ends: where no service manager has it as a service of its own.
#pragma once
#include <memory>

#include "core/base/async.h"
#include "core/front/front_link.h"

namespace seed::front {

class FrontChild {
public:
    FrontChild(asio::any_io_executor executor, FrontLink &link) : executor_(executor), link_(link) {}   // `link` outlives us
    Task<void> run();   // until stop()
    void stop();        // it ends at once, with all it started

private:
    asio::any_io_executor executor_;
    FrontLink &link_;
    std::shared_ptr<Process> process_;
    bool stopped_ = false;
};

}  // namespace seed::front
