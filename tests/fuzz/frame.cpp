// What a stranger may send where a frame is expected.  Holds: every byte sequence gives frames, an end or Failure(invalid).
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/frame.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 64u << 10) return 0;  // fits the socket's buffer
    seed::SocketPair pair = seed::make_socket_pair();
    seed::write_all(pair.ours.get(), std::string_view(reinterpret_cast<const char *>(data), size));
    pair.ours.reset();
    size_t used = 0;
    try {
        for (;;) {
            seed::FrameReader reader(4096);
            seed::FrameReader::Progress progress = reader.step(pair.theirs.get());
            if (progress == seed::FrameReader::Progress::blocked) abort();  // the other end is closed
            if (progress == seed::FrameReader::Progress::end) break;
            used += 4 + reader.take().body.size();
        }
        if (used != size) abort();
    } catch (const seed::Failure &failure) {
        if (failure.code() != seed::Code::invalid) abort();
    }
    return 0;
}
