// What a broken-into seed-front may say to seedd, and the other way round.
#include <seed/util/failure.h>

#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>

#include "core/front/front_channel.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace seed;
    auto frame = [&] {
        Frame made;
        made.body.assign(reinterpret_cast<const char *>(data), size);
        SocketPair pair = make_socket_pair();
        made.descriptors.push_back(std::move(pair.ours));
        made.descriptors.push_back(std::move(pair.theirs));
        return made;
    };
    try {
        front::read_hello(frame());
    } catch (const Failure &) {
    }
    try {
        front::read_greeting(frame());
    } catch (const Failure &) {
    }
    try {
        Frame arrival = frame();
        UniqueFd peer = std::move(arrival.descriptors.back());
        arrival.descriptors.pop_back();
        front::Arrival read = front::read_arrival(std::move(arrival));
        for (char c : read.remote)
            if (c < ' ' || c > '~') std::abort();   // it goes into logs
    } catch (const Failure &) {
    }
    return 0;
}
