#!/usr/bin/env python3
"""What the options of a pushed flake mean inside the machine: processors, memory, volumes and their owners, environment, connections, names.

Two closures, one boot each: `hello` (busybox) and Debian's systemd, whose own firewall is asked, too.  Each writes what it sees to its console.
"""
import re

import systemd_closure
from seed_person import Person
from seed_platform import Platform, wait_for

MOUNT = "/var/lib/app"
# Plain sh, for busybox and for Debian.  The owner of a volume and /etc/resolv.conf come a moment after init runs (docs/guest-contract.md).
REPORT = r"""
say() { sed "s/^/seen $1: /" >/dev/console; }
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
  [ "$(stat -c %U /var/lib/app)" = app ] && [ -s /etc/resolv.conf ] && break
  sleep 1
done
nproc | say processors
sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo | say kib
grep -E ' (/seed/storage/data|/var/lib/app|/nix/store|/) ' /proc/mounts | cut -d' ' -f2-4 | say mount
stat -c '%n %U:%G %a' /var/lib/app /seed/storage/data | say owner
cat /run/seed/env | say env
(cd /etc/seed/connect && grep . *) | say connect
cat /etc/resolv.conf | say resolver
cat /proc/sys/kernel/hostname | say host
# The name is there when the platform has seen this machine ready, a moment from now.
name=$(sed -n 's/^SEED_FQDN="\{0,1\}\([^"]*\).*/\1/p' /run/seed/env)
tries=0
while [ $tries -lt 120 ]; do
  found=$( { getent ahostsv6 "$name" || nslookup "$name"; } 2>/dev/null)
  case $found in *fd*:*:*) break ;; esac
  sleep 1; tries=$((tries + 1))
done
echo "$found" | say lookup
"""
OPTIONS = """size = "m";
        storage = { data = "16Mi"; app = { size = "24Mi"; mountPoint = "/var/lib/app"; user = "app"; group = "app"; mode = "0750"; }; };
        connect = { cache = "NAME"; main-db = { service = "db.example.net"; port = 5432; }; };
        """


def options(name, text):
    """The flake's text with our options in `meta`, instead of those it has."""
    text = re.sub(r"\n *storage = \{ data = [^\n]*", "", text)
    return text.replace('size = "xs";', OPTIONS.replace("NAME", name), 1)


def indented(script):
    """As part of an indented string of Nix, which takes away what all its lines begin with."""
    return "".join(f"      {line}\n" for line in script.strip().splitlines())


def hello(text):
    text = options("hello", text)
    assert "main-db" in text and "\n      httpd -f -p" in text, text
    users = ("mkdir -p /etc; { echo root:x:0:0::/:/bin/sh; echo app:x:1000:1000::/:/bin/sh; } > /etc/passwd\n"
             "{ echo root:x:0:; echo app:x:1000:; } > /etc/group\n")
    return text.replace("      httpd -f -p", indented(users + "{" + REPORT + "echo end | say report\n} &") + "      httpd -f -p", 1)


def systemd(text):
    text = options("web", text)
    assert "main-db" in text and "exec /usr/lib/systemd/systemd" in text, text
    unit = "[Unit]\\nAfter=nginx.service nftables.service\\n[Service]\\nType=oneshot\\nExecStart=/bin/sh /etc/report.sh\\n"
    more = indented("echo app:x:1000:1000::/:/bin/sh >>/etc/passwd; echo app:x:1000: >>/etc/group\n"
                    f"$B printf '{unit}' >/etc/systemd/system/report.service\n"
                    "$B ln -s ../report.service /etc/systemd/system/multi-user.target.wants/\n"
                    f"$B cat >/etc/report.sh <<'SCRIPT'\n{REPORT}nft list ruleset | tr -s ' \\t' ' ' | say firewall\necho end | say report\nSCRIPT")
    return text.replace("      exec /usr/lib/systemd/systemd", more + "      exec /usr/lib/systemd/systemd", 1)


def seen(person, repo, name):
    """{what: [lines]} of the report in the instance's log."""
    def whole():
        lines = re.findall(r"seen (\w+): (.*?)\s*$", person.ssh("logs", "--lines", "2000", f"{repo}/{name}").stdout, re.MULTILINE)
        return lines if ("report", "end") in lines else None
    found = {}
    for what, line in wait_for(whole, f"{repo} has reported", 240, pause=1):
        found.setdefault(what, []).append(line)
    missing = {"processors", "kib", "mount", "owner", "env", "connect", "resolver", "host", "lookup"} - set(found)
    assert not missing, f"nothing was said of {missing}:\n{person.ssh('logs', '--lines', '2000', f'{repo}/{name}').stdout}"
    return found


def check(platform, one, found, name):
    assert found["processors"] == ["2"], found["processors"]
    assert 1800 << 10 < int(found["kib"][0]) <= 2048 << 10, found["kib"]
    mounts = {line.split()[0]: line.split()[1:] for line in found["mount"]}
    assert mounts["/seed/storage/data"][0] == mounts[MOUNT][0] == "ext4" and mounts[MOUNT][1].startswith("rw"), mounts
    assert mounts["/nix/store"][1].startswith("ro"), mounts
    assert sorted(found["owner"]) == ["/seed/storage/data root:root 755", f"{MOUNT} app:app 750"], found["owner"]
    variables = dict(line.split("=", 1) for line in found["env"] if "=" in line)
    clean = {key: value.strip("\"'") for key, value in variables.items()}
    assert clean["SEED_INSTANCE"] == name and clean["SEED_NAMESPACE"] == one["fqdn"].split(".")[1], variables
    assert clean["SEED_FQDN"] == one["fqdn"] and ":" in clean["SEED_NODE_IP"], variables
    assert clean["SEED_CACHE_HOST"] == name and clean["SEED_MAIN_DB_HOST"] == "db.example.net", variables
    assert sorted(found["connect"]) == [f"cache:{name}", "main-db:db.example.net:5432"], found["connect"]
    assert any(line.split() == ["nameserver", "169.254.0.1"] for line in found["resolver"]), found["resolver"]
    assert found["host"] == [name], found["host"]
    # The resolver answers, with the address that the world is told.
    assert any(one["address"] in line for line in found["lookup"]), (one["address"], found["lookup"])


flake = systemd_closure.flake()
with Platform() as platform:
    alice = Person(platform, "alice")
    alice.make_repo("small", "hello", {"flake.nix": hello})
    alice.push("small", timeout=600)
    check(platform, alice.wait_ready("small", "hello"), seen(alice, "small", "hello"), "hello")
    print("hello: the options are what the machine sees")

    alice.make_repo("system", flake, {"flake.nix": systemd})
    alice.push("system", timeout=900)
    found = seen(alice, "system", "web")
    check(platform, alice.wait_ready("system", "web", deadline=300), found, "web")
    rules = "\n".join(found["firewall"])
    assert "policy drop" in rules and re.search(r"tcp dport \{ 22, 80 \} accept", rules), rules
    print("systemd: the options are what the machine sees, and its firewall is up")
