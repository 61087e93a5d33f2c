// The actions of the command `plugin`; plugin.cpp chooses among them.
#pragma once
#include "core/shell/command.h"

namespace seed::shell {

struct PluginWords {
    bool as_json = false, bodies = false;
    std::string plugin, operation, request;  // operands, by place
    std::string config, only, confirmed, only_operation;
    int64_t timeout_seconds = 0;  // 0: the default
};

int list_plugins(Context &context, const PluginWords &words);
int show_plugin(Context &context, const PluginWords &words);
int check_plugin(Context &context, const PluginWords &words);
int call_plugin(Context &context, const PluginWords &words);
int trace_plugins(Context &context, const PluginWords &words);
int restart_plugin(Context &context, const PluginWords &words);
int forget_plugin(Context &context, const PluginWords &words);

}  // namespace seed::shell
