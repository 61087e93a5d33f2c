#include "core/shell/man_page.h"

#include <seed/util/text.h>

namespace seed::shell {
namespace {

// One line of running text: what would be a request or an escape is text, `words` become bold.
std::string roff(std::string_view line, bool running) {
    std::string text;
    bool bold = false;
    if (!line.empty() && (line[0] == '.' || line[0] == '\'')) text = "\\&";
    for (char c : line) {
        if (c == '\\')
            text += "\\e";
        else if (c == '-')
            text += "\\-";
        else if (c == '`' && running)
            text += (bold = !bold) ? "\\fB" : "\\fR";
        else
            text += c;
    }
    return text;
}

// "# name: summary", paragraphs, lists ("- "), and blocks indented by four spaces, as the help texts are written.
std::string section(const Command &command) {
    std::string page = ".SS \"" + std::string(command.name) + "\"\n" + roff(command.summary, true) + "\n";
    bool block = false;
    auto lines = split(command.help, '\n');
    for (size_t i = 1; i < lines.size(); ++i) {
        const std::string &line = lines[i];
        bool indented = line.starts_with("    ");
        if (block && !indented && !line.empty()) {
            page += ".fi\n.RE\n";
            block = false;
        }
        if (indented) {
            if (!block) page += ".PP\n.RS 2\n.nf\n";
            block = true;
            page += roff(std::string_view(line).substr(4), false) + "\n";
        } else if (line.starts_with("- ")) {
            page += ".IP \\(bu 2\n" + roff(std::string_view(line).substr(2), true) + "\n";
        } else if (!line.empty()) {
            if (lines[i - 1].empty()) page += ".PP\n";
            page += roff(line, true) + "\n";
        } else if (block && i + 1 < lines.size() && lines[i + 1].starts_with("    ")) {
            page += ".sp\n";
        }
    }
    return page + (block ? ".fi\n.RE\n" : "");
}

}  // namespace

std::string man_page(const std::vector<const Command *> &commands) {
    std::string page = R"(.\" Made by: seed help --man > docs/man/seed.1
.TH SEED 1 "" "Seed" "User commands"
.SH NAME
seed \- the operator's command line of the Seed platform
.SH SYNOPSIS
.B seed
.RB [ \-\-socket
.IR PATH ]
.RB [ \-\-state
.IR DIR ]
.I COMMAND
.RI [ OPTIONS ]
.SH DESCRIPTION
Asks the daemon
.BR seedd (8)
over its socket. Whoever may open that socket is the operator. Every command takes
.BR \-\-json ;
its schema is in docs/schemas.
.SH OPTIONS
.TP
.BI \-\-socket " PATH"
The socket of seedd.
.TP
.BI \-\-state " DIR"
The platform's folder; the socket is seedd.sock in it.
.SH COMMANDS
)";
    for (auto *command : commands) page += section(*command);
    return page + R"(.SH EXIT STATUS
.TP
0
done
.TP
1
failed
.TP
2
wrong usage, unknown command
.TP
3
there is no such thing
.TP
4
not allowed
.TP
5
seedd is not reachable, or was too slow: try again
.PP
Errors are one line on standard error, with
.B \-\-json
one JSON object.
.SH ENVIRONMENT
.TP
.B SEED_SOCKET
as
.B \-\-socket
.TP
.B SEED_STATE
as
.B \-\-state
.SH FILES
.TP
.I /var/lib/seed/seedd.sock
the socket when nothing else is said
.SH SEE ALSO
.BR seedd (8),
.BR seed\-session (1)
)";
}

}  // namespace seed::shell
