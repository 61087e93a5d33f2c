#include "core/model/names.h"

#include <algorithm>
#include <vector>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::model {
namespace {

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_label(std::string_view text, size_t longest) {
    return !text.empty() && text.size() <= longest && is_letter_or_digit(text.front()) && is_letter_or_digit(text.back()) &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

[[noreturn]] void refuse(std::string_view kind, std::string_view text, std::string_view rule) {
    throw Failure(Code::invalid, "\"" + printable(text, 80) + "\" is not " + std::string(kind) + ": use " + std::string(rule));
}

constexpr std::string_view cid_prefix{"\x01\x72\x00\x24\x08\x01\x12\x20",
                                      8};  // CIDv1, libp2p-key, identity(36), Ed25519, 32 bytes

std::string base36(std::string_view bytes) {
    constexpr char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    std::vector<unsigned char> rest(bytes.begin(), bytes.end());
    std::string text;
    while (!rest.empty()) {
        std::vector<unsigned char> quotient;
        unsigned remainder = 0;
        for (unsigned char byte : rest) {
            unsigned value = remainder << 8 | byte;
            remainder = value % 36;
            if (!quotient.empty() || value / 36) quotient.push_back(static_cast<unsigned char>(value / 36));
        }
        text += digits[remainder];
        rest = std::move(quotient);
    }
    std::reverse(text.begin(), text.end());
    return text;
}

}  // namespace

RepoName::RepoName(std::string_view text) : text_(text) {
    bool good =
        !text.empty() && text.size() <= 64 && is_letter_or_digit(text.front()) && is_letter_or_digit(text.back()) &&
        std::all_of(text.begin(), text.end(), [](char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; }) &&
        text.find("..") == text.npos && !text.ends_with(".git") && !text.ends_with(".lock");
    if (!good)
        refuse(
            "a repository name", text,
            "1 to 64 of a-z, 0-9, '.', '_' and '-', with a letter or digit at both ends, no \"..\", not ending in .git or .lock");
}

RepoName RepoName::from_path(std::string_view path) {
    std::string_view name = path;
    if (name.size() >= 2 && (name.front() == '\'' || name.front() == '"') && name.back() == name.front())
        name = name.substr(1, name.size() - 2);
    while (name.starts_with('/')) name.remove_prefix(1);
    while (name.ends_with('/')) name.remove_suffix(1);
    if (name.ends_with(".git")) name.remove_suffix(4);
    return RepoName(name);
}

InstanceName::InstanceName(std::string_view text) : text_(text) {
    if (!is_label(text, 40)) refuse("an instance name", text, "1 to 40 of a-z, 0-9 and inner '-'");
}

Namespace::Namespace(std::string_view text) : text_(text) {
    bool good = text.size() == 28 && text.starts_with("s-") && std::all_of(text.begin() + 2, text.end(), [](char c) {
                    return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7');
                });
    if (!good) refuse("a namespace", text, "\"s-\" and 26 of a-z and 2-7, as `status` shows it");
}

Namespace Namespace::of_cid(std::string_view cid) {
    return Namespace("s-" + base32_lower(sha256(cid)).substr(0, 26));
}

std::string cid_of_ed25519(std::string_view raw_public_key) {
    if (raw_public_key.size() != 32)
        throw Failure(Code::invalid, "an Ed25519 public key has 32 bytes, this one " + std::to_string(raw_public_key.size()));
    return "k" + base36(std::string(cid_prefix) + std::string(raw_public_key));
}

DomainName::DomainName(std::string_view text) : text_(text) {
    bool good = !text.empty() && text.size() <= 253;
    std::vector<std::string> labels = split(text, '.');
    for (const auto &label : labels) good = good && is_label(label, 63);
    // "10.0.0.1" is an address, not a name.
    good = good && !std::all_of(labels.back().begin(), labels.back().end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!good)
        refuse("a domain name", text,
               "lower-case labels of a-z, 0-9 and inner '-', at most 63 long, with dots between, no final dot");
}

bool DomainName::is_within(const DomainName &parent) const {
    return text_ == parent.text_ || text_.ends_with("." + parent.text_);
}

}  // namespace seed::model
