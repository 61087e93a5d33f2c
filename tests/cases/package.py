#!/usr/bin/env python3
"""The Debian package installs, serves with the configuration it brings, keeps what the administrator edited, and leaves nothing when
it is purged.  In a copy-on-write image of this machine, with a network and processes of its own; no systemd runs there."""
import glob
import os
import shutil
import subprocess
import tempfile

from seed_platform import BUILD, needs

needs(root=True, programs=["cpack", "dpkg-deb", "unshare", "curl", "git", "ssh"])

INSIDE = r"""
set -eu
ip link set lo up
mount -t tmpfs none "$1/layer"; mkdir "$1/layer/upper" "$1/layer/work"
mount -t overlay -o "lowerdir=/,upperdir=$1/layer/upper,workdir=$1/layer/work" over "$1/root"
mount -t proc none "$1/root/proc"; mount --rbind /sys "$1/root/sys"; mount --rbind /dev "$1/root/dev"; mount -t tmpfs none "$1/root/tmp"
cp "$2" "$1/root/seed.deb"
exec chroot "$1/root" bash -eu -c '
say() { echo "package: $*"; }
serve() {
    rm -f /ready; mkfifo /ready; /usr/lib/seed/bin/seedd --config /etc/seed/seed.yaml > /ready 2> /log & daemon=$!
    read -r -t 120 line < /ready || { cat /log; exit 1; }
    say "$line"
}
end() { kill -USR1 $daemon; kill $daemon; wait $daemon; }
dpkg --force-depends -i /seed.deb
/usr/lib/seed/bin/seedd --version; seed help > /dev/null
serve
curl -sf -m 60 http://127.0.0.1:8080/health; echo
seed version
ssh-keygen -q -t ed25519 -N "" -f /key
GIT_SSH_COMMAND="ssh -i /key -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=/known" git clone -q ssh://127.0.0.1:2222/seed.git /flake
grep -l "git+ssh://silo.seed.localhost:2222/seed.git" /flake/templates/instance/flake.nix
cat /flake/templates/instance/.authorized_keys /flake/templates/instance/.gitignore > /dev/null
seed backup /first.tar
end
seed backup /second.tar; rm -r /var/lib/seed; seed restore /second.tar
echo "# mine" >> /etc/seed/seed.yaml
dpkg --force-depends --force-confdef -i /seed.deb
tail -n 1 /etc/seed/seed.yaml | grep -q mine
serve; end
dpkg -r seed
! test -e /usr/lib/seed; ! test -e /usr/bin/seed; ! test -e /lib/systemd/system/seedd.service
test -e /var/lib/seed/core/seed.sqlite3; test -e /etc/seed/seed.yaml
dpkg -P seed
! test -e /var/lib/seed; ! test -e /etc/seed
say gone
'
"""

with tempfile.TemporaryDirectory(prefix="seed-test-package-", dir="/tmp") as folder:
    subprocess.run(["cpack", "-B", folder], cwd=BUILD, check=True, stdout=subprocess.DEVNULL, timeout=600)
    deb = glob.glob(f"{folder}/seed_*_amd64.deb")[0]
    print(f"{os.path.basename(deb)}: {os.path.getsize(deb) >> 20} MiB")
    if shutil.which("lintian"):
        lint = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", deb], capture_output=True, text=True, timeout=600)
        assert lint.returncode == 0, lint.stdout
    for name in ("layer", "root"):
        os.mkdir(f"{folder}/{name}")
    ran = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "bash", "-c", INSIDE, "bash", folder, deb],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    print(ran.stdout)
    assert ran.returncode == 0 and "package: gone" in ran.stdout, f"{ran.returncode}\n{ran.stdout}\n{ran.stderr}"
    assert '"ok":true' in ran.stdout.replace(" ", ""), ran.stdout
