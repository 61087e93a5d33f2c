"""A machine of its own for each test of the network: private PID, mount and network namespaces, in which everything dies with the
test.  "host" is the namespace seed-net is started in, "internet" lies behind it; guests are network namespaces whose eth0 is joined to
the tap's descriptor by a copying thread, just as a virtual machine would be."""
import contextlib, ctypes, fcntl, json, os, random, re, select, socket, struct, subprocess, sys, tempfile, threading, time, traceback

BUILD = os.environ.get("SEED_BUILD", "/tmp/b")
PREFIX, ZONE = "fd5e:ed00:1", "seed.example.net"
PATIENCE = int(os.environ.get("SEED_PATIENCE", "60"))
libc = ctypes.CDLL(None, use_errno=True)
NEWNET, TUNSETIFF, TUNSETVNETHDRSZ = 0x40000000, 0x400454ca, 0x400454d8
USER_MODE = len(sys.argv) > 1 and sys.argv[1] == "user"


def skip(why):
    print("skipped: " + why)
    sys.exit(77)


def enter_own_machine():
    """Starts the test again inside its own namespaces; returns only in there."""
    if os.geteuid() != 0:
        skip("needs root to make namespaces")
    if os.environ.get("SEED_NETWORK_TEST") == "inside":
        return
    os.environ["SEED_NETWORK_TEST"] = "inside"
    os.execvp("unshare", ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--mount", "--propagation", "private", "--net",
                          sys.executable] + sys.argv)


def check(result, what):
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def ip(*commands):
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands) + "\n", text=True, check=True)


class Space:
    """A network namespace, by descriptor."""
    def __init__(self, descriptor=None):
        self.fd = descriptor
        if descriptor is None:
            def make():
                check(libc.unshare(NEWNET), "unshare")
                self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
                ip("link set lo up")
            in_thread(make)

    def run(self, function, *arguments):
        def enter():
            check(libc.setns(self.fd, NEWNET), "setns")
            return function(*arguments)
        return in_thread(enter)

    def ip(self, *commands):
        self.run(ip, *commands)

    def output(self, *command):
        return self.run(lambda: subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def in_thread(function):
    box = {}
    def work():
        try:
            box["result"] = function()
        except BaseException as error:
            box["error"] = error
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join()
    if "error" in box:
        raise box["error"]
    return box["result"]


def wait_for(condition, what, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError("never happened: " + what)
        time.sleep(0.02)


class Server:
    """Says its name and who is calling, then repeats what it hears; thread-backed."""
    def __init__(self, space, address, port, name):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        def make():
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(256)
            return listener
        self.listener, self.name = space.run(make), name
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, peer = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection, peer), daemon=True).start()

    def serve(self, connection, peer):
        with contextlib.suppress(OSError), connection:
            connection.sendall(f"{self.name} {peer[0]}\n".encode())
            while data := connection.recv(65536):
                connection.sendall(data)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self.listener.close()


class UdpServer:
    """Answers each datagram with its name, who is calling, and the datagram."""
    def __init__(self, space, address, port, name):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        def make():
            s = socket.socket(family, socket.SOCK_DGRAM)
            s.bind((address, port))
            return s
        self.socket, self.name = space.run(make), name
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                data, peer = self.socket.recvfrom(65536)
                self.socket.sendto(f"{self.name} {peer[0]} ".encode() + data, peer)


class UdpClient:
    """A connected UDP socket; say() returns the answer, or None when none comes."""
    def __init__(self, space, address, port):
        def make():
            s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            s.connect((address, port))
            return s
        self.socket = space.run(make)

    def say(self, text, patience=PATIENCE):
        self.socket.settimeout(patience)
        try:
            self.socket.send(text)
            return self.socket.recv(65536)
        except OSError:
            return None


def connect(space, address, port, patience=PATIENCE, source=None):
    def make():
        s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        s.settimeout(patience)
        if source:
            s.bind((source, 0))
        s.connect((address, port))
        return s
    return space.run(make)


def read_line(s):
    data = b""
    while not data.endswith(b"\n"):
        part = s.recv(1)
        if not part:
            raise ConnectionResetError("closed before a line came")
        data += part
    return data.decode().strip()


def greeting(space, address, port, **options):
    """Who answers there, or the name of the error."""
    try:
        with connect(space, address, port, **options) as s:
            return read_line(s)
    except OSError as error:
        return type(error).__name__


def name(space, address, port, **options):
    return greeting(space, address, port, **options).split()[0]


def open_tap(device):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", device.encode(), 0x0002 | 0x1000 | 0x4000))
    fcntl.ioctl(fd, TUNSETVNETHDRSZ, struct.pack("i", 12))
    return fd


