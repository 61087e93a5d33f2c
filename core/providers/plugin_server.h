// The plugin's side of the connection: loads one provider and answers frames on a socket.  seed-plugin-host runs it in a
// process of its own; isolation "inline" runs the same code on threads of the core, so both give the same results.
//
// Frames (seed/util/frame.h), each a JSON object with one member that says what it is.  Descriptors travel beside it.
//
//  1. host -> core  {"loaded":{"id","version","contract","summary","config_schema","concurrent","slots":[..]}}
//                   or {"failed":{"code":1,"text":".."}} and the end of the stream.
//  2. core -> host  {"open":{"config":{..},"state_dir":"/.."}}     (the core has checked the config against the schema)
//  3. host -> core  {"opened":{}} or {"failed":..} and the end.
//  4. core -> host  {"call":{"id":7,"slot":"apply","name":"c81","request_id":"r5","deadline_ns":N,"request":{..}}}
//                   deadline_ns is CLOCK_MONOTONIC, the same clock on both sides.
//     core -> host  {"cancel":7}                          the core gave up; an unknown id is ignored
//  5. host -> core  {"item":{"call":7,"body":{..}}}       any number, streams only
//                   {"done":{"call":7,"code":0,"body":{..}}}   once; body only from calls that are not streams
//                   {"done":{"call":7,"code":5,"text":"..","retry_after_ms":2000}}
//                   {"progress":{"call":7,"permille":-1,"doing":".."}}
//                   {"log":{"level":1,"text":"..","call":""}}
//  6. At the end of the stream the host cancels what runs, waits, calls close() and ends.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <seed/util/fd.h>

namespace seed::providers {

struct ServerOptions {
    std::string path, id, kind;
    // How long running calls may take to end once the core is gone; after it the provider is abandoned without close().
    std::chrono::milliseconds patience = std::chrono::seconds(3);
};

// Blocks until the core is gone.  True: the provider was closed in order.  False: a call did not end; its thread is still in
// the plugin, and only the end of the process removes it.
bool serve_plugin(UniqueFd socket, const ServerOptions &options);

}  // namespace seed::providers
