// Telling an SSH client why it is not served, without serving it: no process, no key exchange.
//
// The bytes are our identification line and one SSH_MSG_DISCONNECT in the clear, which is allowed before keys are exchanged
// (RFC 4253, sections 4.2, 6 and 11.1).  OpenSSH shows the sentence to its user.
#pragma once
#include <string>
#include <string_view>

namespace seed::front {

// `why`: one line, cut at 200 bytes.
std::string ssh_refusal(std::string_view why);

}  // namespace seed::front
