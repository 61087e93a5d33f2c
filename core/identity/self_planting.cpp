#include "core/identity/self_planting.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

#include <seed/util/failure.h>

#include "core/model/names.h"

namespace seed::identity {

Identity make_identity() {
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
    std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), BIO_free);
    unsigned char raw[32];
    size_t size = sizeof raw;
    if (!key || !text || EVP_PKEY_get_raw_public_key(key.get(), raw, &size) != 1 || size != sizeof raw ||
        PEM_write_bio_PrivateKey(text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
        throw Failure(Code::internal, "OpenSSL made no Ed25519 key");
    char *data = nullptr;
    long length = BIO_get_mem_data(text.get(), &data);
    return {model::cid_of_ed25519({reinterpret_cast<char *>(raw), size}), std::string(data, static_cast<size_t>(length))};
}

}  // namespace seed::identity
