#!/usr/bin/env python3
"""kill -9 of each process of the network; adoption of a living namespace; nothing left at the end."""
from network_helper import *

enter_own_machine()
host, internet = make_machine()
platform = Platform("/mnt/state", uplink="auto")
one, other = platform.guest(11, 1), platform.guest(13, 2)
SERVICE = platform.service("a", 1, one, [80], ["web"])
platform.forward(18080, SERVICE, 80)
platform.apply()
Server(one.space, "::", 80, "one")
Server(internet, "10.77.0.1", 80, "internet")
# What seed-vm is: a process in the platform's namespaces that outlives seed-net.
spaces = platform.ask_all("namespaces")[1]
enter = ["nsenter", f"--net=/proc/self/fd/{spaces[-1]}"] + ([f"--user=/proc/self/fd/{spaces[0]}", "--preserve-credentials"] if USER_MODE else [])
machine = subprocess.Popen([*(["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"] if USER_MODE else []), *enter,
                            "sleep", "1000"], pass_fds=spaces)
for fd in spaces:
    os.close(fd)


def named(*wanted):
    return [pid for pid, comm in processes() if comm in wanted or any(comm.startswith(w) for w in wanted)]


def works():
    return name(host, "127.0.0.1", 18080) == "one" and query(one.space, "169.254.0.1", "web") == (0, [SERVICE])


def reaches_outside():
    return name(one.space, "10.77.0.1", 80, patience=1) == "internet"


def everything_works_before():
    wait_for(works, "forward and resolver")
    wait_for(reaches_outside, "the way out")


def a_killed_seed_edge_comes_back_with_all_it_knew():
    with connect(other.space, SERVICE, 80) as kept:
        read_line(kept)
        for _ in range(5):
            before = wait_for(lambda: platform.ask("hello")["edge_pid"], "a seed-edge")
            os.kill(before, 9)
            wait_for(lambda: platform.ask("hello")["edge_pid"] not in (0, before), "a new seed-edge")
            wait_for(works, "forward and resolver")
        kept.sendall(b"untouched\n")
        assert read_line(kept) == "untouched"


def a_killed_pasta_comes_back():
    for pid in named("pasta"):
        os.kill(pid, 9)
    wait_for(reaches_outside, "the way out again")


def a_killed_seed_net_takes_its_helpers_along_and_guests_do_not_notice():
    with connect(other.space, SERVICE, 80) as kept:
        read_line(kept)
        platform.kill()
        wait_for(lambda: not named("seed-edge", "pasta", "seed-net"), "the helpers' end")
        kept.sendall(b"untouched\n")
        assert read_line(kept) == "untouched"
        assert name(other.space, SERVICE, 80) == "one", "the rules live on"
        platform.start("--adopt", str(machine.pid))
        wait_for(works, "forward and resolver before any apply")
        assert platform.apply() == []
        kept.sendall(b"untouched\n")
        assert read_line(kept) == "untouched"
    assert works()
    wait_for(reaches_outside, "the way out again")
    assert platform.hello["adopted"]


def a_table_that_another_version_made_is_replaced():
    if USER_MODE:
        return   # nobody but seed-net can write rules there
    platform.kill()
    wait_for(lambda: not named("seed-edge", "pasta", "seed-net"), "the helpers' end")
    subprocess.run(["nsenter", f"--net=/proc/{machine.pid}/ns/net", "nft", "-f", "-"], text=True, check=True,
                   input="flush table inet seed; delete set inet seed own6; add set inet seed own6 { type ipv4_addr; }")
    platform.start("--adopt", str(machine.pid))
    assert platform.apply() == []
    wait_for(works, "forward and resolver")


def after_adoption_new_guests_join_the_old_ones():
    new = platform.guest(14, 1)
    Server(new.space, "::", 80, "new")
    platform.apply()
    assert name(one.space, new.six, 80) == "new"
    assert name(other.space, new.six, 80) == "ConnectionRefusedError"


def a_killed_host_side_ends_seed_net_which_can_be_started_again():
    os.kill(platform.ask("hello")["host_pid"], 9)
    platform.process.wait(PATIENCE)
    wait_for(lambda: not named("seed-edge", "pasta", "seed-net"), "the helpers' end")
    platform.start("--adopt", str(machine.pid))
    wait_for(works, "forward and resolver")


def a_second_seed_net_in_the_same_directory_is_refused():
    second = subprocess.run([BUILD + "/bin/seed-net", "--state", "/mnt/state", "--uplink", "none"], capture_output=True, text=True)
    assert second.returncode == 1 and "another seed-net" in second.stderr, second
    assert works()


def the_namespace_of_the_host_is_never_adopted():
    os.mkdir("/mnt/wrong")
    wrong = subprocess.run([BUILD + "/bin/seed-net", "--state", "/mnt/wrong", "--adopt", str(os.getpid())], capture_output=True, text=True)
    assert wrong.returncode == 1 and "not in a platform" in wrong.stderr, wrong


def without_a_way_out_the_reason_is_said():
    os.mkdir("/mnt/lonely")
    ip("link set out0 down")
    lonely = Platform("/mnt/lonely", uplink="auto")
    try:
        # At first only that it is on its way.
        reason = wait_for(lambda: next((one for one in lonely.ask("hello")["remarks"] if "no way out" in one), None), "the reason")
        assert lonely.ask("hello")["uplink"] == "none", reason
        print("     " + reason)
        lonely.ask("quit")
        lonely.process.wait(PATIENCE)
    finally:
        ip("link set out0 up", "route add default via 10.77.0.1", "addr add fd77::2/64 dev out0 nodad", "route add default via fd77::1 dev out0")


def quit_leaves_no_process_and_no_socket():
    platform.ask("quit")
    assert platform.process.wait(PATIENCE) == 0
    wait_for(lambda: not named("seed-edge", "pasta", "seed-net"), "the helpers' end")
    assert os.listdir("/mnt/state") == ["net.lock"], os.listdir("/mnt/state")
    assert name(host, "127.0.0.1", 18080) == "ConnectionRefusedError"


def a_state_directory_that_vanishes_ends_it():
    os.mkdir("/mnt/state2")
    second = Platform("/mnt/state2")
    subprocess.run(["rm", "-r", "/mnt/state2"], check=True)
    assert second.process.wait(PATIENCE) == 0
    wait_for(lambda: not named("seed-edge", "pasta", "seed-net"), "the helpers' end")


def the_hosts_network_is_as_it_was():
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True).stdout.split("\n")
    assert [link.split()[0].split("@")[0] for link in links if link] == ["lo", "out0"], links
    assert subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True).stdout == ""


run_cases(everything_works_before, a_killed_seed_edge_comes_back_with_all_it_knew, a_killed_pasta_comes_back,
          a_killed_seed_net_takes_its_helpers_along_and_guests_do_not_notice, a_table_that_another_version_made_is_replaced,
          after_adoption_new_guests_join_the_old_ones,
          a_killed_host_side_ends_seed_net_which_can_be_started_again, a_second_seed_net_in_the_same_directory_is_refused,
          the_namespace_of_the_host_is_never_adopted, without_a_way_out_the_reason_is_said,
          quit_leaves_no_process_and_no_socket, a_state_directory_that_vanishes_ends_it,
          the_hosts_network_is_as_it_was)
