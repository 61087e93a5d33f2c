"""The host's side of a vsock for QEMU, as cloud-hypervisor has it built in: vhost-user on one end, UNIX sockets on the other.

A guest's connection to port P of the host becomes one to "SOCKET_P".  Streams only; nobody on the host connects to the guest.
Sources: QEMU's docs/interop/vhost-user.rst; virtio 1.2, 2.7 (split virtqueues) and 5.10 (socket device).
"""
import mmap
import os
import select
import socket
import struct

HEADER = struct.Struct("<QQIIIHHIII")   # src_cid dst_cid src_port dst_port len type op flags buf_alloc fwd_cnt
HOST, STREAM, BUFFER = 2, 1, 262144
REQUEST, RESPONSE, RST, SHUTDOWN, RW, CREDIT_UPDATE, CREDIT_REQUEST = range(1, 8)
VERSION_1, PROTOCOL_FEATURES, F_REPLY_ACK, F_CONFIG = 1 << 32, 1 << 30, 1 << 3, 1 << 9
NEXT, WRITE = 1, 2   # flags of a descriptor


class Queue:
    def __init__(self):
        self.size = self.desc = self.avail = self.used = self.seen = 0
        self.kick = self.call = None


class Connection:
    def __init__(self, stream):
        self.stream, self.received, self.sent, self.room, self.read_by_guest = stream, 0, 0, 0, 0

    def credit(self):
        return self.room - (self.sent - self.read_by_guest)


