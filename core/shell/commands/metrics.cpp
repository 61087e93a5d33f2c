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
    json answer = context.client.request("metrics", json::object(), context.cancel);
    context.out.write(as_json ? json_line(answer) : answer.value("text", ""));
    return exit_ok;
}

}  // namespace

extern const Command metrics_command;
const Command metrics_command = {"metrics", "the platform's numbers, as Prometheus reads them", help_text_metrics, run};

}  // namespace seed::shell
