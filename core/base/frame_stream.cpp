#include "core/base/frame_stream.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <deque>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed {
namespace {
constexpr size_t high_water = 1u << 20;  // above this a sender waits for the peer
constexpr size_t most_waiting = 64u << 20;
}  // namespace

// Shared with the handler that waits for writability and with those in receive() and send(): the stream itself may go first.
struct FrameStream::State : std::enable_shared_from_this<State> {
    explicit State(asio::any_io_executor executor) : socket(executor), drained(executor) {}

    asio::posix::stream_descriptor socket;
    FrameReader reader{frame_limit, FrameReader::Reads::ahead};
    Event drained;  // set while senders need not wait
    std::deque<FrameWriter> queue;
    size_t bytes = 0;
    bool waiting = false;  // for writability
    bool open = true;
    std::optional<Failure> broken;  // why nothing can be written any more; what has arrived can still be read

    void stop_writing(const Failure &why) {
        if (!broken) broken = why;
        queue.clear();
        bytes = 0;
        drained.set();
    }

    void pump() {
        try {
            while (open && !waiting && !queue.empty()) {
                if (!queue.front().step(socket.native_handle())) {
                    wait_for_room();  // and leave the loop
                    continue;
                }
                bytes -= queue.front().size();
                queue.pop_front();
            }
        } catch (const Failure &failure) {
            stop_writing(failure);
        }
        if (bytes > high_water)
            drained.clear();
        else
            drained.set();
    }

    void wait_for_room() {
        waiting = true;
        socket.async_wait(asio::posix::stream_descriptor::wait_write,
                          [self = shared_from_this()](boost::system::error_code error) {
                              self->waiting = false;
                              if (!error) self->pump();
                          });
    }

    void close() {
        if (!open) return;
        open = false;
        boost::system::error_code ignored;
        socket.close(ignored);  // ends both kinds of waiting
        stop_writing(Failure(Code::unavailable, "the connection is closed"));
    }
};

namespace {

template <typename State>
Task<std::optional<Frame>> receive_from(std::shared_ptr<State> state, size_t limit) {
    state->reader.set_limit(limit);
    while (state->open) {
        // Wait first, even when bytes are there: one busy peer shall not keep the others from their turn.
        if (state->reader.is_complete()) {
            co_await asio::post(state->socket.get_executor(), asio::use_awaitable);
            if (!state->open) break;
            state->reader.step(-1);   // looks at its size alone
            Frame frame = state->reader.take();
            co_return std::move(frame);
        }
        boost::system::error_code error;
        auto token = asio::redirect_error(asio::use_awaitable, error);
        co_await state->socket.async_wait(asio::posix::stream_descriptor::wait_read, token);
        if (!state->open) break;
        if (error == asio::error::operation_aborted) continue;
        FrameReader::Progress progress = state->reader.step(state->socket.native_handle());
        if (progress == FrameReader::Progress::end) break;
        if (progress == FrameReader::Progress::complete) {
            Frame frame = state->reader.take();
            co_return std::move(frame);
        }
    }
    co_return std::nullopt;
}

template <typename State>
Task<void> wait_until_drained(std::shared_ptr<State> state) {
    if (state->bytes > high_water) co_await state->drained.wait();
    if (state->broken) throw Failure(*state->broken);
}

}  // namespace

FrameStream::FrameStream(asio::any_io_executor executor, UniqueFd socket) : state_(std::make_shared<State>(executor)) {
    state_->socket.assign(socket.release());
    state_->drained.set();
}

FrameStream::~FrameStream() {
    close();
}

void FrameStream::close() {
    state_->close();
}

bool FrameStream::is_open() const {
    return state_->open && !state_->broken;
}

size_t FrameStream::waiting_bytes() const {
    return state_->bytes;
}

Task<std::optional<Frame>> FrameStream::receive(size_t limit) {
    return receive_from(state_, limit);
}

Task<void> FrameStream::send(std::string body, std::vector<int> descriptors) {
    State &state = *state_;
    if (state.broken) throw Failure(*state.broken);
    if (state.bytes + body.size() > most_waiting)
        throw Failure(Code::limit, "the peer does not read: " + format_size(state.bytes) + " wait for it already");
    FrameWriter writer(body, descriptors);
    state.bytes += writer.size();
    state.queue.push_back(std::move(writer));
    state.pump();
    if (state.broken) throw Failure(*state.broken);
    return wait_until_drained(state_);
}

void FrameStream::post(std::string body, std::vector<int> descriptors) {
    (void)send(std::move(body), std::move(descriptors));   // queued by the call itself
}

}  // namespace seed
