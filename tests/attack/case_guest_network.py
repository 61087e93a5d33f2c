"""A guest reaches only what others expose: no unexposed port, no control plane, no host; with forged addresses not more."""
from seed_platform import wait_for


def run(world):
    victim, ssh = world.victim["address"], world.platform.ssh_port
    http, dns = world.platform.ready["http"].rsplit(":", 1)[1], world.platform.ready["dns"].rsplit(":", 1)[1]
    text = world.hostile_guest(f"""
        echo exposed: $(probe {victim} 80)
        echo unexposed: $(probe {victim} 9999)
        gateways=$(ip -6 route show default | sed -n 's/.*via \\([^ ]*\\).*/\\1/p'; ip route show default | sed -n 's/.*via \\([^ ]*\\).*/\\1/p')
        for host in $gateways 169.254.169.254 $SEED_NODE_IP; do
          for port in 22 {ssh} {http} {dns} 8081; do
            probe $host $port 1 > /tmp/answer && echo "control: $host $port $(head -c 60 /tmp/answer)"
          done
        done
    """)
    assert "exposed: HTTP" in text and "answering as scripted" in text, text
    assert world.secret not in text, "an unexposed port was reached"
    assert "control:" not in text, text
    # As Bob: his address on our interface and another's MAC.  Our own network may be lost by that: a boot of its own, whose console tells.
    world.hostile_guest(f"""
        for n in 1 2 3 4 5; do arping -U -c 1 -I eth0 $(ip -4 addr show dev eth0 | sed -n 's/.*inet \\([0-9.]*\\).*/\\1/p'); done
        echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad   # nobody is asked whether it is taken
        ip link set eth0 down; ip link set eth0 address 52:5e:ed:00:00:00; ip link set eth0 up
        for n in $(seq 600); do [ "$(cat /sys/class/net/eth0/carrier)" = 1 ] && break; usleep 50000; done
        ip -6 addr add {victim}/128 dev eth0
        ip -6 route add fd00::/8 via fe80::1 dev eth0 src {victim}
        ping6 -c 3 -W 1 fdff::1
        ip link show dev eth0 | grep -q 52:5e:ed:00:00:00 && ip -6 addr show dev eth0 | grep -q {victim} && echo forged everything > /dev/console
    """, wait=False)
    wait_for(lambda: "forged everything" in world.alice.ssh("logs", "attacker/scripted").stdout, "the guest has forged its addresses", 120)
    assert "answering as scripted" in world.platform.get(world.victim["urls"][0], deadline=60)
