// Can this machine run virtual machines in hardware, and how fast does its clock tick?
#pragma once
#include <cstdint>
#include <string>

namespace seed::vm {

struct Accelerator {
    std::string name;    // "kvm" or "tcg"
    std::string reason;  // why not kvm: a sentence
};
// `wanted`: "auto", "kvm" or "tcg".  /dev/kvm that opens proves nothing: a loop is run in a guest and timed
// (docs/guest-contract.md says what a guest finds either way).
Accelerator choose_accelerator(const std::string &wanted);
// kHz of the time stamp counter; takes 50 ms the first time.  Software emulation hangs for ever when it is not told.
uint64_t measure_tsc_khz();

}  // namespace seed::vm
