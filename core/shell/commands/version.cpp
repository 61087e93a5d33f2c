#include <nlohmann/json.hpp>

#include "core/front/client.h"
#include "core/shell/command.h"
#include "core/shell/options.h"
#include "core/shell/print.h"
#include "help_texts.h"

namespace seed::shell {

using nlohmann::json;

namespace {

int run(Context &context, const Arguments &arguments) {
    bool as_json = false;
    Options options;
    options.flag("--json", as_json).parse(arguments);
    json answer = context.client.request("health", json::object(), context.cancel);
    std::string daemon = text_of(answer, "version", "?");
    context.out.write(as_json ? json_line({{"seed", SEED_VERSION}, {"seedd", daemon}})
                              : "seed " SEED_VERSION ", seedd " + daemon + "\n");
    return exit_ok;
}

}  // namespace

extern const Command version_command;
const Command version_command = {"version", "which versions of seed and seedd these are", help_text_version, run};

}  // namespace seed::shell
