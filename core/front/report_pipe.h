// The descriptor whose content git shows to the pusher as `remote:` lines.  Lines are queued and written as the reader takes
// them; a reader that does not read loses lines after 1 MiB, a reader that left loses all.  Nothing ever waits for it.
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/async.h"

namespace seed::front {

class ReportPipe : public std::enable_shared_from_this<ReportPipe> {
public:
    ReportPipe(asio::any_io_executor executor, UniqueFd write_end);
    void line(std::string_view text);  // may hold several lines
    void finish();                     // end of file after what is queued

private:
    Task<void> write();

    asio::posix::stream_descriptor descriptor_;
    std::deque<std::string> queue_;
    size_t queued_ = 0;
    bool writing_ = false, finished_ = false;
};

}  // namespace seed::front
