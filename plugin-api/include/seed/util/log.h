// The log of a program, one line an entry: into the journal with its fields when stderr is the journal, otherwise as lines on
// stderr, which can be JSON.
//
//   text:     2026-11-21T10:15:00.123Z info deploy: app: evaluated call=push-0c83b1d2a4f5
//   json:     {"time":"...","level":"info","program":"seedd","component":"deploy","call":"push-...","text":"..."}
//   journal:  PRIORITY, SYSLOG_IDENTIFIER, SEED_COMPONENT, SEED_CALL, MESSAGE (journalctl SEED_CALL=push-0c83b1d2a4f5)
//
// `call` is the id of the work that the entry belongs to: the same in every process that one push goes through; may be empty.
// Texts may come from strangers: control characters never get out.  Thread-safe, never throws, never waits for a slow reader of
// the journal.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace seed {

enum class LogLevel { debug, info, warning, error };
enum class LogFormat { text, json };

void set_log_level(LogLevel level);  // what is below is dropped; at first SEED_LOG_LEVEL says, or info
bool logs(LogLevel level);
void set_log_format(LogFormat format);  // at first SEED_LOG says (text, json), or text
void log(LogLevel level, std::string_view component, std::string_view text, std::string_view call = {});
// "NAME=VALUE" of what a child needs in its environment to log as we do.
std::vector<std::string> log_environment();

}  // namespace seed
