// How seed-front starts what reads the bytes of strangers.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include <seed/util/process.h>

namespace seed::front {

struct Child {
    std::vector<std::string> arguments;            // [0]: a program beside ours
    std::vector<std::pair<int, int>> descriptors;  // {ours, theirs}; standard error is ours
    Cage cage;                                     // files and network are taken by start()
};
// It dies with us.  Throws Failure.
Process start(Child child);

}  // namespace seed::front
