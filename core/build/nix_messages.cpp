#include "core/build/nix_messages.h"

#include <algorithm>
#include <vector>

#include <seed/util/text.h>

namespace seed::build {
namespace {

constexpr size_t kept_lines = 400, kept_error_lines = 100, shown_error_lines = 20, shown_log_lines = 10, line_limit = 300;
constexpr std::string_view store = "/nix/store/";
constexpr size_t hash_length = 32;

// A builder that cannot be started says so in the form in which Nix' processes hand errors to each other, in what Nix takes for its log:
//   NAME> \1
//   NAME> \5\0\0\0\0\0\0\0Error\0\0\0 ... executing '/bin/bash': No such file or directory\0\0 ...
// Nix has taken escape sequences out of it, so its lengths say nothing any more: the longest printable part is the message.
constexpr std::string_view frame_begin("\5\0\0\0\0\0\0\0Error", 13);
std::string frame_message(std::string_view frame) {
    std::string_view longest;
    for (size_t at = 0; at < frame.size();) {
        size_t begin = at;
        while (at < frame.size() && static_cast<unsigned char>(frame[at]) >= ' ' && frame[at] != 127) ++at;
        if (at - begin > longest.size()) longest = frame.substr(begin, at - begin);
        ++at;
    }
    return "could not be started: " + std::string(longest);
}
std::string without_frame(std::string_view line) {
    size_t at = line.find(frame_begin);
    if (at == std::string_view::npos) return std::string(line);
    return std::string(line.substr(0, at)) + frame_message(line.substr(at + frame_begin.size()));
}

// "/nix/store/HASH-source/flake.nix" becomes "flake.nix", "/nix/store/HASH-hello.drv" stays: it is a name to look for.
std::string without_source_path(std::string_view line) {
    std::string text(line);
    constexpr std::string_view source = "-source/";
    for (size_t at = 0; (at = text.find(store, at)) != std::string::npos;) {
        size_t after = at + store.size() + hash_length;
        if (after + source.size() <= text.size() && std::string_view(text).substr(after, source.size()) == source)
            text.erase(at, store.size() + hash_length + source.size());
        else
            at += store.size();
    }
    return printable(text, line_limit);
}

bool is_noise(std::string_view line) {
    return trim(line).empty() || line.ends_with("> \1") || line.find("you don't have Internet access") != std::string_view::npos ||
           line.find("use '--show-trace'") != std::string_view::npos;
}

// A builder's own words under -L: "NAME> text".
bool is_log(std::string_view line) {
    size_t end = line.find("> ");
    return end != std::string_view::npos && end > 0 && line.substr(0, end).find(' ') == std::string_view::npos;
}

// "'/nix/store/HASH-hello.drv'" in `line`: "hello".
std::string derivation_name(std::string_view line) {
    size_t at = line.find(store), end = line.find(".drv", at == std::string_view::npos ? 0 : at);
    if (at == std::string_view::npos || end == std::string_view::npos) return {};
    at += store.size() + hash_length + 1;
    return at < end ? std::string(line.substr(at, end - at)) : std::string();
}

}  // namespace

void NixMessages::add(std::string_view line) {
    if (is_noise(line)) return;
    lines_.push_back(without_frame(line.substr(0, 2000)));
    if (lines_.size() > kept_lines) lines_.pop_front();
    if (!line.starts_with("error:") && (errors_.empty() || is_log(line))) return;
    errors_.push_back(lines_.back());
    // Of a long trace the middle is left out: what went wrong is its first line or among its last.
    if (errors_.size() > kept_error_lines) errors_.erase(errors_.begin() + kept_error_lines / 2);
}

// Nix up to 2.19 begins with what is wrong; later ones with the way to it, below a bare "error:", and end with what is wrong.  What is
// wrong comes first here, then where, then the way.
std::string NixMessages::error_block() const {
    auto first = errors_.begin(), wrong = first;
    if (first != errors_.end() && trim(*first) == "error:") {
        auto last = std::find_if(errors_.rbegin(), errors_.rend(), [](const std::string &line) { return trim(line).starts_with("error: "); });
        wrong = last == errors_.rend() ? ++first : std::prev(last.base());
        if (wrong != first) ++first;
    }
    std::vector<std::string_view> lines(wrong, errors_.end());
    lines.insert(lines.end(), first, wrong);
    if (lines.size() > shown_error_lines) lines.resize(shown_error_lines);
    std::string text;
    for (const auto &line : lines) text += text.empty() ? without_source_path(trim(line)) : "\n" + without_source_path(line);
    return text;
}

std::string NixMessages::failure(std::string_view what) const {
    std::string block = error_block();
    constexpr std::string_view tag = "error: ";
    if (block.starts_with(tag)) block.erase(0, tag.size());
    return std::string(what) + (block.empty() ? "" : ": " + block);
}

std::string NixMessages::failed_builder() const {
    for (const auto &line : errors_) {
        if (!line.starts_with("error: builder for ") && line.find("timed out after") == std::string::npos &&
            line.find("of silence") == std::string::npos && line.find("bytes of log output") == std::string::npos)
            continue;
        std::string name = derivation_name(line);
        if (name.empty()) continue;
        std::vector<std::string> log;
        for (auto at = lines_.rbegin(); at != lines_.rend() && log.size() < shown_log_lines; ++at)
            if (at->starts_with(name + "> ")) log.push_back("  " + printable(at->substr(name.size() + 2), line_limit));
        std::string text = printable(name, 100) + (log.empty() ? " wrote no log" : ", the end of its log:");
        for (auto at = log.rbegin(); at != log.rend(); ++at) text += "\n" + *at;
        return text;
    }
    return {};
}

bool NixMessages::contains(std::string_view text) const {
    auto has = [&](const std::string &line) { return line.find(text) != std::string::npos; };
    return std::any_of(errors_.begin(), errors_.end(), has) || std::any_of(lines_.begin(), lines_.end(), has);
}

std::string NixMessages::tail(size_t count) const {
    std::string text;
    for (size_t i = lines_.size() > count ? lines_.size() - count : 0; i < lines_.size(); ++i)
        text += (text.empty() ? "" : "\n") + without_source_path(lines_[i]);
    return text;
}

std::string progress_line(std::string_view raw) {
    std::string line = without_frame(raw);
    if (is_noise(line) || line.starts_with("error:") || line.starts_with("seed-nix-box:")) return {};
    if (line.starts_with("building '")) return "building " + printable(derivation_name(line), 100);
    if (line.starts_with("trace: ") || line.starts_with("warning: ") || is_log(line)) return printable(line, line_limit);
    return {};
}

}  // namespace seed::build
