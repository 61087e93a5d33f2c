// Frames (seed/util/frame.h) over a socket of an Asio context.  Any number of writers; one reader.
#pragma once
#include "core/base/async.h"

#include <seed/util/frame.h>

namespace seed {

class FrameStream {
public:
    FrameStream(asio::any_io_executor executor, UniqueFd socket);
    ~FrameStream();
    Task<std::optional<Frame>> receive(size_t limit = frame_limit);   // none at end; throws Failure on a malformed frame
    // Queues and writes in order; descriptors are duplicated at once.  Throws Failure(unavailable) when the peer is gone,
    // Failure(limit) when more than 64 MiB wait for a peer that does not read.
    Task<void> send(std::string body, std::vector<int> descriptors = {});
    // As send(), but without waiting until it is written.
    void post(std::string body, std::vector<int> descriptors = {});
    void close();
    bool is_open() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace seed
