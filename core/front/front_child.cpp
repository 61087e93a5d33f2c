#include "core/front/front_child.h"

#include <unistd.h>

#include <seed/util/file.h>

#include "core/base/log.h"

namespace seed::front {

void FrontChild::stop() {
    stopped_ = true;
    if (process_) process_->kill_group();   // what it started dies with it
}

Task<void> FrontChild::run() {
    while (!stopped_) {
        std::string why;
        try {
            SocketPair channel = make_socket_pair();
            SpawnOptions options;
            options.arguments = {(program_directory() / "seed-front").string(), "--channel", "3"};
            options.environment = log_environment();
            options.environment.insert(options.environment.end(), {"PATH=/usr/bin", "LANG=C.UTF-8"});
            options.descriptors = {{STDERR_FILENO, 2}, {channel.theirs.get(), 3}};
            process_ = std::make_shared<Process>(Process::spawn(options));   // it goes into its cage by itself: front_confine.h
            channel.theirs.reset();
            spawn_task(executor_, "seed-front", link_.serve(std::move(channel.ours)));
            Call call("seed-front", std::chrono::hours(24 * 365));
            ExitStatus status = co_await wait_for_exit(*process_, call);
            why = status.to_string();
        } catch (const std::exception &error) {
            why = error.what();
        }
        if (stopped_) co_return;
        log_warning("front", "seed-front ended (" + why + "); starting it again");
        co_await sleep_for(std::chrono::milliseconds(500));
    }
}

}  // namespace seed::front
