// What a stranger may send where a frame is expected.  Holds: every byte sequence gives frames, an end or Failure(invalid), and the same
// to a reader of single frames and to one that reads ahead.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/frame.h>

namespace {

// The bytes of the frames; nothing when they are malformed.
std::optional<size_t> read_all(const uint8_t *data, size_t size, seed::FrameReader::Reads reads) {
    seed::SocketPair pair = seed::make_socket_pair();
    seed::write_all(pair.ours.get(), std::string_view(reinterpret_cast<const char *>(data), size));
    pair.ours.reset();
    size_t used = 0;
    try {
        seed::FrameReader reader(4096, reads);
        for (;;) {
            seed::FrameReader::Progress progress = reader.step(pair.theirs.get());
            if (progress == seed::FrameReader::Progress::blocked) abort();  // the other end is closed
            if (progress == seed::FrameReader::Progress::end) return used;
            used += 4 + reader.take().body.size();
        }
    } catch (const seed::Failure &failure) {
        if (failure.code() != seed::Code::invalid) abort();
    }
    return std::nullopt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 64u << 10) return 0;  // fits the socket's buffer
    auto one = read_all(data, size, seed::FrameReader::Reads::one_frame);
    if (one && *one != size) abort();
    if (one != read_all(data, size, seed::FrameReader::Reads::ahead)) abort();
    return 0;
}
