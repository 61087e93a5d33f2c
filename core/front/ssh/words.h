// The command of an SSH exec request, taken apart the way a shell would quote it, without any shell.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace seed::front {

// Words are separated by spaces and tabs.  '...' is literal, "..." lets \" and \\ through, \x is x.  Nothing is expanded: $, *,
// ~, ; and | are ordinary characters.  Throws Failure(invalid) for an open quote, a final backslash, a control character or a
// NUL, more than 64 words or more than 16 KiB.
std::vector<std::string> split_words(std::string_view command);

}  // namespace seed::front