class Guest:
    """A stand-in for a virtual machine: holds the tap's descriptor and a namespace with the guest's side of it."""
    def __init__(self, platform, number, tenant, start=True):
        self.number, self.tenant, self.tap = number, tenant, f"tap{number}"
        self.six, self.four = f"{PREFIX}:2::{number:x}", f"100.64.0.{number}"
        self.tap_fd = platform.tap(self)
        self.space = Space()
        def join():
            fd = open_tap("eth0")
            for key, value in (("accept_dad", 0), ("accept_ra", 0), ("addr_gen_mode", 1)):
                with open(f"/proc/sys/net/ipv6/conf/eth0/{key}", "w") as f:
                    f.write(str(value))
            ip("link set eth0 up", f"addr add {self.four}/32 dev eth0", f"route add 169.254.0.1 dev eth0 scope link src {self.four}",
               f"route add default via 169.254.0.1 src {self.four}", f"addr add {self.six}/128 dev eth0 nodad",
               "route add default via fe80::1 dev eth0 src " + self.six)
            return fd
        self.eth_fd = self.space.run(join)
        self.stop_read, self.stop_write = os.pipe()
        self.thread = threading.Thread(target=self.copy, daemon=True)
        self.thread.start()

    def copy(self):
        pairs = {self.tap_fd: self.eth_fd, self.eth_fd: self.tap_fd}
        while True:
            ready, _, _ = select.select([*pairs, self.stop_read], [], [])
            if self.stop_read in ready:
                break
            for fd in ready:
                with contextlib.suppress(OSError):
                    os.write(pairs[fd], os.read(fd, 70000))
        os.close(self.tap_fd)
        os.close(self.eth_fd)

    def die(self):
        os.write(self.stop_write, b"x")
        self.thread.join()

    def vm(self):
        return {"tap": self.tap, "tenant": self.tenant, "address6": self.six, "address4": self.four}


class Refused(Exception):
    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['text']}")
        self.code = error["code"]


class Platform:
    """seed-net, and the state it was told."""
    def __init__(self, directory, *arguments, uplink="none"):
        self.directory, self.socket = directory, directory + "/net.sock"
        self.state = {"prefix6": PREFIX + "::/48", "vms": [], "services": [], "forwards": [], "zone": ZONE, "dns_server": ""}
        self.uplink = uplink
        self.start(*arguments)

    def start(self, *arguments):
        command = [BUILD + "/bin/seed-net", "--state", self.directory, "--uplink", self.uplink, *arguments]
        if USER_MODE:
            os.chown(self.directory, 12345, 12345)
            command = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups", *command]
        with contextlib.suppress(OSError):
            os.unlink(self.socket)
        self.process = subprocess.Popen(command)
        def up():
            assert self.process.poll() is None, "seed-net ended"
            with contextlib.suppress(OSError):
                return self.ask("hello")
        self.hello = wait_for(up, "seed-net answers")
        self.space = Space(self.ask_all("namespaces")[1][-1])

    def ask_all(self, operation, arguments={}):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(self.socket)
            body = json.dumps({"id": 1, "op": operation, "args": arguments}).encode()
            s.sendall(struct.pack(">I", len(body)) + body)
            data, descriptors = b"", []
            while len(data) < 4 or len(data) < 4 + struct.unpack(">I", data[:4])[0]:
                part, more, _, _ = socket.recv_fds(s, 65536, 16)
                if not part:
                    raise ConnectionError("seed-net closed the connection")
                data += part
                descriptors += more
        answer = json.loads(data[4:])
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["ok"], descriptors

    def ask(self, operation, arguments={}):
        return self.ask_all(operation, arguments)[0]

    def tap(self, guest):
        return self.ask_all("tap", {"name": guest.tap, "tenant": guest.tenant, "address6": guest.six, "address4": guest.four})[1][0]

    def apply(self):
        return self.ask("apply", self.state)["remarks"]

    def guest(self, number, tenant):
        guest = Guest(self, number, tenant)
        self.state["vms"].append(guest.vm())
        return guest

    def remove(self, guest):
        self.state["vms"] = [vm for vm in self.state["vms"] if vm["tap"] != guest.tap]

    def service(self, suffix, tenant, guest, ports, names=(), ipv4_only=False, udp=()):
        address = f"{PREFIX}:1::{suffix}"
        self.state["services"] = [s for s in self.state["services"] if s["address"] != address]
        self.state["services"].append(
            {"tenant": tenant, "address": address, "address6": guest.six if guest else "", "address4": guest.four if guest else "",
             "ports": [{"port": p, "udp": False, "ipv4_only": ipv4_only} for p in ports] +
                      [{"port": p, "udp": True, "ipv4_only": ipv4_only} for p in udp], "names": list(names)})
        return address

    def forward(self, host_port, address, port, udp=False):
        self.state["forwards"].append({"host_port": host_port, "address": address, "port": port, "udp": udp})

    def dropped(self):
        text = self.space.output("nft", "list", "chain", "inet", "seed", "antispoof")
        return int(re.search(r"counter packets (\d+)", text).group(1))

    def kill(self):
        self.process.kill()
        self.process.wait()


