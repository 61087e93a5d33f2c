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

// The same for loops of one's own: frames in the making, never blocking.
class FrameReader {
public:
    enum class Progress { blocked, complete, end };  // wait for readability; call take(); clean end of the stream
    // What is read of the socket: no byte behind the frame, so that others may read on; or whatever has arrived, with fewer system calls,
    // and then only this reader reads.
    enum class Reads { one_frame, ahead };
    explicit FrameReader(size_t limit = frame_limit, Reads reads = Reads::one_frame) : limit_(limit), reads_(reads) {}
    void set_limit(size_t limit) { limit_ = limit; }   // of the frames that are not complete yet
    Progress step(int socket);  // throws Failure(invalid) on a malformed frame
    bool is_complete() const;   // step() would not look at the socket
    // The last look at the socket left nothing there: for who waits for edges.  What has come since makes a new one; the end of the stream
    // that was there already makes none.
    bool is_drained() const { return drained_; }
    Frame take();               // after it, step() goes on with the next frame

private:
    size_t announced(size_t at) const;   // size of the frame that begins there; its header has arrived
    void claim(std::vector<UniqueFd> arrived, size_t before);

    struct Brought {
        size_t begin;   // where the frame begins that they belong to
        std::vector<UniqueFd> descriptors;
    };
    size_t limit_;
    Reads reads_;
    std::string bytes_;   // from the beginning of a frame on
    std::vector<Brought> brought_;
    bool drained_ = false;
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
