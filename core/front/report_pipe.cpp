#include "core/front/report_pipe.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

namespace seed::front {

constexpr size_t most_queued = 1u << 20;

ReportPipe::ReportPipe(asio::any_io_executor executor, UniqueFd write_end) : descriptor_(executor) {
    set_nonblocking(write_end.get(), true);
    descriptor_.assign(write_end.release());
}

void ReportPipe::line(std::string_view text) {
    if (finished_ || !descriptor_.is_open() || queued_ + text.size() > most_queued) return;
    queue_.push_back(std::string(text) + "\n");
    queued_ += queue_.back().size();
    if (!writing_) {
        writing_ = true;
        asio::co_spawn(
            descriptor_.get_executor(), [self = shared_from_this()]() { return self->write(); }, asio::detached);
    }
}

void ReportPipe::finish() {
    finished_ = true;
    if (!writing_ && descriptor_.is_open()) descriptor_.close();
}

Task<void> ReportPipe::write() {
    auto self = shared_from_this();
    while (!queue_.empty()) {
        std::string next = std::move(queue_.front());
        queue_.pop_front();
        boost::system::error_code error;
        co_await asio::async_write(descriptor_, asio::buffer(next), asio::redirect_error(asio::use_awaitable, error));
        queued_ -= next.size();
        if (error) {  // the pusher left; the work goes on without him
            queue_.clear();
            finished_ = true;
        }
    }
    writing_ = false;
    if (finished_ && descriptor_.is_open()) descriptor_.close();
}

}  // namespace seed::front
