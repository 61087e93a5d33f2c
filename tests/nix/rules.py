#!/usr/bin/env python3
"""nixos/lib and core/model have the same rules: what one refuses the other refuses, and both come to the same result.

Three looks: the written cases of cases.nix; a thousand instances from a printed seed (SEED_TEST_SEED repeats it); every name of the
well-known table and of this machine's /etc/services.  Then what only a whole flake shows, and the namespace of an identity.
"""
import os
import random
import re

from nix_side import described, evaluate, parse_meta

MANY = 1000


def comparable(meta):
    """`meta` of nixos/lib in the words of core/model's InstanceSpec."""
    return {
        "name": meta["name"], "rollout": meta["rollout"], "autostart": meta["autostart"],
        "size": {"name": meta["size"], "vcpus": meta["resources"]["vcpus"], "memory_mib": meta["resources"]["memory"]},
        "expose": [{"name": name, **port} for name, port in sorted(meta["expose"].items())],
        "volumes": [{"name": name, "mount_point": one["mountPoint"], "user": one["user"], "group": one["group"], "mode": one["mode"]}
                    for name, one in sorted(meta["storage"].items())],
        "connect": [{"name": name, "service": one["service"], "port": one.get("port", 0)} for name, one in sorted(meta["connect"].items())],
    }


def without_sizes(spec):
    return {**{name: value for name, value in spec.items() if name not in ("out_path", "drv_path", "image")},
            "volumes": [{name: value for name, value in volume.items() if name != "size_bytes"} for volume in spec["volumes"]]}


def compare(cases):
    """cases: [{"name","seed","refused"?,"only"?}].  How many were refused."""
    nix = described(cases)
    raw = parse_meta([{"name": case["name"], "meta": case["seed"]} for case in cases])
    sound = [index for index, one in enumerate(nix) if not one["mistakes"]]
    made = dict(zip(sound, parse_meta([{"name": cases[index]["name"], "meta": nix[index]["meta"]} for index in sound])))
    for index, (case, ours, theirs) in enumerate(zip(cases, nix, raw)):
        said = "\n".join(ours["mistakes"])
        if case.get("only"):
            assert case["refused"] in said and "refused" not in theirs, (case, said, theirs)
            continue
        if "refused" in case:
            assert case["refused"] in said, (case, said)
            assert case["refused"] in theirs.get("refused", ""), (case, theirs)
        assert bool(said) == ("refused" in theirs), f"{case}: nixos/lib says '{said}', the platform {theirs}"
        if said:
            theirs = theirs["refused"].removeprefix(f"instance {case['name']}: ")
            blamed = re.search(r"seed\.\w+(\.[A-Za-z0-9-]+)?|1 to 40", theirs).group()
            assert blamed in said, f"{case}: the platform says '{theirs}', nixos/lib '{said}'"      # both blame the same entry
        else:
            assert without_sizes(theirs["spec"]) == comparable(ours["meta"]), (case, theirs, ours)
            assert made[index] == theirs, (case, made[index], theirs)    # the full form means the same as the short one
    return len(cases) - len(sound)


