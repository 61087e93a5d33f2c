#include "core/front/webhook.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/fd.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

namespace seed::front {

namespace {

constexpr std::string_view prefix = "sha256=";

// "sha256=HEX", lower case, of the body.
std::string signature_of(const std::string &secret, std::string_view body) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!HMAC(EVP_sha256(), secret.data(), int(secret.size()), reinterpret_cast<const unsigned char *>(body.data()), body.size(), digest, &size))
        throw Failure(Code::internal, "OpenSSL cannot compute HMAC-SHA256");
    return std::string(prefix) + to_hex(std::string(reinterpret_cast<char *>(digest), size));
}

}  // namespace

std::vector<std::string> read_webhook_secrets(const std::string &path) {
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file)
        throw Failure(Code::unavailable, "no webhook is accepted: " + path + " is missing; write a secret of at least " +
                                             std::to_string(webhook_secret_bytes) + " bytes into it, mode 0600");
    struct stat status {};
    if (::fstat(file.get(), &status) != 0 || (status.st_mode & 077))
        throw Failure(Code::unavailable, "no webhook is accepted: others may read " + path + "; chmod 600 it and change the secret");
    std::vector<std::string> secrets;
    for (auto &line : split(read_all(file.get(), 65536), '\n')) {
        std::string secret(trim(line));
        if (secret.empty() || secret[0] == '#') continue;
        if (secret.size() < webhook_secret_bytes)
            throw Failure(Code::unavailable, "no webhook is accepted: a secret in " + path + " is shorter than " +
                                                 std::to_string(webhook_secret_bytes) + " bytes");
        secrets.push_back(secret);
    }
    if (secrets.empty()) throw Failure(Code::unavailable, "no webhook is accepted: " + path + " has no secret");
    return secrets;
}

bool signed_with_one_of(const std::vector<std::string> &secrets, std::string_view header, std::string_view body) {
    bool good = false;
    for (auto &secret : secrets) {
        std::string expected = signature_of(secret, body);
        // The length is no secret.
        good |= header.size() == expected.size() && CRYPTO_memcmp(header.data(), expected.data(), expected.size()) == 0;
    }
    return good;
}

Delivery read_delivery(std::string_view body) {
    nlohmann::json message = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
    Delivery delivery;
    if (!message.is_object()) throw Failure(Code::invalid, "the delivery is not a JSON object; set the webhook's content type to application/json");
    delivery.push = message.contains("ref") && message.contains("after");
    auto repository = message.find("repository");
    if (repository != message.end() && repository->is_object())
        for (auto member : {"full_name", "name"})
            if (auto name = repository->find(member); delivery.repository.empty() && name != repository->end() && name->is_string())
                delivery.repository = name->get<std::string>();
    if (delivery.push && delivery.repository.empty()) throw Failure(Code::invalid, "the delivery names no repository");
    return delivery;
}

bool Replays::first_time(const std::string &signature, Clock::time_point now) {
    while (!order_.empty() && (order_.size() >= most || now - order_.front().first >= window)) {
        known_.erase(order_.front().second);
        order_.pop_front();
    }
    if (!known_.insert(signature).second) return false;
    order_.emplace_back(now, signature);
    return true;
}

}  // namespace seed::front
