#include <seed/util/text.h>

#include "core/model/planner.h"

namespace seed::model {

std::string_view to_string(ActionKind kind) {
    switch (kind) {
        case ActionKind::create_volume:
            return "create_volume";
        case ActionKind::grow_volume:
            return "grow_volume";
        case ActionKind::prepare_image:
            return "prepare_image";
        case ActionKind::start:
            return "start";
        case ActionKind::await_ready:
            return "await_ready";
        case ActionKind::publish:
            return "publish";
        case ActionKind::stop:
            return "stop";
        case ActionKind::destroy:
            return "destroy";
        case ActionKind::unpublish:
            return "unpublish";
        case ActionKind::apply_record:
            return "apply_record";
        case ActionKind::remove_record:
            return "remove_record";
    }
    return "unknown";
}

std::string describe(const Action &action) {
    switch (action.kind) {
        case ActionKind::create_volume:
            return "create volume " + action.volume + " of " + format_size(action.size_bytes);
        case ActionKind::grow_volume:
            return "grow volume " + action.volume + " to " + format_size(action.size_bytes);
        case ActionKind::prepare_image:
            return "prepare the image of " + action.instance;
        case ActionKind::start:
            return "start " + action.instance;
        case ActionKind::await_ready:
            return "wait until " + (action.handle.empty() ? action.instance : action.handle) + " is ready";
        case ActionKind::publish:
            return "publish " + action.instance + (action.handle.empty() ? "" : " at " + action.handle);
        case ActionKind::stop:
            return "stop " + action.handle;
        case ActionKind::destroy:
            return "destroy " + action.handle;
        case ActionKind::unpublish:
            return "unpublish " + action.instance;
        case ActionKind::apply_record:
            return "record " + action.record.name + " " + action.record.type + " " + action.record.value;
        case ActionKind::remove_record:
            return "remove record " + action.record.name + " " + action.record.type + " " + action.record.value;
    }
    return "unknown action";
}

}  // namespace seed::model
