// The way out of a box: a socket that listens on the box's own loopback and is served from outside, by seed-fetch-proxy.
//
// A socket belongs to the network namespace it was made in, whoever holds it.  So the box needs no route, no interface and no
// relay: it makes the socket, gives it away before the first foreign byte is read, and what runs in it finds an https proxy.
// Builders of ordinary derivations have a network namespace of their own, without the door; those of fixed outputs share the
// box's.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace seed::box {

inline constexpr std::string_view certificates_in_box = "/etc/ssl/certs/ca-certificates.crt";

// In the box's network namespace, with loopback up.  Sends the socket over `door` (frame.h) and closes that.
void open_door(int door);
// For Nix, curl and git: where the proxy is, and whom to believe.
std::vector<std::string> door_environment();

}  // namespace seed::box
