// A tenant's flake.lock.  Holds: inputs that lead only to https addresses on port 443 or to repositories of the platform, each with a
// place in the store; or Failure(invalid) in one printable line.
#include "core/build/flake_lock.h"

#include <cstdint>
#include <cstdlib>

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/build/https_url.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using seed::build::LockedInput;
    std::string text(reinterpret_cast<const char *>(data), size);
    seed::build::InputRules rules;
    rules.allowed = {"public"};
    rules.platform_host = "silo.example";
    try {
        auto inputs = seed::build::read_flake_lock(text, rules);
        if (inputs.size() > seed::build::most_inputs + 1) abort();
        for (const auto &input : inputs) {
            if (!input.store_path.starts_with("/nix/store/") || input.store_path.size() != 11 + 32 + 7 || input.key.size() != 64) abort();
            auto url = seed::build::HttpsUrl::parse(input.url);
            bool platform = input.from == LockedInput::From::platform;
            if (platform ? !input.url.empty() || input.repository.find('/') != std::string::npos || input.repository.starts_with("-")
                         : !url || url->port != 443)
                abort();
            if (input.from != LockedInput::From::archive && input.revision.find_first_not_of("0123456789abcdef") != std::string::npos) abort();
            for (const std::string &word : {input.url, input.revision, input.repository})
                if (word.starts_with("-") || word != seed::printable(word)) abort();
        }
    } catch (const seed::Failure &failure) {
        std::string what = failure.what();
        if (failure.code() != seed::Code::invalid || what.find('\n') != std::string::npos || what != seed::printable(what)) abort();
    }
    return 0;
}
