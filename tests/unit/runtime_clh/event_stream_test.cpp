#include "plugins/runtime-clh/event_stream.h"

#include <gtest/gtest.h>

namespace seed::clh {
namespace {

using Kind = vm::MonitorEvent::Kind;

std::vector<Kind> kinds(EventStream &stream, std::string_view bytes) {
    std::vector<Kind> found;
    for (const vm::MonitorEvent &event : stream.read(bytes)) found.push_back(event.kind);
    return found;
}

std::string event(const std::string &source, const std::string &name) {
    return "{\n  \"timestamp\": {\n    \"secs\": 0,\n    \"nanos\": 1\n  },\n  \"source\": \"" + source + "\",\n  \"event\": \"" + name +
           "\",\n  \"properties\": null\n}\n\n";
}

TEST(ClhEvents, AreUnderstoodInWhateverPiecesTheyCome) {
    std::string text = event("vmm", "starting") + event("vm", "booted") + event("vm", "rebooting") + event("vm", "shutdown");
    for (size_t piece : {size_t{1}, size_t{7}, text.size()}) {
        EventStream stream;
        std::vector<Kind> found;
        for (size_t at = 0; at < text.size(); at += piece)
            for (Kind kind : kinds(stream, std::string_view(text).substr(at, piece))) found.push_back(kind);
        EXPECT_EQ(found, (std::vector<Kind>{Kind::restarting, Kind::powered_off})) << piece;
    }
}

TEST(ClhEvents, GarbageAndCutObjectsAreSkippedUntilTheNextEmptyLine) {
    EventStream stream;
    EXPECT_TRUE(kinds(stream, "{\n \"source\": \"vm\",\n \"eve" + event("vm", "rebooting")).empty()) << "cut, and run into the next";
    EXPECT_TRUE(kinds(stream, "[1,2]\n\n{\"source\":7,\"event\":[]}\n\n\n\n" + std::string("\0\xff\n\n", 4)).empty());
    EXPECT_TRUE(kinds(stream, std::string(100000, '[') + "\n\n").empty()) << "deep";
    EXPECT_TRUE(kinds(stream, "{\"source\":\"vm\",\"event\":\"rebooting\",\"x\":\"" + std::string(1 << 20, 'x') + "\"}\n\n").empty()) << "too long";
    EXPECT_EQ(kinds(stream, event("vm", "rebooting")), std::vector<Kind>{Kind::restarting});
}

}  // namespace
}  // namespace seed::clh
