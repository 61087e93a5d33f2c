// seed-backup: what `seed backup` and `seed restore` run.  A program of its own, so that the shell, which strangers reach over SSH,
// carries neither libarchive nor SQLite.
//
//   seed-backup backup --state DIR [--volumes] [--json] FILE|-
//   seed-backup restore --state DIR [--json] FILE|-
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

#include "core/backup/backup.h"

using namespace seed;

namespace {

struct Options {
    std::string state, file;
    bool volumes = false, as_json = false;
};

void tell(const backup::Summary &summary, const char *done, const Options &options, std::chrono::milliseconds took) {
    FILE *to = options.file == "-" ? stderr : stdout;  // the archive itself may be on standard output
    if (options.as_json) {
        nlohmann::json line = {{"files", summary.files}, {"bytes", summary.bytes}, {"repositories", summary.repositories},
                               {"images", summary.images}, {"volumes", summary.volumes}, {"schema", summary.schema},
                               {"version", summary.version}, {"made", summary.made}, {"inconsistent", summary.inconsistent},
                               {"took_ms", took.count()}};
        std::fprintf(to, "%s\n", line.dump().c_str());
    } else {
        std::fprintf(to, "%s: %llu repositories, %llu images, %llu volumes, %s in %s\n", done, static_cast<unsigned long long>(summary.repositories),
                     static_cast<unsigned long long>(summary.images), static_cast<unsigned long long>(summary.volumes),
                     format_size(summary.bytes).c_str(), format_duration_ms(took.count()).c_str());
    }
    for (const auto &volume : summary.inconsistent)
        std::fprintf(stderr, "seed-backup: %s was written while it was read, its copy may not mount; stop its instance, or keep volumes on btrfs or xfs\n",
                     volume.c_str());
}

// The file gets its name when it is whole and on the disk.
backup::Summary write_file_whole(const Options &options) {
    backup::BackupOptions what{options.state, options.volumes};
    if (options.file == "-") {
        if (isatty(STDOUT_FILENO)) throw Failure(Code::invalid, "standard output is a terminal; name a file, or pipe the archive into a program");
        return backup::back_up(what, STDOUT_FILENO);
    }
    std::string part = options.file + ".part";
    UniqueFd file = open_file(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    try {
        if (fchmod(file.get(), 0600)) fail_errno("setting the mode of " + part);  // it holds keys
        backup::Summary summary = backup::back_up(what, file.get());
        if (fsync(file.get())) fail_errno("writing " + part);
        if (rename(part.c_str(), options.file.c_str())) fail_errno("naming " + options.file);
        return summary;
    } catch (const Failure &failure) {
        unlink(part.c_str());
        throw failure.within("while writing " + options.file);
    } catch (...) {
        unlink(part.c_str());
        throw;
    }
}

int run(int argc, char **argv) {
    Options options;
    CLI::App app{"seed-backup: the archive behind `seed backup` and `seed restore`"};
    app.require_subcommand(1);
    auto *make = app.add_subcommand("backup", "write an archive");
    auto *take = app.add_subcommand("restore", "restore an archive into an empty state directory");
    make->add_flag("--volumes", options.volumes);
    for (auto *command : {make, take}) {
        command->add_option("--state", options.state)->required();
        command->add_flag("--json", options.as_json);
        command->add_option("FILE", options.file)->required();
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    auto began = std::chrono::steady_clock::now();
    auto took = [&] { return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began); };
    if (make->parsed()) {
        backup::Summary summary = write_file_whole(options);
        tell(summary, "saved", options, took());
        return 0;
    }
    UniqueFd file = options.file == "-" ? UniqueFd(dup(STDIN_FILENO)) : open_file(options.file, O_RDONLY);
    backup::Summary summary = backup::restore(options.state, file.get());
    tell(summary, "restored", options, took());
    return 0;
}

}  // namespace

int main(int argc, char **argv) {
    ::signal(SIGPIPE, SIG_IGN);
    umask(077);
    try {
        return run(argc, argv);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "seed-backup: %s\n", error.what());
        return 1;
    }
}
