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
        "names": [{"name": name, "domain": ""} for name in meta["dns"]["names"]], "routes": [],     # what only the whole flake shows
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

# What only the whole flake shows.


def whole(seeds, **outputs):
    """(what nixos/lib says, what the platform says, the platform's instances) of a flake."""
    metas = {name: one["meta"] for name, one in zip(seeds, described([{"name": name, "seed": seed} for name, seed in seeds.items()]))}
    ours = evaluate("(import ./nixos/lib).flakeMistakes ({ seeds = builtins.mapAttrs (_: meta: { inherit meta; }) input.metas; } // input.outputs)",
                    {"metas": metas, "outputs": outputs})
    asked = {"seeds": seeds, "domains": outputs.get("combine", {}).get("domains"), "ipv4": outputs.get("ipv4"), "ipv6": outputs.get("ipv6")}
    theirs = parse_meta([{"flake": asked}])[0]
    return "\n".join(ours), theirs.get("refused", ""), theirs.get("specs")


def agree(said, seeds, **outputs):
    ours, theirs, specs = whole(seeds, **outputs)
    assert (said in ours and said in theirs) if said else not ours and not theirs, (seeds, outputs, ours, theirs)
    return specs


# The connections of one instance against the ports of the others.
exposing = {"expose": {"postgresql": {"port": 5432, "protocol": "tcp"}}}
for target, connection, said in [
        ("db", "db", ""), ("db", "seed-db", ""), ("seed-db", "seed-db", ""), ("db", {"service": "db", "port": 5432}, ""),
        ("db", "other.example.net", ""),
        ("db", "cache", "there is no instance cache in this flake: use one of db, web, or add it"),
        ("db", {"service": "db", "port": 1}, "instance db does not expose port 1: use one of 5432, or expose it there"),
        ("db", "web", "instance web exposes nothing, so it cannot be reached")]:
    agree(said, {target: exposing, "web": {"connect": {"x": connection}}})

# The platform goes by the name in `seeds` alone; inside the machine it would be another one.
assert evaluate("(import ./nixos/lib).flakeMistakes { seeds.web.meta = { name = \"api\"; expose = { }; }; }") == \
    ["seeds.web is the instance \"api\": give mkSeed the name it has in seeds, name = \"web\";"]

# Own domains.
web = {"web": {"expose": {"https": {"enable": True}}, "dns": {"names": ["example.com", "www"]}}}
agree("", {"web": {"dns": {"names": []}}}, combine={"domains": {"example.com": {}}})
specs = agree("", web, combine={"domains": {"example.com": {"default": True, "register": True}, "other.example.net": {}}})
assert specs["web"]["names"] == [{"name": "example.com", "domain": "example.com"}, {"name": "www.example.com", "domain": "example.com"}]
nested = agree("", {"web": {"dns": {"names": ["a.b.example.com"]}}}, combine={"domains": {"example.com": {}, "b.example.com": {}}})
assert nested["web"]["names"][0]["domain"] == "b.example.com", nested
for said, domains in [
        ("\"example.com\" belongs to no domain of this flake: add combine.domains.\"example.com\" = { };", {"example.net": {"default": True}}),
        ("\"www\" is unqualified and no domain is default", {"example.com": {}}),
        ("combine.domains: example.com, example.net are all default", {"example.com": {"default": True}, "example.net": {"default": True}}),
        ("\"com\" is not a domain: write it like", {"com": {}}), ("\"Example.com\" is not a domain", {"Example.com": {}}),
        ("names below .local are never published: use a public domain", {"printer.local": {}}),
        ("combine.domains.\"example.com\".register must be true or false", {"example.com": {"register": "yes"}}),
        ("combine.domains.\"example.com\" must be { register; default; }", {"example.com": True}),
        ("combine.domains has 17 domains: use at most 16", {f"d{n}.example.com": {} for n in range(17)})]:
    agree(said, web, combine={"domains": domains})
agree("is www.example.com, which instance api has already: a name leads to one instance",
      {**web, "api": {"dns": {"names": ["www.example.com"]}}}, combine={"domains": {"example.com": {"default": True}}})

