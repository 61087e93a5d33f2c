#include "plugins/runtime-qemu/qemu.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <seed/util/file.h>

#include "plugins/runtime-qemu/qemu_command.h"
#include "plugins/support/net/net_client.h"
#include "plugins/support/vm/descriptors.h"

namespace seed::qemu {
using vm::MonitorEvent;

vm::Started Qemu::start(const vm::VmSpec &spec) {
    vm::Started result;
    vm::DescriptorPlan plan;
    QemuDescriptors fds;
    fds.console = plan.add_channel(result.channels.console);
    fds.control = plan.add_channel(result.channels.control);
    fds.monitor = plan.add_channel(result.channels.monitor);
    fds.kernel = plan.add_readable(spec.guest + "/vmlinux");
    fds.initrd = plan.add_readable(spec.guest + "/initrd.cpio");
    fds.modules = plan.add_readable(spec.guest + "/modules.erofs");
    fds.store = plan.add_readable(spec.store);
    for (const runtime::Volume &volume : spec.boot.volumes) {
        vm::VolumeImage image = vm::open_volume(volume.name, volume.path);
        fds.devices.push_back(image.device);
        fds.volumes.push_back(plan.add(std::move(image.fd)));
        fds.volumes_read_only.push_back(plan.add_readable(volume.path));
    }
    if (!spec.tap.empty()) fds.tap = plan.add(vm::enter_network(spec));
    if (spec.accelerator == "kvm" && spec.uid) vm::make_own_dev(spec.uid, {vm::existing_device("/dev/kvm")});
    Pipe complaints = make_pipe();
    result.channels.complaints = std::move(complaints.read);
    plan.add_as(complaints.write.get(), 2);

    SpawnOptions options;
    options.arguments = qemu_command(spec, fds);
    options.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C"};
    options.descriptors = plan.pairs();
    if (geteuid() == 0) options.new_namespaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS;
    Cage cage;
    if (spec.uid) cage.uid = spec.uid;
    cage.read = {spec.guest};
    cage.landlock = spec.accelerator != "kvm";  // /dev/kvm and its ioctls
    cage.seccomp = false;                       // QEMU brings its own, made for what it does (-sandbox)
    options.cage = cage;
    result.process = Process::spawn(options);
    return result;
}

std::vector<MonitorEvent> Qemu::read_monitor(std::string_view bytes) {
    using Kind = MonitorEvent::Kind;
    std::vector<MonitorEvent> events;
    lines_.add(bytes, [&](std::string_view line, bool whole) {
        auto object = whole ? nlohmann::json::parse(line, nullptr, false) : nlohmann::json();
        if (!object.is_object()) return;
        if (object.contains("QMP")) return events.push_back({Kind::greeting});
        auto text = [](const nlohmann::json &in, const char *member) {
            auto found = in.find(member);
            return found != in.end() && found->is_string() ? found->get<std::string>() : std::string();
        };
        std::string event = text(object, "event");
        const nlohmann::json none = nlohmann::json::object();
        const nlohmann::json &data = object.contains("data") && object["data"].is_object() ? object["data"] : none;
        if (event == "SHUTDOWN") {
            std::string reason = text(data, "reason");
            shuts_down_ = true;
            if (reason == "guest-shutdown") events.push_back({Kind::powered_off});
            if (reason == "guest-reset") events.push_back({Kind::reset});
        } else if (event == "BLOCK_IO_ERROR") {
            auto nospace = data.find("nospace");
            if (nospace != data.end() && nospace->is_boolean() && nospace->get<bool>() && text(data, "action") == "stop")
                events.push_back({Kind::out_of_space});
        } else if (event == "RESUME") {
            events.push_back({Kind::resumed});
        } else if (event == "STOP" && !shuts_down_) {
            events.push_back({Kind::halted});
        }
    });
    return events;
}

}  // namespace seed::qemu
