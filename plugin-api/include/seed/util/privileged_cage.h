// A cage for who starts caged programs of other uids, and so keeps some of root's rights.  Everybody else: seed/util/cage.h.
#pragma once
#include <vector>

#include <seed/util/cage.h>

namespace seed {

// As enter_cage(), but of our capabilities these (CAP_* numbers) stay, also with a uid that is not root's; a program that is executed has
// none of them.  Who has CAP_SETUID of them puts children into cages of other uids as root does.
void enter_cage_keeping(const Cage &cage, const std::vector<int> &capabilities);

namespace uids {
inline constexpr uid_t front = 665904;  // seed-front; the other ranges are in cage.h
}

}  // namespace seed
