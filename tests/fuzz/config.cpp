// The operator's file, however broken.  Holds: settings or Failure(invalid), whose every line names the file and a line.
#include "core/config/config.h"

#include <cstdint>
#include <cstdlib>

#include <seed/util/failure.h>
#include <seed/util/text.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    try {
        seed::config::Settings settings = seed::config::parse(std::string(reinterpret_cast<const char *>(data), size), "f");
        if (settings.platform.domain.empty() || !settings.providers.contains("git") || settings.providers.at("git").empty())
            abort();
        for (const auto &[kind, chosen] : settings.providers)
            for (const auto &choice : chosen)
                if (choice.plugin.empty()) abort();
    } catch (const seed::Failure &failure) {
        if (failure.code() != seed::Code::invalid) abort();
        for (const std::string &line : seed::split(failure.what(), '\n'))
            if (!line.starts_with("f:")) abort();
    }
    return 0;
}
