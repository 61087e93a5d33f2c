#include <poll.h>
#include <unistd.h>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/process.h>
#include <algorithm>
#include <cerrno>

namespace seed {
namespace {

// Reads what is there.  False at the end of the stream; sets `over` beyond the limit.
bool drain(int fd, std::string &into, size_t limit, bool &over) {
    char bytes[16384];
    for (;;) {
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
        if (n == 0) return false;
        auto count = static_cast<size_t>(n);
        if (count > limit - into.size()) {
            into.append(bytes, limit - into.size());
            over = true;
            return false;
        }
        into.append(bytes, count);
    }
}

bool names(const SpawnOptions &options, int theirs) {
    return std::any_of(options.descriptors.begin(), options.descriptors.end(), [&](auto &pair) { return pair.second == theirs; });
}

}  // namespace

RunResult run(SpawnOptions options, std::chrono::milliseconds patience, size_t output_limit, std::string_view input) {
    if (options.outlive_parent) throw Failure(Code::invalid, "run() waits for its program; spawn() starts one that outlives us");
    auto deadline = std::chrono::steady_clock::now() + patience;
    RunResult result;
    Pipe out, err;
    UniqueFd in;
    if (!names(options, 1)) {
        out = make_pipe();
        set_nonblocking(out.read.get(), true);
        options.descriptors.emplace_back(out.write.get(), 1);
    }
    if (!names(options, 2)) {
        err = make_pipe();
        set_nonblocking(err.read.get(), true);
        options.descriptors.emplace_back(err.write.get(), 2);
    }
    if (!input.empty() && !names(options, 0)) {
        in = file_in_memory(input);  // needs nobody to feed it, and no program blocks on it
        options.descriptors.emplace_back(in.get(), 0);
    }
    Process process = Process::spawn(options);
    out.write.reset();
    err.write.reset();
    in.reset();

    bool ended = false;
    while (!ended) {
        auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
        pollfd wanted[3] = {{process.pidfd(), POLLIN, 0}, {out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}};
        int n = poll(wanted, 3, static_cast<int>(std::clamp<int64_t>(left, 0, 1 << 30)));
        if (n < 0 && errno != EINTR) fail_errno("cannot wait for a program");
        if (n == 0) result.timed_out = true;
        // Once more after its end: what it wrote last is still in the pipes.  What its own children write later is not waited
        // for.
        ended = n > 0 && wanted[0].revents;
        if (out.read && (ended || wanted[1].revents) && !drain(out.read.get(), result.out, output_limit, result.overflowed))
            out.read.reset();
        if (err.read && (ended || wanted[2].revents) && !drain(err.read.get(), result.err, output_limit, result.overflowed))
            err.read.reset();
        if (result.timed_out || result.overflowed) break;
    }
    process.kill_group();  // it, or what it left behind
    result.status = process.wait();
    return result;
}

}  // namespace seed
