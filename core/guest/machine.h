// Making a machine out of a booted kernel.  Each function returns an empty string, or what went wrong as a sentence.
#pragma once
#include <string>

#include "core/guest/configuration.h"

namespace seed::guest {

void mount_kernel_folders();  // /dev, /proc, /sys, /run; opens the console as 0, 1 and 2
void load_modules();          // /mod/*.ko in name order; complaints go to the console
void set_clock(int64_t unix_ms);
std::string set_network(const Configuration &configuration);
// tmpfs at /new with the store, the kernel's modules and the volumes; /run/seed and /etc/hostname are written.
std::string make_root(const Configuration &configuration);
std::string enter_root();  // /new becomes /
// What needs the closure's own user database: applied once its /etc/passwd and /etc/group know the names.  True when done.
bool apply_owner(const Volume &volume);
struct VolumeHealth {
    bool full = false, damaged = false;  // no room for users other than root; the kernel has met errors in its file system
};
VolumeHealth look_at_volume(const Volume &volume, bool was_full);
bool closure_made_etc();  // there is an /etc with more in it than our own /etc/seed
void complete_etc(const Configuration &configuration);  // /etc/resolv.conf and /etc/hosts, where the closure made none
[[noreturn]] void power_off();

}  // namespace seed::guest
