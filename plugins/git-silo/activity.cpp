#include "activity.h"

#include <string_view>
#include <system_error>

namespace seed::silo {

namespace fs = std::filesystem;

namespace {

bool is_leftover(std::string_view name, std::string_view folder) {
    if (name.ends_with(".lock") || name == "gc.pid") return true;  // no ref may end so
    // Written beside packed-refs.lock and made anew only when it is not there: left behind, no ref could be packed or deleted ever again.
    if (folder.empty()) return name == "packed-refs.new";
    if (folder == "objects") return name.starts_with("incoming-") || name.starts_with("tmp_objdir-");
    if (folder.starts_with("objects")) return name.starts_with("tmp_") || name.starts_with(".tmp-");
    return false;
}

// Never follows links; what vanishes meanwhile is as good as removed.
size_t sweep(const fs::path &folder, const std::string &name, int depth) {
    size_t removed = 0;
    std::error_code ignored;
    for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
        std::string child = entry->path().filename();
        if (is_leftover(child, name)) {
            removed += fs::remove_all(entry->path(), ignored) > 0;
        } else if (depth > 0 && entry->symlink_status(ignored).type() == fs::file_type::directory) {
            removed += sweep(entry->path(), name.starts_with("objects") ? "objects/" : name, depth - 1);
        }
    }
    return removed;
}

}  // namespace

size_t remove_leftovers(const fs::path &repository) {
    return sweep(repository, "", 0) + sweep(repository / "refs", "refs", 128) + sweep(repository / "objects", "objects", 2);
}

Activity::Guard Activity::enter(const fs::path &repository) {
    std::shared_ptr<Place> place;
    {
        std::lock_guard lock(mutex_);
        auto &known = places_[repository.string()];
        if (!known) known = std::make_shared<Place>();
        place = known;
    }
    std::lock_guard lock(place->mutex);
    if (place->inside == 0 && !place->clean) {
        remove_leftovers(repository);
        place->clean = true;
    }
    ++place->inside;
    return Guard(place);
}

Activity::Guard::~Guard() {
    if (!place_) return;
    std::lock_guard lock(place_->mutex);
    --place_->inside;
}

void Activity::Guard::killed() const {
    std::lock_guard lock(place_->mutex);
    place_->clean = false;
}

}  // namespace seed::silo
