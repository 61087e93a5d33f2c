#!/usr/bin/env python3
"""What seed-edge carries: loopback ports, IPv4-only guests, names."""
from network_helper import *

enter_own_machine()
host, internet = make_machine()
outside = DnsServer(internet, "10.77.0.1", 53, "fd77::99")
zone_server = DnsServer(host, "127.0.0.1", 5300, "fd77::aa")
platform = Platform("/mnt/state")
one, two, other = platform.guest(11, 1), platform.guest(12, 1), platform.guest(13, 2)
platform.state["dns_server"] = "127.0.0.1:5300"
SERVICE = platform.service("a", 1, one, [80], ["web", f"web.s-abc.{ZONE}"])
FOUR = platform.service("b", 1, one, [82], ["four"], ipv4_only=True)
EMPTY = platform.service("c", 1, None, [80])
THEIRS = platform.service("d", 2, other, [80], ["web"])
for port, address, target in ((18080, SERVICE, 80), (18082, FOUR, 82), (18081, EMPTY, 80)):
    platform.forward(port, address, target)
UDP = platform.service("e", 1, one, [], udp=[53])
UDP4 = platform.service("f", 1, one, [69], udp=[69], ipv4_only=True)
for port, address, target in ((18053, UDP, 53), (18069, UDP4, 69), (18080, EMPTY, 80)):
    platform.forward(port, address, target, udp=True)
platform.forward(18069, UDP4, 69)   # the same number, the other protocol
assert platform.apply() == []
UdpServer(one.space, "::", 53, "six")
UdpServer(one.space, "0.0.0.0", 69, "four")
Server(one.space, "0.0.0.0", 69, "four-tcp")
Server(one.space, "::", 80, "one")
Server(one.space, "0.0.0.0", 82, "one-four")
Server(other.space, "::", 80, "other")
R4, R6 = "169.254.0.1", PREFIX + "::53"


def a_port_of_the_hosts_loopback_leads_to_the_service():
    assert greeting(host, "127.0.0.1", 18080) == f"one {R6}"
    assert greeting(host, "127.0.0.1", 18082).startswith("one-four ")


def a_forward_to_nobody_resets():
    assert name(host, "127.0.0.1", 18081) in ("ConnectionResetError", "ConnectionRefusedError")


def a_guest_that_knows_ipv4_only_is_reached_under_its_ipv6_service_address():
    assert greeting(other.space, FOUR, 82) == f"one-four {R4}"
    assert greeting(one.space, FOUR, 82) == f"one-four {R4}"
    assert name(other.space, FOUR, 83) == "ConnectionRefusedError"


def half_closed_connections_carry_the_rest():
    data = os.urandom(3 << 20)
    with connect(host, "127.0.0.1", 18080) as s:
        read_line(s)
        def send():
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
        sending = threading.Thread(target=send)
        sending.start()
        got = bytearray()
        while part := s.recv(65536):
            got += part
        sending.join()
        assert bytes(got) == data


def a_taken_port_is_a_remark_and_the_rest_works():
    taken = Server(host, "127.0.0.1", 18099, "taken")
    platform.forward(18099, SERVICE, 80)
    remarks = platform.apply()
    assert len(remarks) == 1 and "18099" in remarks[0], remarks
    assert name(host, "127.0.0.1", 18080) == "one"
    taken.close()
    wait_for(lambda: platform.apply() == [], "the port can be had")
    assert name(host, "127.0.0.1", 18099) == "one"
    platform.state["forwards"].pop()
    platform.apply()
    assert name(host, "127.0.0.1", 18099) == "ConnectionRefusedError"


def datagrams_to_the_hosts_loopback_come_and_go():
    for port, answer in ((18053, f"six {R6} "), (18069, f"four {R4} ")):
        clients = [UdpClient(host, "127.0.0.1", port) for _ in range(20)]
        for number, client in enumerate(clients):   # each gets its own answers
            client.socket.send(f"first {number}".encode())
        for number, client in enumerate(clients):
            client.socket.settimeout(PATIENCE)
            assert client.socket.recv(65536) == f"{answer}first {number}".encode()
            assert client.say(b"again") == f"{answer}again".encode()
        large = os.urandom(9000)
        assert clients[0].say(large) == answer.encode() + large and clients[0].say(b"") == answer.encode()
    assert name(host, "127.0.0.1", 18069) == "four-tcp"
    assert UdpClient(host, "127.0.0.1", 18080).say(b"nobody", patience=0.3) is None
    assert name(host, "127.0.0.1", 18080) == "one", "TCP and UDP of one number are two forwards"


def a_guest_that_knows_ipv4_only_gets_datagrams_under_its_ipv6_service_address():
    for guest in (other, one):
        assert UdpClient(guest.space, UDP4, 69).say(b"x") == f"four {R4} x".encode()
        assert UdpClient(guest.space, UDP4, 70).say(b"x", patience=0.3) is None


