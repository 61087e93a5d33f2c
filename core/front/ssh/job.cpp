#include "core/front/ssh/job.h"

#include <fcntl.h>

namespace seed::front {

namespace {

// 1 MiB instead of 64 KiB halves the time of a big clone; the kernel may refuse, which only costs speed.
Pipe make_big_pipe() {
    Pipe pipe = make_pipe();
    ::fcntl(pipe.read.get(), F_SETPIPE_SZ, 1 << 20);
    return pipe;
}

}  // namespace

Job::Job(ExecRequest request, JobMain main) {
    Pipe in = make_big_pipe(), out = make_big_pipe(), err = make_pipe(), done = make_pipe();
    for (int fd : {in.write.get(), out.read.get(), err.read.get()}) set_nonblocking(fd, true);
    to = std::move(in.write);
    from = std::move(out.read);
    errors = std::move(err.read);
    done_ = std::move(done.read);
    auto streams = std::make_shared<JobStreams>(JobStreams{std::move(in.read), std::move(out.write), std::move(err.write)});
    auto ended = std::make_shared<UniqueFd>(std::move(done.write));
    std::thread([request = std::move(request), main = std::move(main), shared = shared_, streams, ended] {
        shared->status = main(request, std::move(*streams), shared->cancellation);
        shared->done = true;
        ended->reset();  // end of file at done_fd()
    }).detach();
}

Job::~Job() {
    to.reset();
    from.reset();
    errors.reset();
    shared_->cancellation.cancel();
}

}  // namespace seed::front
