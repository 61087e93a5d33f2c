#!/usr/bin/env python3
"""Who may reach whom: tenants, services, spoofed sources, the host."""
from network_helper import *

enter_own_machine()
host, internet = make_machine()
platform = Platform("/mnt/state", uplink="auto")
one, two, other = platform.guest(11, 1), platform.guest(12, 1), platform.guest(13, 2)
SERVICE = platform.service("a", 1, one, [80, 443])
UNSERVED = platform.service("b", 1, None, [80])
platform.apply()
for guest, label in ((one, "one"), (two, "two"), (other, "other")):
    Server(guest.space, "::", 80, label)
    Server(guest.space, "::", 81, label + "-private")
    Server(guest.space, "0.0.0.0", 82, label + "-four")
Server(host, "127.0.0.1", 7000, "host-loopback")
Server(host, "::1", 7000, "host-loopback")
Server(internet, "10.77.0.1", 80, "internet")
Server(internet, "fd77::1", 80, "internet")


def a_service_answers_its_own_tenant_other_tenants_and_itself():
    assert name(two.space, SERVICE, 80) == "one"
    assert greeting(other.space, SERVICE, 80) == "one " + other.six, "the caller's address is kept"
    assert name(one.space, SERVICE, 80) == "one"


def guests_of_one_tenant_reach_each_other_directly():
    assert greeting(two.space, one.six, 81) == "one-private " + two.six
    assert greeting(two.space, one.four, 82) == "one-four " + two.four


def another_tenant_is_refused_at_once_everywhere_else():
    for address, port in ((one.six, 80), (one.six, 81), (one.four, 82), (SERVICE, 81), (UNSERVED, 80)):
        assert name(other.space, address, port) == "ConnectionRefusedError", (address, port)


def an_exposed_port_nobody_listens_on_is_refused_by_the_guest():
    assert name(other.space, SERVICE, 443) == "ConnectionRefusedError"


def an_address_of_ours_that_nobody_has_is_no_route():
    for address in (PREFIX + ":2::99", "100.64.9.9"):
        assert name(two.space, address, 80) in ("OSError", "ConnectionRefusedError"), address


def a_false_source_address_is_dropped_and_counted():
    for false, target in ((two.six, SERVICE), (PREFIX + ":2::99", SERVICE), (two.four, one.four), (PREFIX + "::53", SERVICE)):
        other.space.ip(f"addr add {false}/{128 if ':' in false else 32} dev eth0" + (" nodad" if ":" in false else ""))
        before = platform.dropped()
        assert name(other.space, target, 80, source=false, patience=0.3) == "TimeoutError"
        assert platform.dropped() > before, false
        other.space.ip(f"addr del {false}/{128 if ':' in false else 32} dev eth0")


def guests_reach_the_outside_and_nobody_sees_their_addresses():
    wait_for(lambda: platform.ask("hello")["uplink"] == "pasta", "the way out")
    assert greeting(one.space, "10.77.0.1", 80) == "internet 10.77.0.2"
    assert greeting(one.space, "fd77::1", 80) == "internet fd77::2"


def the_hosts_loopback_and_the_plumbing_are_out_of_reach():
    Server(platform.space, "::", 7001, "plumbing")
    for address in ("192.0.2.1", "192.0.2.2", "fd00:5eed:ffff::1", "fd00:5eed:ffff::2", "169.254.0.1", PREFIX + "::53", "127.0.0.1",
                    "169.254.169.254", SERVICE):
        for port in (7000, 7001):
            got = name(one.space, address, port, patience=0.5)
            assert got not in ("host-loopback", "plumbing"), (address, port, got)


def a_guest_not_in_the_state_is_silent():
    stranger = Guest(platform, 66, 1)
    before = platform.dropped()
    assert name(stranger.space, SERVICE, 80, patience=0.5) == "TimeoutError"
    assert platform.dropped() > before
    stranger.die()


def a_guest_that_floods_has_its_own_limit_of_connections_and_others_go_on():
    def flood():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for number in range(9000):
                with contextlib.suppress(OSError):
                    s.sendto(b"x", ("10.77.0.1", 1024 + number))
    other.space.run(flood)
    def count():
        with open("/proc/sys/net/netfilter/nf_conntrack_count") as f:
            return int(f.read())
    wait_for(lambda: name(one.space, "10.77.0.1", 80) == "internet", "another guest's way out")
    assert platform.space.run(count) < 4500
    platform.apply()
    other.space.run(flood)
    assert platform.space.run(count) < 4500, "an apply has forgotten what the guest holds"
    assert name(two.space, SERVICE, 80) == "one"


def a_flood_of_questions_is_cut_and_others_are_answered():
    done = threading.Event()
    def flood():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            while not done.is_set():
                with contextlib.suppress(OSError):
                    s.sendto(os.urandom(12) + b"\3web\0\0\x1c\0\1", ("169.254.0.1", 53))
    def cut():
        text = platform.space.output("nft", "list", "chain", "inet", "seed", "resolver")
        return int(re.search(r"counter packets (\d+)", text).group(1)) > 0
    flooding = threading.Thread(target=lambda: other.space.run(flood))
    flooding.start()
    try:
        wait_for(cut, "questions over the limit are dropped")   # however slowly this machine floods
        assert query(one.space, "169.254.0.1", "nobody") == (3, [])
    finally:
        done.set()
        flooding.join()


def bad_requests_change_nothing_and_say_why():
    before = platform.space.output("nft", "list", "table", "inet", "seed")
    for change in ({"prefix6": "::/0"}, {"vms": [dict(one.vm(), tap='tap1"; flush ruleset')]}, {"vms": [dict(one.vm(), tenant=0)]},
                   {"vms": [dict(one.vm(), address6=PREFIX + ":1::a")]}, {"vms": [dict(one.vm(), address4="127.0.0.1")]},
                   {"zone": "a b"}, {"services": [dict(platform.state["services"][0], tenant=2)]},
                   {"forwards": [{"host_port": 1, "address": "::1", "port": 1}]}, {"vms": 5}, {"dns_server": "x"}):
        try:
            platform.ask("apply", dict(platform.state, **change))
            raise AssertionError(f"accepted {change}")
        except Refused as refused:
            assert refused.code == "invalid", refused
    strip = lambda text: re.sub(r"counter packets \d+ bytes \d+|size \d+|expires \S+", "", text)
    assert strip(platform.space.output("nft", "list", "table", "inet", "seed")) == strip(before)


run_cases(a_service_answers_its_own_tenant_other_tenants_and_itself, guests_of_one_tenant_reach_each_other_directly,
          another_tenant_is_refused_at_once_everywhere_else, an_exposed_port_nobody_listens_on_is_refused_by_the_guest,
          an_address_of_ours_that_nobody_has_is_no_route, a_false_source_address_is_dropped_and_counted,
          guests_reach_the_outside_and_nobody_sees_their_addresses, the_hosts_loopback_and_the_plumbing_are_out_of_reach,
          a_guest_not_in_the_state_is_silent, a_flood_of_questions_is_cut_and_others_are_answered,
          a_guest_that_floods_has_its_own_limit_of_connections_and_others_go_on, bad_requests_change_nothing_and_say_why)