class VhostUserVsock:
    def __init__(self, channel, path, cid):
        self.channel, self.path, self.cid = channel, path, cid
        self.regions, self.queues = [], [Queue(), Queue()]
        self.connections, self.waiting = {}, []   # by (port of the host, port of the guest); packets for the guest

    # Memory ----------------------------------------------------------------------------------------------------------------------
    def at(self, address, by_guest=True):
        """(memory, offset) of an address of the guest, or of QEMU."""
        for guest, user, size, offset, memory in self.regions:
            start = guest if by_guest else user
            if start <= address < start + size:
                return memory, address - start + offset
        raise ValueError(f"no memory at {address:#x}")

    def read(self, address, size, by_guest=True):
        memory, offset = self.at(address, by_guest)
        return memory[offset:offset + size]

    def write(self, address, data, by_guest=True):
        memory, offset = self.at(address, by_guest)
        memory[offset:offset + len(data)] = data

    # Queues ----------------------------------------------------------------------------------------------------------------------
    def take(self, queue):
        """The next chain of buffers: (head, [(address, length, writable)]), or nothing."""
        available = struct.unpack("<H", self.read(queue.avail + 2, 2, False))[0]
        if available == queue.seen:
            return None
        head = index = struct.unpack("<H", self.read(queue.avail + 4 + 2 * (queue.seen % queue.size), 2, False))[0]
        queue.seen = (queue.seen + 1) & 0xffff
        chain = []
        while True:
            address, length, flags, following = struct.unpack("<QIHH", self.read(queue.desc + 16 * index, 16, False))
            chain.append((address, length, bool(flags & WRITE)))
            if not flags & NEXT:
                return head, chain
            index = following

    def give_back(self, queue, head, length):
        used = struct.unpack("<H", self.read(queue.used + 2, 2, False))[0]
        self.write(queue.used + 4 + 8 * (used % queue.size), struct.pack("<II", head, length), False)
        self.write(queue.used + 2, struct.pack("<H", (used + 1) & 0xffff), False)
        if queue.call is not None:
            os.write(queue.call, struct.pack("<Q", 1))

    # Packets ---------------------------------------------------------------------------------------------------------------------
    def send(self, host_port, guest_port, operation, data=b""):
        connection = self.connections.get((host_port, guest_port))
        forwarded = connection.received if connection else 0
        self.waiting.append(HEADER.pack(HOST, self.cid, host_port, guest_port, len(data), STREAM, operation, 0, BUFFER, forwarded) + data)
        self.deliver()

    def deliver(self):
        queue = self.queues[0]
        while self.waiting and queue.size:
            taken = self.take(queue)
            if not taken:
                return
            head, chain = taken
            packet = self.waiting.pop(0)
            done = 0
            for address, length, writable in chain:
                part = packet[done:done + length] if writable else b""
                self.write(address, part)
                done += len(part)
            assert done == len(packet), "a buffer of the guest is too small"
            self.give_back(queue, head, done)

    def from_guest(self):
        queue = self.queues[1]
        while taken := self.take(queue):
            head, chain = taken
            packet = b"".join(self.read(address, length) for address, length, writable in chain if not writable)
            self.give_back(queue, head, 0)
            self.packet(HEADER.unpack_from(packet), packet[HEADER.size:])

    def packet(self, header, data):
        _, host, guest_port, host_port, length, kind, operation, _, room, read_by_guest = header
        key = host_port, guest_port
        connection = self.connections.get(key)
        if operation == REQUEST and host == HOST and kind == STREAM and not connection:
            stream = socket.socket(socket.AF_UNIX)
            try:
                stream.connect(f"{self.path}_{host_port}")
            except OSError:
                stream.close()
                return self.send(host_port, guest_port, RST)
            connection = self.connections[key] = Connection(stream)
            connection.room, connection.read_by_guest = room, read_by_guest
            return self.send(host_port, guest_port, RESPONSE)
        if not connection:
            return operation == RST or self.send(host_port, guest_port, RST)
        connection.room, connection.read_by_guest = room, read_by_guest
        if operation == RW:
            try:
                connection.stream.sendall(data[:length])
            except OSError:
                return self.close(key)
            connection.received = (connection.received + length) & 0xffffffff
            self.send(host_port, guest_port, CREDIT_UPDATE)
        elif operation == CREDIT_REQUEST:
            self.send(host_port, guest_port, CREDIT_UPDATE)
        elif operation in (SHUTDOWN, RST):
            self.close(key, tell=operation == SHUTDOWN)

    def close(self, key, tell=True):
        self.connections.pop(key).stream.close()
        if tell:
            self.send(*key, RST)

    def from_host(self, key):
        connection = self.connections[key]
        try:
            data = connection.stream.recv(min(4096, connection.credit()))
        except OSError:
            data = b""
        if not data:
            return self.close(key)
        connection.sent = (connection.sent + len(data)) & 0xffffffff
        self.send(*key, RW, data)

    # vhost-user ------------------------------------------------------------------------------------------------------------------
    def message(self):
        """One message of QEMU; False when it is gone."""
        head, descriptors, _, _ = socket.recv_fds(self.channel, 12, 8)
        if len(head) < 12:
            return False
        request, flags, size = struct.unpack("<III", head)
        body = b""
        while len(body) < size:
            body += self.channel.recv(size - len(body))
        answer = self.handle(request, body, descriptors)
        if answer is None and flags & 8:
            answer = struct.pack("<Q", 0)   # it wants to hear that it was done
        if answer is not None:
            self.channel.sendall(struct.pack("<III", request, 1 | 4, len(answer)) + answer)
        return True

    def handle(self, request, body, descriptors):
        number = struct.unpack_from("<Q", body)[0] if len(body) >= 8 else 0
        queue = lambda: self.queues[struct.unpack_from("<I", body)[0] & 0xff]
        if request == 1:      # GET_FEATURES
            return struct.pack("<Q", VERSION_1 | PROTOCOL_FEATURES)
        if request == 15:     # GET_PROTOCOL_FEATURES
            return struct.pack("<Q", F_REPLY_ACK | F_CONFIG)
        if request == 17:     # GET_QUEUE_NUM
            return struct.pack("<Q", len(self.queues))
        if request == 24:     # GET_CONFIG
            offset, size, flags = struct.unpack_from("<III", body)
            return struct.pack("<III", offset, size, flags) + struct.pack("<Q", self.cid)[offset:offset + size]
        if request == 5:      # SET_MEM_TABLE
            self.regions = []
            for n, descriptor in enumerate(descriptors):
                guest, size, user, offset = struct.unpack_from("<QQQQ", body, 8 + 32 * n)
                self.regions.append((guest, user, size, offset, mmap.mmap(descriptor, offset + size)))
                os.close(descriptor)
        elif request == 8:    # SET_VRING_NUM
            queue().size = struct.unpack_from("<I", body, 4)[0]
        elif request == 9:    # SET_VRING_ADDR
            queue().desc, queue().used, queue().avail = struct.unpack_from("<QQQ", body, 8)
        elif request == 10:   # SET_VRING_BASE
            queue().seen = struct.unpack_from("<I", body, 4)[0]
        elif request == 11:   # GET_VRING_BASE: it stops
            stopped, queue().kick = queue().seen, None
            return struct.pack("<II", struct.unpack_from("<I", body)[0], stopped)
        elif request in (12, 13):   # SET_VRING_KICK, SET_VRING_CALL
            setattr(self.queues[number & 0xff], "kick" if request == 12 else "call", descriptors[0] if descriptors else None)
        return None

    def serve(self):
        """Until QEMU is gone."""
        while True:
            kicks = {queue.kick: n for n, queue in enumerate(self.queues) if queue.kick is not None}
            streams = {connection.stream: key for key, connection in self.connections.items() if connection.credit() > 0 and len(self.waiting) < 64}
            ready, _, _ = select.select([self.channel, *kicks, *streams], [], [])
            for one in ready:
                if one is self.channel:
                    if not self.message():
                        return
                elif one in kicks:
                    os.read(one, 8)
                    self.from_guest() if kicks[one] == 1 else self.deliver()
                elif streams[one] in self.connections:
                    self.from_host(streams[one])
