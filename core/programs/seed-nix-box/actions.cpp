#include "core/programs/seed-nix-box/actions.h"

#include <seed/util/failure.h>

#include "core/programs/seed-nix-box/command.h"

namespace seed::box {

int run_action(const Options &options) {
    const std::string &name = options.action[0];
    if (name == "exec") {
        Command command;
        command.arguments.assign(options.action.begin() + 1, options.action.end());
        command.in = 0;
        command.address_space = options.address_space;
        return run_to_end(command);
    }
    if (name == "unpack") return unpack_source(options);
    if (name == "fetch") return fetch_input(options);
    if (name == "evaluate") return evaluate_flake(options);
    if (name == "build") return build_derivations(options);
    if (name == "image") return make_closure_image(options);
    if (name == "collect") return collect_garbage(options);
    throw Failure(Code::invalid, "unknown action " + name + "\n" + usage());
}

}  // namespace seed::box