def random_cases(random):
    ports = [80, 443, 53, 8080, 1, 65535, 0, 65536, -5, "80", None, 2 ** 40]
    protocols = ["tcp", "udp", "dns", "http", "grpc", "sctp", "", None, 7]
    names = ["http", "https", "dns", "grpc", "web", "a", "b-c", "postgresql", "-x", "X", "a" * 40, "a" * 41]
    sizes = ["1Gi", "8Mi", "7Mi", "8388608", "8388607", "1Ti", "1024Ti", "1025Ti", "9" * 30, "000000000000000000000016Mi", "", "Gi", "1.5Gi",
             "1 Gi", " 1Gi", "1gi", "64Ki", None, 12, True]
    mounts = ["/data", "/data/", "//data", "/var/lib/x", "/nix", "/nixos", "/run", "/run/seed/x", "/seed", "/seed/storage/data", "/a/./b",
              "/" + "x" * 199, "/" + "x" * 200, "/ä", "relative", "/", "", None, 3, "/dev/shm", "/proc"]
    users = ["root", "postgres", "_x", "9x", "a" * 32, "a" * 33, "", "A", "a.b", None, 5]
    modes = ["0755", "755", "75", "0888", "07777", "", None, 755]
    services = ["db", "seed-db", "db.example.net", "10.0.0.1", "a..b", "", "Db", 5, None, "x" * 64]

    def exposed():
        return random.choice([random.choice(ports), {name: value for name, value in (("enable", random.choice([True, True, False, None])),
            ("port", random.choice(ports)), ("protocol", random.choice(protocols))) if random.random() < 0.5}])

    def stored():
        full = {"size": random.choice(sizes[:10] + sizes), "mountPoint": random.choice(mounts), "user": random.choice(users),
                "group": random.choice(users), "mode": random.choice(modes)}
        return random.choice([random.choice(sizes), {name: value for name, value in full.items() if random.random() < (0.95 if name == "size" else 0.3)}])

    def connected():
        return random.choice([random.choice(services), {"service": random.choice(services), "port": random.choice(ports)}])

    def some(make, most):
        return {random.choice(names): make() for _ in range(random.randrange(most))}

    for _ in range(MANY):
        seed = {"size": random.choice(["xs", "s", "m", "l", "xl", None, "XS"]), "expose": some(exposed, 3), "storage": some(stored, 3),
                "connect": some(connected, 2), "rollout": random.choice(["recreate", "recreate", "rolling", None, "x"]),
                "autostart": random.choice([True, False, None])}
        # No null service: the platform takes {"service": null} for a wrong name, Nix for an absent one; both refuse.
        yield {"name": "web", "seed": {name: value for name, value in seed.items() if random.random() < 0.5}}


def services_of_this_machine():
    names = set()
    if os.path.exists("/etc/services"):
        with open("/etc/services") as lines:
            for line in lines:
                words = line.split("#")[0].split()
                names.update(name.lower() for name in words[:1] + words[2:] if name.islower() or name.isalnum())
    return names


written = evaluate("import ./tests/nix/cases.nix")
refused = compare([{"name": "web", **case} for case in written])
print(f"{len(written)} written cases, {refused} of them refused")

seed = os.environ.get("SEED_TEST_SEED") or str(random.SystemRandom().randrange(10 ** 9))
print(f"SEED_TEST_SEED={seed}")
refused = compare(list(random_cases(random.Random(seed))))
print(f"{MANY} random cases, {refused} of them refused")
assert 0 < refused < MANY, "the random cases are all good or all bad: they show nothing"

table = evaluate("(import ./nixos/lib).wellKnown")
names = sorted(set(table) | services_of_this_machine())
legal = [name for name, one in zip(names, parse_meta([{"name": name, "meta": {}} for name in names])) if "spec" in one]
compare([{"name": "web", "seed": {"expose": {name: {"enable": True}}}} for name in legal])
compare([{"name": "web", "seed": {"expose": {name: 4242}}} for name in legal])
print(f"{len(legal)} well-known names")

# Between instances: the connections of one against the ports of the others.
exposing = {"expose": {"postgresql": {"port": 5432, "protocol": "tcp"}}}
for target, connection, said in [
        ("db", "db", ""), ("db", "seed-db", ""), ("seed-db", "seed-db", ""), ("db", {"service": "db", "port": 5432}, ""),
        ("db", "other.example.net", ""),
        ("db", "cache", "there is no instance cache in this flake: use one of db, web, or add it"),
        ("db", {"service": "db", "port": 1}, "instance db does not expose port 1: use one of 5432, or expose it there"),
        ("db", "web", "instance web exposes nothing, so it cannot be reached")]:
    flake = {target: exposing, "web": {"connect": {"x": connection}}}
    metas = {name: one["meta"] for name, one in zip(flake, described([{"name": name, "seed": seed} for name, seed in flake.items()]))}
    ours = evaluate("(import ./nixos/lib).flakeMistakes { seeds = builtins.mapAttrs (_: meta: { inherit meta; }) input; }", metas)
    theirs = parse_meta([{"flake": flake}])[0].get("refused", "")
    assert (said in ours[0] and said in theirs) if said else not ours and not theirs, (connection, ours, theirs)

# The namespace is computed alike.
cid = "k51qzi5uqu5dj8iaffzutj5cyocg960ypltvn0zpmaikuuek2ekubxqck2nsgg"
assert evaluate("(import ./nixos/lib).namespaceOf input", cid) == parse_meta([{"cid": cid}])[0]["namespace"]
assert evaluate("(import ./nixos/lib).namespaceOf input", cid[:-1]) is None
assert evaluate("(import ./nixos/lib).cidIn input", f"{cid}\n") == cid
