#include "core/identity/ssh_host_key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <memory>

#include <seed/util/failure.h>
#include <seed/util/text.h>

namespace seed::identity {
namespace {

std::string number(uint32_t value) {
    return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8), static_cast<char>(value)};
}
std::string bytes(std::string_view value) { return number(static_cast<uint32_t>(value.size())) + std::string(value); }   // RFC 4251, section 5

}  // namespace

SshKey make_ssh_key(const std::string &comment) {
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
    unsigned char secret[32], open[32];
    size_t secret_size = sizeof secret, open_size = sizeof open;
    if (!key || EVP_PKEY_get_raw_private_key(key.get(), secret, &secret_size) != 1 ||
        EVP_PKEY_get_raw_public_key(key.get(), open, &open_size) != 1)
        throw Failure(Code::internal, "OpenSSL made no Ed25519 key");
    std::string point(reinterpret_cast<char *>(open), open_size);
    std::string pair = std::string(reinterpret_cast<char *>(secret), secret_size) + point;
    std::string blob = bytes("ssh-ed25519") + bytes(point);

    std::string check = random_bytes(4);   // twice: OpenSSH's test whether decryption worked
    std::string inner = check + check + bytes("ssh-ed25519") + bytes(point) + bytes(pair) + bytes(comment);
    for (char pad = 1; inner.size() % 8 != 0; ++pad) inner += pad;
    std::string outer = std::string("openssh-key-v1") + '\0' + bytes("none") + bytes("none") + bytes("") + number(1) + bytes(blob) + bytes(inner);

    std::string text = base64(outer), file = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
    for (size_t at = 0; at < text.size(); at += 70) file += text.substr(at, 70) + "\n";
    file += "-----END OPENSSH PRIVATE KEY-----\n";
    OPENSSL_cleanse(secret, sizeof secret);
    return {file, "ssh-ed25519 " + base64(blob)};
}

std::string sshfp_of(const std::string &public_key) {
    auto words = split(public_key, ' ');
    auto blob = words.size() >= 2 && words[0] == "ssh-ed25519" ? base64_decode(trim(words[1])) : std::nullopt;
    if (!blob) throw Failure(Code::invalid, "'" + printable(public_key, 60) + "' is not an Ed25519 public key");
    return "4 2 " + sha256_hex(*blob);  // Ed25519, SHA-256
}

}  // namespace seed::identity
