// What seed-front and seedd say to each other, as frames (seed/util/frame.h) over one UNIX stream:
//
//  1. seed-front: hello    its version, and the TCP sockets it holds already, each as a descriptor
//  2. seedd:      greeting the limits of connections; the SSH host key as a descriptor, then a socket for each that it shall serve, too
//     or          release  names of sockets that are not wanted where they listen: close them, then say hello on a new channel
//     or          refusal  why not; the channel ends
//  3. seed-front: arrival  a process was started for somebody: of what kind, from which address; seedd's end of its control socket as
//                          the only descriptor.  Any number.
//
// seedd answers nothing after the greeting.  Who reads checks everything: a message that is not as above is Failure(invalid), and
// ends the channel.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <seed/util/frame.h>

namespace seed::front {

inline constexpr size_t channel_frame_limit = 4096;   // of what seed-front may say

// Names of sockets, and what is served there: "ssh", "http", "metrics".
bool is_front_name(std::string_view name);

struct HeldSocket {
    std::string name;
    bool given = false;   // by the service manager: the configured address says nothing then
    UniqueFd fd;          // checked: of TCP, listening
};
struct Hello {
    std::string version;
    std::vector<HeldSocket> sockets;
};
Hello read_hello(Frame frame);
std::string write_hello(const Hello &hello);   // descriptors: those of `sockets`, in order

struct ConnectionLimits {
    size_t connections = 256;
    size_t connections_per_address = 64;
};
struct Greeting {
    ConnectionLimits limits;
    std::vector<std::string> sockets;   // of the descriptors behind the host key
    std::vector<std::string> release;   // not empty: this is no greeting but a release
    std::string refusal;                // not empty: this is no greeting but a refusal
};
Greeting read_greeting(const Frame &frame);   // leaves the descriptors, and checks their number
std::string write_greeting(const Greeting &greeting);

enum class ArrivalKind { session, http, metrics };   // there is no operator behind seed-front
struct Arrival {
    ArrivalKind kind = ArrivalKind::session;
    std::string remote;   // of a session: an IP address; otherwise empty
    UniqueFd control;     // checked: a connected UNIX stream socket
};
Arrival read_arrival(Frame frame);
std::string write_arrival(ArrivalKind kind, const std::string &remote);

}  // namespace seed::front
