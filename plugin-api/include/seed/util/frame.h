// Frames: how Seed's own processes talk over AF_UNIX stream sockets.
//
// A frame is a 32-bit big-endian length, then that many bytes of JSON text; up to 16 descriptors travel with its first
// byte (SCM_RIGHTS).  A longer frame than `frame_limit` is an error of the sender.  Blocking; for Asio programs see
// core/base/frame_stream.h, which speaks the same bytes.
#pragma once
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <seed/util/fd.h>

namespace seed {

inline constexpr size_t frame_limit = 4u << 20;
inline constexpr size_t frame_descriptors = 16;

struct Frame {
    std::string body;
    std::vector<UniqueFd> descriptors;
};

// Throws Failure(unavailable) when the peer is gone.  Thread-safe only with a lock of the caller's.
void send_frame(int socket, std::string_view body, const std::vector<int> &descriptors = {});
// None at a clean end of the stream.  Throws Failure(timeout) after `patience`, Failure(invalid) on a malformed frame.
std::optional<Frame> receive_frame(int socket, std::optional<std::chrono::milliseconds> patience = std::nullopt,
                                   size_t limit = frame_limit);

// The same for loops of one's own: one frame in the making, never blocking.
class FrameReader {
public:
    enum class Progress { blocked, complete, end };  // wait for readability; call take(); clean end of the stream
    explicit FrameReader(size_t limit = frame_limit) : limit_(limit) {}
    Progress step(int socket);                  // throws Failure(invalid) on a malformed frame
    Frame take() { return std::move(frame_); }  // the reader is used up then

private:
    size_t limit_, size_ = 0;
    std::string header_;
    Frame frame_;
};
class FrameWriter {
public:
    FrameWriter(std::string_view body, const std::vector<int> &descriptors);  // duplicates the descriptors
    bool step(int socket);  // false: wait for writability; throws Failure(unavailable)
    size_t size() const { return bytes_.size(); }

private:
    std::string bytes_;
    std::vector<UniqueFd> descriptors_;
    size_t done_ = 0;
};

// AF_UNIX stream sockets by path, close-on-exec.  Paths over 107 bytes are handled (through /proc/self/fd).
UniqueFd listen_unix(const std::string &path, int mode = 0600, int backlog = 64);  // replaces a stale socket file
UniqueFd connect_unix(const std::string &path);                                    // throws Failure(unavailable)
struct PeerCredentials {
    int pid;
    unsigned uid, gid;
};
PeerCredentials peer_credentials(int socket);

}  // namespace seed
