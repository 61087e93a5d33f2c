// storage-localpath: volumes as sparse ext4 images below a local folder.  What it does with files is in volume_files.h.
#include <seed/plugin_entry.hpp>

#include "plugins/storage-localpath/format.h"
#include "plugins/storage-localpath/volume_files.h"

namespace {

using namespace seed;

constexpr const char *schema = R"({
  "type": "object",
  "additionalProperties": false,
  "x-seed-needs": {"network": "none"},
  "properties": {
    "path": {"type": "string", "pattern": "^/", "x-seed-path": "write", "description": "folder for the volumes; default: the provider's state directory"}
  }
})";

std::string folder_of(const plugin::Host &host, const json &config) {
    std::string path = config.value("path", "");
    if (path.empty()) return host.state_directory() + "/volumes";
    if (path[0] != '/')
        throw Failure(Code::invalid, "storage-localpath: path \"" + path + "\" is not absolute: begin it with '/'");
    return path;
}

class LocalPath : public plugin::StorageProvider {
public:
    LocalPath(const plugin::Host &host, const json &config) : files_(folder_of(host, config)) {}

    storage::CheckReply check(plugin::Call &) override {
        storage::CheckReply reply;
        reply.free_bytes = files_.free_bytes();
        if (!localpath::can_format()) {
            reply.ok = false;
            reply.remarks.push_back("mkfs.ext4 is missing: install e2fsprogs");
        }
        if (reply.free_bytes < 1u << 30) reply.remarks.push_back("less than 1 GiB is free in " + files_.folder().string());
        return reply;
    }

    storage::AttachReply create(plugin::Call &call, const storage::CreateRequest &request) override {
        if (request.file_system != "ext4")
            throw Failure(Code::unsupported, "storage-localpath makes ext4 only, not \"" + request.file_system + "\"");
        return reply(files_.create(request.volume, request.size_bytes,
                                   std::chrono::duration_cast<std::chrono::milliseconds>(call.remaining())));
    }

    storage::AttachReply attach(plugin::Call &, const storage::VolumeRequest &request) override {
        return reply(files_.find(request.volume));
    }

    // Nothing is held between calls: a file needs no detaching.
    void detach(plugin::Call &, const storage::VolumeRequest &) override {}

    storage::AttachReply resize(plugin::Call &, const storage::ResizeRequest &request) override {
        return reply(files_.grow(request.volume, request.size_bytes));
    }

    void remove(plugin::Call &, const storage::RemoveRequest &request) override {
        if (request.confirm != request.volume)
            throw Failure(Code::invalid,
                          "removing a volume destroys its data: confirm must be the volume's own name, " + request.volume);
        files_.remove(request.volume);
    }

    storage::ListReply list(plugin::Call &) override {
        storage::ListReply reply;
        for (const auto &file : files_.list()) reply.volumes.push_back(volume(file));
        return reply;
    }

    storage::Volume usage(plugin::Call &, const storage::VolumeRequest &request) override {
        return volume(files_.find(request.volume));
    }

private:
    static storage::AttachReply reply(const localpath::VolumeFile &file) { return {file.path.string(), file.size_bytes}; }
    static storage::Volume volume(const localpath::VolumeFile &file) {
        return {file.volume, file.size_bytes, file.used_bytes, file.created_ms};
    }

    localpath::VolumeFiles files_;
};

}  // namespace

SEED_STORAGE_PLUGIN(LocalPath, "storage-localpath", "0.1.0", "volumes as sparse ext4 images in a local folder", schema, true)
