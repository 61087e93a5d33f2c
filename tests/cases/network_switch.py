#!/usr/bin/env python3
"""Service addresses move while they are used; boots die; nothing that stays is disturbed."""
from network_helper import *

enter_own_machine()
host, internet = make_machine()
platform = Platform("/mnt/state")
old, new, client = platform.guest(11, 1), platform.guest(12, 1), platform.guest(13, 2)
SERVICE = platform.service("a", 1, old, [80])
platform.apply()
servers = {guest: Server(guest.space, "::", 80, label) for guest, label in ((old, "old"), (new, "new"))}


class Load:
    """A client in a loop; remembers who answered."""
    def __init__(self, space, address, port):
        self.answers, self.stop = [], False
        def work():
            while not self.stop:
                self.answers.append(name(space, address, port))
        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()

    def more(self, count=5):
        target = len(self.answers) + count
        wait_for(lambda: len(self.answers) >= target, "answers under load")

    def end(self):
        self.stop = True
        self.thread.join()
        return self.answers


def fifty_applies_lose_no_request_and_no_connection():
    with connect(client.space, SERVICE, 80) as kept:
        read_line(kept)
        load = Load(client.space, SERVICE, 80)
        for number in range(50):
            platform.service(f"f{number:x}", 2, client, [1000 + number])   # something changes each time
            assert platform.apply() == []
            kept.sendall(b"still there\n")
            assert read_line(kept) == "still there"
        load.more()
        assert set(load.end()) == {"old"}, set(load.answers)


def a_switch_loses_no_request_and_keeps_open_connections_where_they_are():
    with connect(client.space, SERVICE, 80) as kept:
        read_line(kept)
        load = Load(client.space, SERVICE, 80)
        load.more()
        platform.service("a", 1, new, [80])
        platform.apply()
        load.more(20)
        answers = load.end()
        assert set(answers) == {"old", "new"}, set(answers)
        assert answers[-1] == "new"
        kept.sendall(b"draining\n")
        assert read_line(kept) == "draining"


def a_dead_boot_resets_its_clients_instead_of_letting_them_hang():
    platform.service("a", 1, old, [80])
    platform.apply()
    with connect(client.space, SERVICE, 80) as open_one:
        assert read_line(open_one).startswith("old")
        old.die()
        platform.remove(old)
        platform.service("a", 1, new, [80])
        platform.apply()
        try:
            open_one.sendall(b"anybody?\n")
            assert open_one.recv(100) == b"", "an answer from the dead"
            raise AssertionError("ended, but not by a reset")
        except ConnectionResetError:
            pass
    assert name(client.space, SERVICE, 80) == "new"


def a_withdrawn_port_resets_its_connections_and_refuses_at_once():
    with connect(client.space, SERVICE, 80) as open_one:
        read_line(open_one)
        platform.service("a", 1, new, [])
        platform.apply()
        assert name(client.space, SERVICE, 80) == "ConnectionRefusedError"
        try:
            open_one.sendall(b"anybody?\n")
            assert open_one.recv(100) == b""
            raise AssertionError("ended, but not by a reset")
        except ConnectionResetError:
            pass


def a_tap_name_in_use_is_a_conflict_and_free_again_once_its_holder_is_gone():
    try:
        platform.tap(new)
        raise AssertionError("two holders of one tap")
    except Refused as refused:
        assert refused.code == "conflict", refused
    box = []
    asking = threading.Thread(target=lambda: box.append(platform.tap(new)))
    asking.start()
    new.die()                       # the request waits for this
    asking.join()
    assert len(box) == 1


def a_tap_name_given_to_another_tenant_is_silenced_until_the_next_apply():
    wait_for(lambda: "tap13" in platform.space.output("ip", "-br", "link"), "the client's tap")
    client.die()
    thief = Guest(platform, 13, 1)
    assert '"tap13"' not in platform.space.output("nft", "list", "set", "inet", "seed", "own6")
    thief.die()


run_cases(fifty_applies_lose_no_request_and_no_connection, a_switch_loses_no_request_and_keeps_open_connections_where_they_are,
          a_dead_boot_resets_its_clients_instead_of_letting_them_hang, a_withdrawn_port_resets_its_connections_and_refuses_at_once,
          a_tap_name_in_use_is_a_conflict_and_free_again_once_its_holder_is_gone,
          a_tap_name_given_to_another_tenant_is_silenced_until_the_next_apply)