def query(space, server, name_, type_=28, tcp=False, patience=PATIENCE):
    """(result code, [addresses]) of a DNS question."""
    number = random.randrange(65536)
    packet = struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0)
    packet += b"".join(bytes([len(l)]) + l.encode() for l in name_.split(".")) + b"\0" + struct.pack(">HH", type_, 1)
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    def ask():
        with socket.socket(family, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as s:
            s.settimeout(patience)
            s.connect((server, 53))
            if not tcp:
                # Asked again, as every resolver does: datagrams get lost, in the kernel's queues too.
                s.settimeout(min(2, patience))
                for _ in range(max(1, round(patience / 2))):
                    with contextlib.suppress(TimeoutError):
                        s.send(packet)
                        return s.recv(65536)
                raise TimeoutError(f"no answer from {server} within {patience} s")
            s.sendall(struct.pack(">H", len(packet)) + packet)
            data = b""
            while len(data) < 2 or len(data) < 2 + struct.unpack(">H", data[:2])[0]:
                part = s.recv(65536)
                if not part:
                    raise ConnectionError("closed")
                data += part
            return data[2:]
    answer = space.run(ask)
    got, flags, _, count, _, _ = struct.unpack(">HHHHHH", answer[:12])
    assert got == number, "wrong id"
    at, addresses = len(packet), []
    for _ in range(count):
        assert answer[at:at + 2] == b"\xc0\x0c", "odd answer"
        kind, _, _, size = struct.unpack(">HHIH", answer[at + 2:at + 12])
        data = answer[at + 12:at + 12 + size]
        addresses.append(socket.inet_ntop(socket.AF_INET6 if kind == 28 else socket.AF_INET, data))
        at += 12 + size
    return flags & 15, addresses


class DnsServer:
    """Answers every AAAA question with one address, over UDP and TCP; remembers what it was asked."""
    def __init__(self, space, address, port, answer):
        self.asked, self.answer = [], socket.inet_pton(socket.AF_INET6, answer)
        def make():
            udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
            for s in (udp, tcp):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind((address, port))
            tcp.listen(16)
            return udp, tcp
        self.udp, self.tcp = space.run(make)
        threading.Thread(target=self.serve_udp, daemon=True).start()
        threading.Thread(target=self.serve_tcp, daemon=True).start()

    def reply(self, packet, peer):
        at, labels = 12, []
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode())
            at += 1 + packet[at]
        question = packet[12:at + 5]
        self.asked.append((".".join(labels), packet[:2], peer))
        return packet[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + question + b"\xc0\x0c" + struct.pack(">HHIH", 28, 1, 60, 16) + self.answer

    def serve_udp(self):
        while True:
            packet, peer = self.udp.recvfrom(4096)
            self.udp.sendto(self.reply(packet, peer), peer)

    def serve_tcp(self):
        while True:
            connection, peer = self.tcp.accept()
            with connection:
                data = connection.recv(4096)
                answer = self.reply(data[2:], peer)
                connection.sendall(struct.pack(">H", len(answer)) + answer)


def make_machine():
    """Namespaces "host" (ours) and "internet", /dev/net/tun for everybody, a resolv.conf; a temporary directory that goes with us."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/mnt"], check=True)
    os.mknod("/mnt/tun", 0o666 | 0o020000, os.makedev(10, 200))
    os.chmod("/mnt/tun", 0o666)
    os.makedirs("/dev/net", exist_ok=True)
    subprocess.run(["mount", "--bind", "/mnt/tun", "/dev/net/tun"], check=True)
    with open("/mnt/resolv.conf", "w") as f:
        f.write("nameserver 10.77.0.1\n")
    subprocess.run(["mount", "--bind", "/mnt/resolv.conf", os.path.realpath("/etc/resolv.conf")], check=True)
    host, internet = Space(os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)), Space()
    host.ip("link set lo up")
    subprocess.run(["ip", "link", "add", "out0", "type", "veth", "peer", "name", "in0", "netns", f"/proc/{os.getpid()}/fd/{internet.fd}"], check=True)
    ip("addr add 10.77.0.2/24 dev out0", "addr add fd77::2/64 dev out0 nodad", "link set out0 up", "route add default via 10.77.0.1",
       "route add default via fd77::1 dev out0")
    internet.ip("addr add 10.77.0.1/24 dev in0", "addr add fd77::1/64 dev in0 nodad", "link set in0 up")
    os.mkdir("/mnt/state", 0o755)
    return host, internet


def processes():
    """Names of the running processes of this machine (its own /proc)."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as f:
            text = f.read()
            if text[text.rindex(")") + 2] != "Z":
                found.append((int(pid), text[text.index("(") + 1:text.rindex(")")]))
    return found


def run_cases(*cases):
    failed = 0
    for case in cases:
        label = case.__name__.replace("_", " ")
        try:
            case()
            print("ok   " + label, flush=True)
        except Exception:
            failed += 1
            print("FAIL " + label, flush=True)
            traceback.print_exc()
    sys.stdout.flush()
    os._exit(1 if failed else 0)
