#include "push_rules.h"

#include <seed/util/failure.h>
#include <seed/util/text.h>
#include <algorithm>
#include <nlohmann/json.hpp>

namespace seed::silo {

namespace {

bool is_id(std::string_view text) {
    return text.size() == 40 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

std::optional<std::string> objection_to_options(const std::vector<std::string> &options) {
    if (options.size() > options_limit)
        return "a push may have at most " + std::to_string(options_limit) + " options, this one has " +
               std::to_string(options.size());
    size_t bytes = 0;
    for (auto &option : options) {
        bytes += option.size();
        if (option.size() > option_bytes_limit)
            return "the push option '" + printable(option, 40) + "...' is longer than " + std::to_string(option_bytes_limit) +
                   " bytes: shorten it";
        if (option.empty() || printable(option) != option || option.find('\t') != option.npos)
            return "the push option '" + printable(option, 80) + "' is not one line of plain text";
    }
    if (bytes > all_options_bytes_limit)
        return "the options of a push may have " + std::to_string(all_options_bytes_limit) + " bytes together, these have " +
               std::to_string(bytes);
    return std::nullopt;
}

}  // namespace

std::vector<git::RefUpdate> parse_updates(std::string_view text) {
    std::vector<git::RefUpdate> updates;
    for (auto &line : split(text, '\n')) {
        if (line.empty()) continue;
        std::string_view rest = line;
        auto old_id = rest.substr(0, 40), new_id = rest.size() > 82 ? rest.substr(41, 40) : std::string_view();
        if (!is_id(old_id) || !is_id(new_id) || rest[40] != ' ' || rest[81] != ' ')
            throw Failure(Code::invalid, "malformed list of updates");
        updates.push_back({std::string(rest.substr(82)), std::string(old_id), std::string(new_id)});
    }
    return updates;
}

bool is_branch_or_tag(std::string_view ref) {
    std::string_view name;
    if (ref.starts_with("refs/heads/"))
        name = ref.substr(11);
    else if (ref.starts_with("refs/tags/"))
        name = ref.substr(10);
    if (name.empty() || ref.size() > 250 || name == "HEAD") return false;
    if (printable(ref) != ref || ref.find('\t') != ref.npos) return false;  // control characters, broken UTF-8
    for (auto &part : split(name, '/'))
        if (part.empty() || part[0] == '-' || part[0] == '.') return false;
    return true;
}

std::optional<std::string> objection(const std::vector<git::RefUpdate> &updates, const std::vector<std::string> &push_options) {
    if (updates.size() > updates_limit)
        return "a push may change at most " + std::to_string(updates_limit) + " refs, this one has " +
               std::to_string(updates.size());
    for (auto &update : updates)
        if (!is_branch_or_tag(update.ref))
            return "'" + printable(update.ref, 200) +
                   "' is refused: only branches and tags whose names do not begin with '-' or '.'";
    return objection_to_options(push_options);
}

std::optional<std::string> unknown_option(const std::vector<std::string> &options, const std::vector<std::string> &known) {
    constexpr std::string_view seconds = "=SECONDS";
    auto fits = [&](const std::string &option, std::string_view form) {
        if (!form.ends_with(seconds)) return option == form;
        std::string_view name = form.substr(0, form.size() - seconds.size() + 1), value = option;
        if (!value.starts_with(name)) return false;
        value.remove_prefix(name.size());
        return !value.empty() && value.size() <= 5 && value.find_first_not_of("0123456789") == value.npos;
    };
    for (const auto &option : options) {
        if (known.empty() || std::any_of(known.begin(), known.end(), [&](const auto &form) { return fits(option, form); })) continue;
        std::string list;
        for (const auto &form : known) list += (list.empty() ? "" : ", ") + form;
        return "push option '" + printable(option, 80) + "' is unknown: known are " + list;
    }
    return std::nullopt;
}

}  // namespace seed::silo
