/* A security key made of software, for tests with the real OpenSSH client: `ssh-keygen -t ed25519-sk -w THIS.so`,
 * `ssh -o SecurityKeyProvider=THIS.so`.  It is "touched" at once; its "key handle" is the private key, so never for anything real.
 * The interface is OpenSSH's PROTOCOL.u2f, "SK middleware API". */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ecdsa = 0, ed25519 = 1, unsupported = -2, failed = -1 };

struct enroll_response {
    uint8_t flags;
    uint8_t *public_key;
    size_t public_key_len;
    uint8_t *key_handle;
    size_t key_handle_len;
    uint8_t *signature;
    size_t signature_len;
    uint8_t *attestation_cert;
    size_t attestation_cert_len;
    uint8_t *authdata;
    size_t authdata_len;
};
struct sign_response {
    uint8_t flags;
    uint32_t counter;
    uint8_t *sig_r;
    size_t sig_r_len;
    uint8_t *sig_s;
    size_t sig_s_len;
};

uint32_t sk_api_version(void) { return 0x000a0000; }

static int enroll_ed25519(struct enroll_response *e) {
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (!key) return failed;
    e->public_key_len = e->key_handle_len = 32;
    e->public_key = malloc(32);
    e->key_handle = malloc(32);
    int good = EVP_PKEY_get_raw_public_key(key, e->public_key, &e->public_key_len) == 1 &&
               EVP_PKEY_get_raw_private_key(key, e->key_handle, &e->key_handle_len) == 1;
    EVP_PKEY_free(key);
    return good ? 0 : failed;
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  /* the older interface is a third as long */
static int enroll_ecdsa(struct enroll_response *e) {
    EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    if (!key || EC_KEY_generate_key(key) != 1) return failed;
    e->public_key = malloc(65);
    e->public_key_len = EC_POINT_point2oct(EC_KEY_get0_group(key), EC_KEY_get0_public_key(key), POINT_CONVERSION_UNCOMPRESSED, e->public_key, 65, NULL);
    e->key_handle = malloc(32);
    e->key_handle_len = 32;
    BN_bn2binpad(EC_KEY_get0_private_key(key), e->key_handle, 32);
    EC_KEY_free(key);
    return 0;
}

int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application, uint8_t flags, const char *pin, void **options,
              struct enroll_response **out) {
    (void)challenge, (void)challenge_len, (void)application, (void)pin, (void)options;
    struct enroll_response *e = calloc(1, sizeof *e);
    e->flags = flags;
    e->signature = calloc(1, 64);
    e->signature_len = 64;
    *out = e;
    return alg == ed25519 ? enroll_ed25519(e) : alg == ecdsa ? enroll_ecdsa(e) : unsupported;
}

int sk_sign(uint32_t alg, const uint8_t *data, size_t len, const char *application, const uint8_t *key_handle, size_t key_handle_len, uint8_t flags,
            const char *pin, void **options, struct sign_response **out) {
    (void)pin, (void)options;
    uint8_t signed_bytes[69];  /* SHA256(application) | flags | counter | SHA256(data) */
    SHA256((const void *)application, strlen(application), signed_bytes);
    signed_bytes[32] = flags;
    memcpy(signed_bytes + 33, "\1\2\3\4", 4);
    SHA256(data, len, signed_bytes + 37);
    struct sign_response *s = calloc(1, sizeof *s);
    *out = s;
    s->flags = flags;
    s->counter = 0x01020304;
    s->sig_r = malloc(64);
    if (alg == ed25519) {
        EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key_handle, key_handle_len);
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        s->sig_r_len = 64;
        int good = EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 && EVP_DigestSign(context, s->sig_r, &s->sig_r_len, signed_bytes, sizeof signed_bytes) == 1;
        EVP_MD_CTX_free(context);
        EVP_PKEY_free(key);
        return good ? 0 : failed;
    }
    uint8_t digest[32];
    SHA256(signed_bytes, sizeof signed_bytes, digest);
    EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    BIGNUM *secret = BN_bin2bn(key_handle, (int)key_handle_len, NULL);
    EC_KEY_set_private_key(key, secret);
    ECDSA_SIG *signature = ECDSA_do_sign(digest, sizeof digest, key);
    if (signature) {
        s->sig_s = malloc(32);
        s->sig_r_len = s->sig_s_len = 32;
        BN_bn2binpad(ECDSA_SIG_get0_r(signature), s->sig_r, 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(signature), s->sig_s, 32);
    }
    ECDSA_SIG_free(signature);
    BN_free(secret);
    EC_KEY_free(key);
    return signature ? 0 : failed;
}

int sk_load_resident_keys(const char *pin, void **options, void ***keys, size_t *count) {
    (void)pin, (void)options, (void)keys, (void)count;
    return failed;
}