def a_udp_conversation_moves_with_its_service():
    client, direct = UdpClient(host, "127.0.0.1", 18069), UdpClient(other.space, UDP4, 69)
    assert client.say(b"1").startswith(b"four ") and direct.say(b"1").startswith(b"four ")
    UdpServer(two.space, "0.0.0.0", 69, "two")
    platform.service("f", 1, two, [69], udp=[69], ipv4_only=True)
    assert platform.apply() == []
    assert client.say(b"2").startswith(b"two ") and direct.say(b"2").startswith(b"two ")
    platform.service("f", 1, one, [69], udp=[69], ipv4_only=True)
    assert platform.apply() == []
    assert client.say(b"3").startswith(b"four ")


def more_conversations_than_there_is_room_for_end_the_oldest_and_nobodys_else():
    first = UdpClient(host, "127.0.0.1", 18053)
    assert first.say(b"1").startswith(b"six ")
    crowd = []
    for number in range(1100):
        crowd.append(UdpClient(host, "127.0.0.1", 18053))
        assert crowd[-1].say(b"x"), number
    pid = platform.ask("hello")["edge_pid"]
    assert len(os.listdir(f"/proc/{pid}/fd")) < 1100, "more than 1000 conversations are kept"
    assert first.say(b"2").startswith(b"six "), "who was ended begins anew with the next datagram"
    for client in crowd:
        client.socket.close()


def a_udp_port_that_is_taken_is_a_remark():
    taken = UdpServer(host, "127.0.0.1", 18098, "taken")
    platform.forward(18098, UDP, 53, udp=True)
    remarks = platform.apply()
    assert len(remarks) == 1 and "UDP port 18098" in remarks[0], remarks
    taken.socket.close()
    platform.state["forwards"].pop()
    assert platform.apply() == []


def names_of_a_tenant_are_answered_to_that_tenant_only():
    for server in (R4, R6):
        for tcp in (False, True):
            assert query(one.space, server, "web", tcp=tcp) == (0, [SERVICE])
            assert query(other.space, server, "WEB", tcp=tcp) == (0, [THEIRS])
            assert query(other.space, server, "four", tcp=tcp) == (3, [])
    assert query(one.space, R4, "web", type_=1) == (0, [])
    assert not outside.asked and not zone_server.asked, "a bare name has left"


def names_of_the_zone_are_answered_to_all_and_unknown_ones_asked_of_the_platforms_server():
    assert query(other.space, R4, f"web.s-abc.{ZONE}") == (0, [SERVICE])
    for tcp in (False, True):
        assert query(other.space, R6, f"other.{ZONE}", tcp=tcp) == (0, ["fd77::aa"])
    assert [asked[0] for asked in zone_server.asked] == [f"other.{ZONE}"] * 2


def outside_names_are_asked_of_the_hosts_resolver_each_with_its_own_id_and_port():
    for number in range(40):
        assert query(one.space, R4, f"n{number}.example.org") == (0, ["fd77::99"])
    assert query(one.space, R6, "tcp.example.org", tcp=True) == (0, ["fd77::99"])
    assert len({peer[1] for _, _, peer in outside.asked}) > 30   # chosen by chance among thousands: two may meet
    assert len({number for _, number, _ in outside.asked}) > 30


def garbage_to_the_resolver_harms_nobody():
    def shout():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for number in range(300):
                s.sendto(os.urandom(number % 100), (R4, 53))
        with socket.socket() as s:
            s.connect((R4, 53))
            s.sendall(os.urandom(1000))
    edge = platform.ask("hello")["edge_pid"]
    other.space.run(shout)
    wait_for(lambda: query(one.space, R4, "web") == (0, [SERVICE]), "an answer")
    assert platform.ask("hello")["edge_pid"] == edge


def the_resolver_is_not_there_for_others():
    def ask():
        try:
            return query(host, "127.0.0.1", "web", patience=0.3)
        except OSError as error:
            return type(error).__name__
    assert ask() in ("ConnectionRefusedError", "TimeoutError")


def seed_edge_has_no_rights():
    pid = platform.ask("hello")["edge_pid"]
    with open(f"/proc/{pid}/status") as f:
        status = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
    assert status["Uid"].split()[0] == ("12345" if USER_MODE else "665901"), status["Uid"]
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == int(status["CapBnd"], 16) == 0, status
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"


run_cases(a_port_of_the_hosts_loopback_leads_to_the_service, a_forward_to_nobody_resets,
          a_guest_that_knows_ipv4_only_is_reached_under_its_ipv6_service_address, half_closed_connections_carry_the_rest,
          datagrams_to_the_hosts_loopback_come_and_go, a_guest_that_knows_ipv4_only_gets_datagrams_under_its_ipv6_service_address,
          a_udp_conversation_moves_with_its_service, more_conversations_than_there_is_room_for_end_the_oldest_and_nobodys_else,
          a_udp_port_that_is_taken_is_a_remark,
          a_taken_port_is_a_remark_and_the_rest_works, names_of_a_tenant_are_answered_to_that_tenant_only,
          names_of_the_zone_are_answered_to_all_and_unknown_ones_asked_of_the_platforms_server,
          outside_names_are_asked_of_the_hosts_resolver_each_with_its_own_id_and_port, garbage_to_the_resolver_harms_nobody,
          the_resolver_is_not_there_for_others, seed_edge_has_no_rights)
