// Options and arguments of a command.  CLI11 underneath, kept out of the commands because of its size.
#pragma once
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace seed::shell {

struct UsageError : std::runtime_error {
    using runtime_error::runtime_error;
};
struct HelpWanted {};  // --help was given
struct OptionsWanted {  // --describe-options was given: for completion
    std::string json;   // one line: {"options": [{"names": ["-f", "--follow"], "value": false}], "arguments": ["INSTANCE"]}
};

class Options {
public:
    Options();
    ~Options();
    Options &flag(const std::string &names, bool &value);  // "--json", "-f,--follow"
    Options &number(const std::string &names, int64_t &value, int64_t least, int64_t most);
    Options &text(const std::string &names, std::string &value);
    Options &argument(const std::string &name, std::string &value, bool required);  // in order of declaration
    Options &arguments(const std::string &name, std::vector<std::string> &values);  // all that are left; none is fine
    void parse(std::vector<std::string> arguments);                                 // throws UsageError, HelpWanted

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace seed::shell