# Public routes.
both = {"web": {"expose": {"https": {"enable": True}, "dns": {"enable": True}}}, "idle": {}}


def routed(said, family="ipv4", block=None, **routes):
    return agree(said, both, **{family: {"enable": True, "routes": routes, **({"block": block} if block else {})}})


https = {"port": 443, "protocol": "http", "instance": "web"}
assert routed("", web=https)["web"]["routes"] == [{"name": "web", "address": "", "port": 443, "protocol": "http", "target_port": 443}]
assert routed("", web={**https, "port": 8443, "targetPort": 443})["web"]["routes"][0]["target_port"] == 443
made = routed("", "ipv6", "2001:db8:1:2::/64", mail={**https, "host": 25}, names={"host": 53, "port": 53, "protocol": "dns", "instance": "web"})
assert [route["address"] for route in made["web"]["routes"]] == ["2001:db8:1:2::19", "2001:db8:1:2::35"], made
off = agree("", both, ipv4={"routes": {"web": https}}, ipv6={"enable": False, "block": "2001:db8::/64"})
assert off["web"]["routes"] == [], off
for said, route in [
        ("ipv4.routes.web.port 0 cannot be: use 1 to 65535", {**https, "port": 0}), ("ipv4.routes.web.port null cannot be", {**https, "port": None}),
        ("ipv4.routes.web.targetPort \"x\" cannot be", {**https, "targetPort": "x"}),
        ("ipv4.routes.web.protocol \"sctp\" is unknown: use tcp, udp, dns, http, grpc", {**https, "protocol": "sctp"}),
        ("ipv4.routes.web.instance \"api\" is no instance of this flake: use one of idle, web", {**https, "instance": "api"}),
        ("ipv4.routes.web leads to http port 443 of instance idle, which does not expose it", {**https, "instance": "idle"}),
        ("ipv4.routes.web leads to udp port 443 of instance web, which does not expose it", {**https, "protocol": "udp"}),
        ("ipv4.routes.web leads to dns port 443 of instance web, which does not expose it", {**https, "protocol": "dns"}),
        ("ipv4.routes.web must be { port; protocol; instance; }", 443)]:
    routed(said, web=route)
routed("ipv4.routes.a and ipv4.routes.b are the same port: remove one", a=https, b=https)
routed("ipv4.routes.a and ipv4.routes.b are the same port: remove one", a={"port": 53, "protocol": "dns", "instance": "web"},
       b={"port": 53, "targetPort": 53, "protocol": "udp", "instance": "web"})
routed("", a={"port": 53, "protocol": "tcp", "instance": "web"}, b={"port": 53, "protocol": "udp", "instance": "web"})
routed("ipv4.routes has 65 routes: use at most 64", **{f"r{n}": {**https, "port": 1000 + n, "targetPort": 443} for n in range(65)})
routed("ipv4.routes: the name \"A b\" cannot be: use 1 to 40 of a-z", **{"A b": https})
routed("ipv6.block null is no /64: write it like", "ipv6", None, web={**https, "host": 1})
routed("ipv6.block \"2001:db8::/48\" is no /64", "ipv6", "2001:db8::/48", web={**https, "host": 1})
routed("ipv6.routes.web.host 0 cannot be: use the last part of the address", "ipv6", "2001:db8::/64", web={**https, "host": 0})
routed("ipv6.routes.web.host null cannot be", "ipv6", "2001:db8::/64", web=https)
print("whole flakes: connections, domains, routes")

# The namespace is computed alike.
cid = "k51qzi5uqu5dj8iaffzutj5cyocg960ypltvn0zpmaikuuek2ekubxqck2nsgg"
assert evaluate("(import ./nixos/lib).namespaceOf input", cid) == parse_meta([{"cid": cid}])[0]["namespace"]
assert evaluate("(import ./nixos/lib).namespaceOf input", cid[:-1]) is None
assert evaluate("(import ./nixos/lib).cidIn input", f"{cid}\n") == cid
