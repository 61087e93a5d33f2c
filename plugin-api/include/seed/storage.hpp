// Bodies of the contract "seed.storage/0".  See docs/contracts/storage.md; JSON member names are the C++ names.
#pragma once
#include <vector>

#include <seed/codec.hpp>

namespace seed::storage {

struct CheckReply {
    bool ok = true;
    uint64_t free_bytes = 0;
    std::vector<std::string> remarks;
};
// A volume's id is "NAMESPACE/INSTANCE/NAME" and never changes; it is also its handle.
struct CreateRequest {
    std::string volume;
    uint64_t size_bytes = 0;   // an existing smaller volume grows to it; an existing larger one stays (never shrinks)
    std::string file_system = "ext4";
};
struct VolumeRequest {
    std::string volume;
};
struct AttachReply {
    std::string path;          // block image or device on this host
    uint64_t size_bytes = 0;
};
struct ResizeRequest {
    std::string volume;
    uint64_t size_bytes = 0;
};
struct RemoveRequest {
    std::string volume;
    std::string confirm;       // must equal `volume`, or INVALID
};
struct Volume {
    std::string volume;
    uint64_t size_bytes = 0;
    uint64_t used_bytes = 0;   // on the host (sparse files)
    int64_t created_ms = 0;
};
struct ListReply {
    std::vector<Volume> volumes;
};

SEED_JSON(CheckReply, ok, free_bytes, remarks)
SEED_JSON(CreateRequest, volume, size_bytes, file_system)
SEED_JSON(VolumeRequest, volume)
SEED_JSON(AttachReply, path, size_bytes)
SEED_JSON(ResizeRequest, volume, size_bytes)
SEED_JSON(RemoveRequest, volume, confirm)
SEED_JSON(Volume, volume, size_bytes, used_bytes, created_ms)
SEED_JSON(ListReply, volumes)

SEED_REQUIRED(CreateRequest, "volume", "size_bytes")
SEED_REQUIRED(VolumeRequest, "volume")
SEED_REQUIRED(ResizeRequest, "volume", "size_bytes")
SEED_REQUIRED(RemoveRequest, "volume", "confirm")

}  // namespace seed::storage
