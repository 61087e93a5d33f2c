// One socket that many threads read, a frame each.  The kernel wakes one of those that wait in take(), and that one goes on to work with
// what it took: no thread hands work to another, which would cost two changes of threads for each call of a plugin.
//
//  1. take() returns a frame to one thread.  It is then this thread's turn, and nobody else reads.
//  2. What must be seen before the next frame (a call is registered, so that its cancellation finds it) is done now.
//  3. pass_on() gives the turn to whoever waits.
//
// Threads wait for edges: each arrival wakes one of them, so that a frame which comes alone costs one wait and one read, and nobody has to
// ask for the next.  Whoever is woken while another one has the turn leaves it to that one, who looks again when it passes the turn on.
#pragma once
#include <mutex>
#include <optional>

#include <seed/util/frame.h>

namespace seed::providers {

class FrameTurns {
public:
    explicit FrameTurns(int socket);   // borrowed; throws Failure when there are no descriptors left

    // From any thread; blocks.  None: the stream or the turns have ended.  Throws Failure(invalid) on a malformed frame.  Whoever learns of
    // the end of the stream, by the one or the other, keeps the turn and calls end().
    std::optional<Frame> take();
    void pass_on();
    void end();   // everybody's take() returns none, now and later

private:
    void watch(int operation, int descriptor, uint32_t events);

    const int socket_;
    UniqueFd turns_, ended_, more_;
    std::mutex lock_;   // of what follows; the turn decides who reads, so nobody waits for it
    FrameReader reader_{frame_limit, FrameReader::Reads::ahead};
    bool taken_ = false;        // somebody has the turn
    bool look_again_ = false;   // the socket may have something of which no edge will tell
};

}  // namespace seed::providers
