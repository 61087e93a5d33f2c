// Frames (seed/util/frame.h) over a socket of an Asio context.  Any number of writers; one reader.
#pragma once
#include "core/base/async.h"

#include <seed/util/frame.h>

namespace seed {

class FrameStream {
public:
    FrameStream(asio::any_io_executor executor, UniqueFd socket);
    ~FrameStream();
    // None at the end of the stream and after close(); throws Failure on a malformed frame, after which the stream is useless.
    Task<std::optional<Frame>> receive(size_t limit = frame_limit);
    // Queued when called (awaited or not) and written in order; descriptors are duplicated at once.  The await returns at once
    // while little waits for the peer, and otherwise when it has read.  Throws Failure(unavailable) when the peer is gone,
    // Failure(limit) when more than 64 MiB wait for a peer that does not read.
    Task<void> send(std::string body, std::vector<int> descriptors = {});
    // As send(), but without waiting until it is written.
    void post(std::string body, std::vector<int> descriptors = {});
    void close();                  // ends what waits in receive() and send(); frames that still wait are dropped
    bool is_open() const;          // not closed by us, and the peer still took what we wrote last
    size_t waiting_bytes() const;  // queued, not yet taken by the kernel

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace seed
