// `seed config check FILE`: what seedd would say to a configuration, without starting anything.  Plugins are loaded for their
// schema and not opened.
#include <charconv>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/text.h>

#include "core/config/config.h"
#include "core/providers/loader.h"
#include "core/providers/provider.h"
#include "core/providers/schema.h"
#include "core/shell/options.h"
#include "core/shell/print.h"
#include "help_texts.h"
#include "local_commands.h"

namespace seed::program {
namespace {

using nlohmann::json;

// What seedd adds to a provider's configuration when it opens it.
void add_facts(const std::string &kind, json &config) {
    if (kind != "runtime") return;
    config.update({{"platform", "000000000000"}, {"prefix6", "fd00:5eed:5eed::/48"}, {"zone", "seed.test"}, {"dns", "127.0.0.1:53"}});
}

std::vector<std::string> check_provider(const std::string &file, const std::string &kind, const config::ProviderChoice &chosen,
                                        const config::Settings &settings) {
    try {
        auto loaded = providers::load_plugin(providers::find_plugin(settings.plugin_directories, chosen.plugin), chosen.plugin, kind);
        const char *schema = loaded.provider->config_schema;
        json config = chosen.config;
        add_facts(kind, config);
        providers::check_config(chosen.plugin, schema ? schema : "", config);
        return {};
    } catch (const Failure &failure) {
        return {file + ":" + std::to_string(chosen.line) + ": providers." + kind + ": " + failure.what()};
    }
}

std::vector<std::string> mistakes_in(const std::string &file) {
    std::vector<std::string> mistakes;
    try {
        auto settings = config::load(file);
        for (const auto &[kind, list] : settings.providers)
            for (const auto &chosen : list)
                for (auto &mistake : check_provider(file, kind, chosen, settings)) mistakes.push_back(std::move(mistake));
    } catch (const Failure &failure) {
        if (failure.code() != Code::invalid) throw;  // no such file
        for (auto &line : split(failure.what(), '\n'))
            if (!line.empty()) mistakes.push_back(std::move(line));
    }
    return mistakes;
}

// "FILE:LINE: key.path: what is wrong" in its parts.
json parts_of(const std::string &file, const std::string &mistake) {
    json parts = {{"text", printable(mistake)}};
    if (!mistake.starts_with(file + ":")) return parts;
    std::string rest = mistake.substr(file.size() + 1);
    int line = 0;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), line);
    if (error != std::errc()) return parts;
    parts["line"] = line;
    rest = rest.substr(static_cast<size_t>(end - rest.data()));
    rest.erase(0, std::min(rest.find_first_not_of(": "), rest.size()));
    parts["text"] = printable(rest);
    return parts;
}

int run(shell::Context &context, const shell::Arguments &arguments) {
    bool as_json = false;
    std::string action, file;
    shell::Options options;
    options.flag("--json", as_json).argument("ACTION", action, /*required=*/true).argument("FILE", file, /*required=*/true);
    options.parse(arguments);
    if (action != "check") throw shell::UsageError("say config check FILE");
    auto mistakes = mistakes_in(file);
    if (as_json) {
        json list = json::array();
        for (const auto &mistake : mistakes) list.push_back(parts_of(file, mistake));
        context.out.write(shell::json_line({{"file", file}, {"ok", mistakes.empty()}, {"mistakes", list}}));
    } else if (mistakes.empty()) {
        context.out.line(printable(file) + " is right");
    }
    if (!as_json)
        for (const auto &mistake : mistakes) context.err.line(printable(mistake));
    return mistakes.empty() ? shell::exit_ok : shell::exit_failure;
}

}  // namespace

extern const shell::Command config_command;
const shell::Command config_command = {"config", "check a configuration file, plugins' parts included", shell::help_text_config, run,
                                       /*local=*/true};

}  // namespace seed::program
