#include "core/front/ssh/person.h"

#include <libssh/libssh.h>

#include <string_view>

#include <seed/util/text.h>

namespace seed::front {

namespace {

// One length-prefixed string of an SSH blob, cut off its front.
std::optional<std::string_view> take_string(std::string_view &blob) {
    if (blob.size() < 4) return std::nullopt;
    size_t size = 0;
    for (int i = 0; i < 4; ++i) size = size << 8 | (unsigned char)blob[i];
    if (blob.size() - 4 < size) return std::nullopt;
    auto result = blob.substr(4, size);
    blob.remove_prefix(4 + size);
    return result;
}

// libssh 0.10 does not tell the size of a key: read it from the blob (string "ssh-rsa", mpint e, mpint n).
size_t rsa_bits(std::string_view blob) {
    auto name = take_string(blob), exponent = take_string(blob), modulus = take_string(blob);
    if (!name || *name != "ssh-rsa" || !exponent || !modulus) return 0;
    while (!modulus->empty() && modulus->front() == 0) modulus->remove_prefix(1);
    if (modulus->empty()) return 0;
    size_t bits = modulus->size() * 8;
    for (unsigned char top = modulus->front(); !(top & 0x80); top <<= 1) --bits;
    return bits;
}

const char *name_of(ssh_keytypes_e type) {
    switch (type) {
        case SSH_KEYTYPE_ED25519:
            return "ssh-ed25519";
        case SSH_KEYTYPE_SK_ED25519:
            return "sk-ssh-ed25519@openssh.com";
        case SSH_KEYTYPE_SK_ECDSA:
            return "sk-ecdsa-sha2-nistp256@openssh.com";
        case SSH_KEYTYPE_ECDSA_P256:
            return "ecdsa-sha2-nistp256";
        case SSH_KEYTYPE_ECDSA_P384:
            return "ecdsa-sha2-nistp384";
        case SSH_KEYTYPE_ECDSA_P521:
            return "ecdsa-sha2-nistp521";
        case SSH_KEYTYPE_RSA:
            return "ssh-rsa";
        default:
            return nullptr;
    }
}

}  // namespace

std::optional<Person> person_of(ssh_key_struct *key) {
    const char *name = name_of(ssh_key_type(key));
    if (!name) return std::nullopt;
    char *text = nullptr;
    if (ssh_pki_export_pubkey_base64(key, &text) != SSH_OK) return std::nullopt;
    std::string blob_text = text;
    ssh_string_free_char(text);
    auto blob = base64_decode(blob_text);
    if (!blob) return std::nullopt;
    std::string_view rest = *blob;
    if (take_string(rest) != name) return std::nullopt;
    size_t bits = rsa_bits(*blob);
    if (ssh_key_type(key) == SSH_KEYTYPE_RSA && (bits < 2048 || bits > 16384)) return std::nullopt;
    std::string digest = base64(sha256(*blob));
    while (!digest.empty() && digest.back() == '=') digest.pop_back();
    return Person{std::string(name) + " " + blob_text, "SHA256:" + digest};
}

}  // namespace seed::front
