#include "core/front/ssh/words.h"

#include <seed/util/failure.h>

namespace seed::front {

namespace {

constexpr size_t command_limit = 16384, word_limit = 64;

bool is_control(char c) {
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

enum class In { nothing, word, single_quotes, double_quotes };

}  // namespace

std::vector<std::string> split_words(std::string_view command) {
    if (command.size() > command_limit) throw Failure(Code::invalid, "the command is longer than 16 KiB");
    std::vector<std::string> words;
    std::string word;
    In where = In::nothing;
    auto finish = [&] {
        if (words.size() == word_limit) throw Failure(Code::invalid, "the command has more than 64 words");
        words.push_back(std::move(word));
        word.clear();
        where = In::nothing;
    };
    for (size_t at = 0; at < command.size(); ++at) {
        char c = command[at];
        bool blank = c == ' ' || c == '\t';
        if (is_control(c)) throw Failure(Code::invalid, "the command contains a control character");
        if (where == In::single_quotes) {
            if (c == '\'')
                where = In::word;
            else
                word += c;
        } else if (where == In::double_quotes) {
            if (c == '"') {
                where = In::word;
            } else if (c == '\\' && at + 1 < command.size() && (command[at + 1] == '"' || command[at + 1] == '\\')) {
                word += command[++at];
            } else {
                word += c;
            }
        } else if (blank) {
            if (where == In::word) finish();
        } else {
            where = In::word;
            if (c == '\'') {
                where = In::single_quotes;
            } else if (c == '"') {
                where = In::double_quotes;
            } else if (c == '\\') {
                if (++at == command.size()) throw Failure(Code::invalid, "the command ends in a backslash");
                if (is_control(command[at])) throw Failure(Code::invalid, "the command contains a control character");
                word += command[at];
            } else {
                word += c;
            }
        }
    }
    if (where == In::single_quotes || where == In::double_quotes)
        throw Failure(Code::invalid, "the command has a quote that is not closed");
    if (where == In::word) finish();
    return words;
}

}  // namespace seed::front
