#include <nlohmann/json.hpp>

#include <seed/util/text.h>

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
    json answer = context.client.request("collect", json::object(), context.cancel);
    auto &busy = list_of(answer, "busy");
    if (as_json) {
        context.out.write(json_line(answer));
        return busy.empty() ? exit_ok : exit_failure;
    }
    context.out.line("collected the garbage of " + std::to_string(number_of(answer, "repositories")) + " repositories: " +
                     format_size(uint64_t(number_of(answer, "freed_bytes"))) + " freed, " +
                     format_size(uint64_t(number_of(answer, "free_bytes"))) + " free");
    for (auto &repository : busy)
        if (repository.is_string()) context.err.line(printable(repository.get_ref<const std::string &>()) + ": busy; try again later");
    return busy.empty() ? exit_ok : exit_failure;
}

}  // namespace

extern const Command gc_command;
const Command gc_command = {"gc", "collect garbage now, and say what it freed", help_text_gc, run};

}  // namespace seed::shell
