// The part of seed/util/text.h that needs OpenSSL: a plugin that uses none of it needs no OpenSSL either.
#include <seed/util/text.h>

#include <openssl/evp.h>

#include <seed/util/failure.h>

namespace seed {

std::string base64(std::string_view bytes) {
    std::string result((bytes.size() + 2) / 3 * 4 + 1, '\0');
    int n = EVP_EncodeBlock(reinterpret_cast<unsigned char *>(result.data()),
                            reinterpret_cast<const unsigned char *>(bytes.data()), static_cast<int>(bytes.size()));
    result.resize(static_cast<size_t>(n));
    return result;
}

std::string sha256(std::string_view bytes) {
    std::string digest(32, '\0');
    unsigned size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char *>(digest.data()), &size, EVP_sha256(), nullptr) !=
        1)
        throw Failure(Code::internal, "OpenSSL cannot compute SHA-256");
    return digest;
}

std::string sha256_hex(std::string_view bytes) {
    return to_hex(sha256(bytes));
}

}  // namespace seed
