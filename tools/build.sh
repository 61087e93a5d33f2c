# Sourced by ./check and ./quickstart: where the build goes, and how it is made.

# Other users (the platform's unprivileged processes) must be able to enter the directory programs are started from.
others_can_enter() {  # DIRECTORY
    local folder=$1
    while :; do
        [ $((0$(stat -c %a "$folder" 2>/dev/null || echo 0) & 1)) = 1 ] || return 1
        [ "$folder" != / ] || return 0
        folder=$(dirname "$folder")
    done
}

# The build directory NAME ("build", "build-asan" ...): beside the sources, or below /var/cache when root's programs would lie in a
# directory that only root may enter.
place_build() {  # NAME
    if [ "$(id -u)" != 0 ] || others_can_enter "$source_dir"; then
        printf '%s\n' "$source_dir/$1"
    else
        printf '/var/cache/seed/%s-%s\n' "$1" "$(printf %s "$source_dir" | cksum | cut -d' ' -f1)"
    fi
}

# Shows a build's progress: ninja's own moving line on a terminal, otherwise a line for every tenth of the way and what went wrong.
run_ninja() {  # BUILD_DIR TARGETS...
    local folder=$1
    shift
    if [ -t 1 ]; then
        ninja -C "$folder" -j "$build_jobs" "$@"
    else
        NINJA_STATUS='@%p ' ninja -C "$folder" -j "$build_jobs" "$@" 2>&1 | tee "$folder/build.log" | awk '
            /^@/ { percent = substr($1, 2) + 0; if (int(percent / 10) > tenth) { tenth = int(percent / 10); print "  built " tenth * 10 " %"; fflush() } next }
            /^ninja: (Entering|no work)/ { next }
            { print; fflush() }'
    fi
}

configure_build() {  # BUILD_DIR CMAKE_OPTIONS...
    local folder=$1
    shift
    mkdir -p "$folder" || return 1
    cmake -S "$source_dir" -B "$folder" -G Ninja "$@" >"$folder/configure.log" 2>&1 || { cat "$folder/configure.log" >&2; return 1; }
}

# What is needed to run the platform: its programs, plugins, guest files and the flake it publishes, without tests, probes and mocks.
platform_targets() {  # BUILD_DIR
    ninja -C "$1" -t targets all | sed -n 's,^\(bin/seed[^/:]*\|plugins/[^/:]*\.so\|guest/[^/:]*\|platform_flake\): .*,\1,p' \
        | grep -vE '^bin/seed-.*-probe$|^plugins/mock-|^guest/(all|test|edit_cache|rebuild_cache)$' | sort -u
}

# One compiler wants up to 1 GB: as many as there are processors and memory for.
jobs_for_this_machine() {
    local processors memory
    processors=$(nproc) memory=$(awk '/MemAvailable/ { print int($2 / 1200000) }' /proc/meminfo)
    [ "$memory" -ge 1 ] || memory=1
    [ "$processors" -le "$memory" ] && echo "$processors" || echo "$memory"
}
