# Sourced by ./check and ./quickstart: installs the packages of tools/packages.txt that are missing.
#
# A package install must not start a server on somebody's machine (pdns on port 53, sshd on port 22), so services are held back by
# policy-rc.d while apt-get works, and those that it made start at the next boot are disabled again.

packages_of() {  # SECTION...: their packages, optional ones marked by ?
    local section='' line
    while read -r line; do
        case $line in
            '' | '#'*) ;;
            '['*) section=${line#[}; section=${section%]} ;;
            *) case " $* " in *" $section "*) printf '%s\n' "$line" ;; esac ;;
        esac
    done < "$source_dir/tools/packages.txt"
}

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
can_be_had() { apt-cache show --no-all-versions "$1" >/dev/null 2>&1; }

# Optional packages that no source offers are left out; before the first `apt-get update` that cannot be known, so `all` keeps them.
missing_packages() {  # needed|all SECTION...
    local scope=$1 package; shift
    for package in $(packages_of "$@"); do
        if is_installed "${package#'?'}"; then continue; fi
        case $scope:$package in needed:'?'*) can_be_had "${package#'?'}" || continue ;; esac
        printf '%s\n' "${package#'?'}"
    done
}

# apt's own status lines as one line that moves; silent when nobody looks.
show_apt_progress() {
    local kind package percent text
    while IFS=: read -r kind package percent text; do
        if [ -t 2 ]; then printf '\r  %3d%%  %-70.70s' "${percent%%.*}" "$text" >&2; fi
    done
    if [ -t 2 ]; then printf '\r%80s\r' '' >&2; fi
}

servers_at_boot() {
    (cd /etc/systemd/system 2>/dev/null && ls multi-user.target.wants/*.service sockets.target.wants/*.socket 2>/dev/null | sort)
}

disable() {  # UNIT: as the machine's administrator does it; links alone where there is no systemctl
    systemctl --quiet disable "$1" >/dev/null 2>&1 || rm -f /etc/systemd/system/*.target.wants/"$1"
}

# Runs as root, by sudo if need be: everything that changes the system is in here.
install_as_root() {
    local policy=/usr/sbin/policy-rc.d package status=0 before unit wanted=''
    made_policy=''
    apt-get update -qq -o DPkg::Lock::Timeout=300 || echo "apt-get update failed: going on with the package lists that are here" >&2
    for package in "$@"; do
        if can_be_had "$package"; then wanted="$wanted $package"; fi
    done
    [ -n "$wanted" ] || return 0
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy && made_policy=yes
    fi
    before=$(servers_at_boot)
    trap '[ -z "$made_policy" ] || rm -f /usr/sbin/policy-rc.d' EXIT
    trap 'exit 130' INT TERM
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
    apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -o APT::Status-Fd=3 $wanted \
        3> >(show_apt_progress) </dev/null >/dev/null || status=1
    for unit in $(comm -13 <(printf '%s\n' "$before") <(servers_at_boot)); do
        disable "${unit##*/}"
    done
    return $status
}

install_packages() {  # SECTION...
    local missing as_root=''
    missing=$(missing_packages needed "$@")
    # The guest's kernel is not installed, but its package is fetched while building: apt must have heard of it.
    if [ -z "$missing" ] && { can_be_had linux-image-cloud-amd64 || ! command -v apt-get >/dev/null; }; then return 0; fi
    missing=$(missing_packages all "$@")
    if ! command -v apt-get >/dev/null; then
        say "These Debian packages are needed and apt-get is not here:" $missing
        return 1
    fi
    if [ -n "$missing" ]; then
        say "Installing from Debian (no service is started or enabled):" $missing
    else
        say "Fetching Debian's package lists (for the guest's kernel)"
    fi
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || { say "Not root and no sudo: install the packages above as root, then start again."; return 1; }
        as_root=sudo
    fi
    $as_root bash -c 'source_dir=$0; . "$source_dir/tools/packages.sh"; install_as_root "$@"' "$source_dir" $missing \
        || { say "apt-get could not install them; its reason is above."; return 1; }
    missing=$(missing_packages needed "$@")
    [ -z "$missing" ] || { say "Not installed although apt-get was content:" $missing; return 1; }
}
