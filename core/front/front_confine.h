// What seed-front takes from itself before it accepts anybody.
#pragma once

namespace seed::front {

// Afterwards: a uid of our own; of all capabilities those that end children and give them other uids; no files but programs to execute;
// no new TCP or UDP sockets; the system calls of any cage (util/seccomp.cpp), and of the uids only those of seed-session and seed-http:
// who breaks in here can become neither root nor anybody else.  Call it in a process with one thread; throws Failure.
void confine();

}  // namespace seed::front
