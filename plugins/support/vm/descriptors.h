// The descriptors that a hypervisor is started with, and the devices it finds in its /dev.
#pragma once
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include <seed/util/fd.h>

#include "plugins/support/vm/vm_protocol.h"

namespace seed::vm {

class DescriptorPlan {  // our descriptors and the numbers they get in the hypervisor
public:
    int add(UniqueFd fd);
    int add_readable(const std::string &path);  // throws Failure
    void add_as(int ours, int theirs) { pairs_.emplace_back(ours, theirs); }
    int add_channel(UniqueFd &ours);            // a stream both ways
    const std::vector<std::pair<int, int>> &pairs() const { return pairs_; }

private:
    std::vector<UniqueFd> owned_;
    std::vector<std::pair<int, int>> pairs_;
    int next_ = 3;
};

// The machine's tap, from seed-net.  Afterwards we are in the platform's network namespace, and stay there, so that it outlives seed-net
// and can be entered again through us.
UniqueFd enter_network(const VmSpec &spec);

// A volume's image for reading and writing; Failure(invalid) when it is neither a file nor a block device.
struct VolumeImage {
    UniqueFd fd;
    bool device = false;
    dev_t number = 0;  // of a device
};
VolumeImage open_volume(const std::string &name, const std::string &path);

struct DeviceNode {
    std::string path;  // below /dev
    dev_t number;
    bool block = false;
};
DeviceNode existing_device(const std::string &path);  // throws Failure
// A mount namespace of our own with a /dev that holds these, for `uid` alone, and null, zero, random, urandom for everybody.  Device nodes
// of the host belong to root and to groups, and a hypervisor is neither.
void make_own_dev(uid_t uid, const std::vector<DeviceNode> &nodes);

}  // namespace seed::vm
