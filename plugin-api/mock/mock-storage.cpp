// mock-storage: volumes as entries of the state; "paths" are names of files that are made sparse in the state directory, so
// that a runtime finds something there.  Configuration: "capacity_bytes".
#include <seed/util/file.h>
#include <seed/util/text.h>
#include <seed/plugin_entry.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "mock.hpp"

namespace seed::mock {

using namespace storage;

class MockStorage final : public plugin::StorageProvider {
public:
    MockStorage(const plugin::Host &host, const json &config) : mock_(host, config) {}

    CheckReply check(plugin::Call &call) override {
        mock_.enter(call, "check");
        return {.ok = true, .free_bytes = capacity() - total(mock_.state()), .remarks = {"mock: volumes live in memory"}};
    }
    AttachReply create(plugin::Call &call, const CreateRequest &request) override {
        mock_.enter(call, "create", request);
        require_name(request.volume);
        mock_.change([&](json &state) {
            json &volume = state["volumes"][request.volume];
            if (volume.is_null()) volume = {{"created_ms", unix_ms_now()}, {"size_bytes", 0}};
            uint64_t before = volume["size_bytes"], size = std::max(before, request.size_bytes);
            if (size > capacity() || total(state) - before + size > capacity()) {
                if (before == 0) state["volumes"].erase(request.volume);
                throw Failure(Code::limit, "volume " + request.volume + ": no space left");
            }
            volume["size_bytes"] = size;
        });
        return reply(request.volume);
    }
    AttachReply attach(plugin::Call &call, const VolumeRequest &request) override {
        mock_.enter(call, "attach", request);
        set_attached(request.volume, true);
        return reply(request.volume);
    }
    void detach(plugin::Call &call, const VolumeRequest &request) override {
        mock_.enter(call, "detach", request);
        if (mock_.state()["volumes"].contains(request.volume)) set_attached(request.volume, false);
    }
    AttachReply resize(plugin::Call &call, const ResizeRequest &request) override {
        mock_.enter(call, "resize", request);
        mock_.change([&](json &state) {
            json &volume = find(state, request.volume);
            if (request.size_bytes < volume["size_bytes"].get<uint64_t>()) {
                throw Failure(Code::invalid, "volume " + request.volume + ": volumes never shrink");
            }
            if (request.size_bytes > capacity()) throw Failure(Code::limit, "volume " + request.volume + ": no space left");
            volume["size_bytes"] = request.size_bytes;
        });
        return reply(request.volume);
    }
    void remove(plugin::Call &call, const RemoveRequest &request) override {
        mock_.enter(call, "remove", request);
        require_name(request.volume);
        if (request.confirm != request.volume) {
            throw Failure(Code::invalid, "volume " + request.volume + ": confirm must repeat the volume's name");
        }
        mock_.change([&](json &state) {
            if (json &volumes = state["volumes"]; volumes.is_object()) volumes.erase(request.volume);
        });
        unlink(path_of(request.volume).c_str());
    }
    ListReply list(plugin::Call &call) override {
        mock_.enter(call, "list");
        ListReply reply;
        json state = mock_.state();
        for (const auto &[name, volume] : state["volumes"].items()) reply.volumes.push_back(to_volume(name, volume));
        return reply;
    }
    Volume usage(plugin::Call &call, const VolumeRequest &request) override {
        mock_.enter(call, "usage", request);
        json state = mock_.state();
        return to_volume(request.volume, find(state, request.volume));
    }

private:
    // NAMESPACE/INSTANCE/NAME; nothing that leads elsewhere.
    static void require_name(const std::string &volume) {
        bool valid = volume.size() <= 200 && volume.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_./") == std::string::npos;
        for (const auto &part : split(volume, '/')) valid = valid && !part.empty() && part != "." && part != "..";
        if (!valid) throw Failure(Code::invalid, "'" + printable(volume, 100) + "' is no volume: name it NAMESPACE/INSTANCE/NAME");
    }
    static json &find(json &state, const std::string &name) {
        json &volumes = state["volumes"];
        if (!volumes.contains(name)) throw Failure(Code::not_found, "volume " + name + " does not exist");
        return volumes[name];
    }
    static Volume to_volume(const std::string &name, const json &volume) {
        return {name, volume.at("size_bytes"), 0, volume.at("created_ms")};
    }
    static uint64_t total(const json &state) {
        uint64_t sum = 0;
        if (auto volumes = state.find("volumes"); volumes != state.end()) {
            for (const auto &[name, volume] : volumes->items()) sum += volume.value("size_bytes", uint64_t{0});
        }
        return sum;
    }
    uint64_t capacity() const { return mock_.config().value("capacity_bytes", uint64_t{1} << 40); }
    std::string path_of(std::string name) const {
        std::replace(name.begin(), name.end(), '/', '_');
        return mock_.path("volume-" + name);
    }
    void set_attached(const std::string &name, bool attached) {
        mock_.change([&](json &state) { find(state, name)["attached"] = attached; });
    }
    AttachReply reply(const std::string &name) {
        json state = mock_.state();
        uint64_t size = find(state, name).at("size_bytes");
        UniqueFd file = open_file(path_of(name), O_WRONLY | O_CREAT, 0600);
        if (ftruncate(file.get(), static_cast<off_t>(size)) != 0) fail_errno("volume " + name);
        return {path_of(name), size};
    }

    Mock mock_;
};

SEED_STORAGE_PLUGIN(MockStorage, "mock-storage", SEED_VERSION, "a storage provider that remembers",
                    MOCK_SCHEMA(R"(,"capacity_bytes":{"type":"integer","description":"of all volumes together"})"), true)

}  // namespace seed::mock
