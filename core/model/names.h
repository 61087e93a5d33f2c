// Names, checked once at the edge into types that cannot hold a bad one.
//
// Every name here is safe as a path component, an argument, a DNS label and JSON text: lower-case ASCII letters, digits and
// inner hyphens (RepoName also allows '.' and '_' inside).  Constructing from bad text throws Failure(invalid) with the rule.
#pragma once
#include <compare>
#include <string>
#include <string_view>

namespace seed::model {

// A repository as people type it: 1-64 of [a-z0-9._-], starting and ending with [a-z0-9], no "..", no ".git"/".lock" ending.
class RepoName {
public:
    explicit RepoName(std::string_view text);
    // As it comes in a git command: "/my-app.git", "my-app", "'my-app.git'" all name my-app.
    static RepoName from_path(std::string_view path);
    const std::string &str() const { return text_; }
    auto operator<=>(const RepoName &) const = default;

private:
    std::string text_;
};

// An instance within its flake: an RFC 1123 label of at most 40 characters.
class InstanceName {
public:
    explicit InstanceName(std::string_view text);
    const std::string &str() const { return text_; }
    auto operator<=>(const InstanceName &) const = default;

private:
    std::string text_;
};

// "s-" and 26 characters of lower-case base32: the first 130 bits of SHA-256 of the CID.
class Namespace {
public:
    explicit Namespace(std::string_view text);
    static Namespace of_cid(std::string_view cid);
    const std::string &str() const { return text_; }
    auto operator<=>(const Namespace &) const = default;

private:
    std::string text_;
};

// The IPNS name (CIDv1, libp2p-key, base36) of a raw 32-byte Ed25519 public key: 62 characters, "k51qzi5uqu5d...".
std::string cid_of_ed25519(std::string_view raw_public_key);

// A DNS name without final dot, lower-case, each label RFC 1123, at most 253 characters.
class DomainName {
public:
    explicit DomainName(std::string_view text);
    const std::string &str() const { return text_; }
    std::string absolute() const { return text_ + "."; }
    bool is_within(const DomainName &parent) const;   // equal or below
    auto operator<=>(const DomainName &) const = default;

private:
    std::string text_;
};

}  // namespace seed::model
