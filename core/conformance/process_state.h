// What a plugin must leave as it was: descriptors, threads, children, working directory, umask, signals, locale, environment.
#pragma once
#include <map>
#include <set>
#include <string>

namespace seed::conformance {

std::map<int, std::string> open_descriptors();   // number to what /proc says it is
std::set<int> threads();
std::set<int> children();
std::string manners_state();                     // one line per thing, to be compared

}  // namespace seed::conformance
