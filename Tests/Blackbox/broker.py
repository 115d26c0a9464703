"""A Kafka broker of a few hundred lines whose topics can do what those of librdkafka's mock cannot: be deleted and made again, get
more partitions, lose their oldest records, carry any timestamp; and it can go away and come back on the same port.

One node, in memory, for consumers that assign partitions themselves: ApiVersions, Metadata, ListOffsets, Fetch, FindCoordinator and
OffsetCommit, each in one old version. Records are put in by the test, not by a producer.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
import uuid
from dataclasses import dataclass, field

from cluster import Message

UNKNOWN_TOPIC, OUT_OF_RANGE, UNSUPPORTED = 3, 1, 35
FETCH, LIST_OFFSETS, METADATA, OFFSET_COMMIT, FIND_COORDINATOR, API_VERSIONS = 1, 2, 3, 8, 10, 18
# librdkafka speaks to groups and of record batches only with brokers that know all of these.
VERSIONS = {0: (3, 3), FETCH: (4, 4), LIST_OFFSETS: (1, 2), METADATA: (4, 4), OFFSET_COMMIT: (2, 2), 9: (1, 1), FIND_COORDINATOR: (0, 0),
            11: (0, 0), 12: (0, 0), 13: (0, 0), 14: (0, 0), API_VERSIONS: (0, 0)}


@dataclass
class Partition:
    low: int = 0
    high: int = 0
    records: list[tuple[int, int, bytes | None, bytes | None]] = field(default_factory=list)  # offset, timestamp, key, value

    def append(self, timestamp: int, key: bytes | None, value: bytes | None) -> None:
        self.records.append((self.high, timestamp, key, value))
        self.high += 1

    def forget(self, offset: int) -> None:
        self.low = max(self.low, offset)
        self.records = [record for record in self.records if record[0] >= self.low]


class Broker:
    """Its methods are those of `Cluster`, and the faults."""

    def __init__(self) -> None:
        self.topics: dict[str, list[Partition]] = {}
        self.committed: dict[tuple[str, str, int], int] = {}
        self.lock = threading.Lock()
        self.port = 0
        self.listener: socket.socket | None = None
        self.connections: set[socket.socket] = set()
        self.delay = 0.0  # seconds before each answer
        self.up()
        self.brokers = f"127.0.0.1:{self.port}"

    # What a cluster does

    def topic(self, name: str, partitions: int) -> str:
        unique = f"{name}_{uuid.uuid4().hex[:12]}"
        self.create(unique, partitions)
        return unique

    def produce(self, topic: str, messages: list[Message]) -> None:
        with self.lock:
            for partition, timestamp, key, value in messages:
                self.topics[topic][partition].append(timestamp, key, value)

    def wait_for_group(self, group: str, ends: dict[str, list[int]], timeout: float = 40) -> None:
        wanted = {(group, topic, p): end for topic, counts in ends.items() for p, end in enumerate(counts) if end}
        deadline = time.monotonic() + timeout
        while True:
            behind = {key: self.committed.get(key, -1) for key, end in wanted.items() if self.committed.get(key, -1) < end}
            if not behind:
                return
            assert time.monotonic() < deadline, f"the group stays at {behind}, ends {wanted}"
            time.sleep(0.02)

    def low(self, topic: str, partition: int) -> int:
        return self.topics[topic][partition].low

    # What goes wrong with one

    def create(self, topic: str, partitions: int) -> None:
        with self.lock:
            self.topics[topic] = [Partition() for _ in range(partitions)]

    def add_partitions(self, topic: str, count: int) -> None:
        with self.lock:
            self.topics[topic] += [Partition() for _ in range(count)]

    def delete(self, topic: str) -> None:
        with self.lock:
            del self.topics[topic]

    def forget(self, topic: str, partition: int, offset: int) -> int:
        with self.lock:
            self.topics[topic][partition].forget(offset)
        return offset

    def down(self) -> None:
        """Refuses connections and ends those that there are."""
        listener, self.listener = self.listener, None
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it was on its way out

    def up(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self.listener = listener
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        if self.listener:
            self.down()

    # The wire

    def accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        try:
            while True:
                size = struct.unpack(">i", receive(connection, 4))[0]
                request = Reader(receive(connection, size))
                key, version, correlation = request.take(">hhi")
                request.string()  # client id
                time.sleep(self.delay)
                answer = struct.pack(">i", correlation) + self.answer(key, version, request)
                connection.sendall(struct.pack(">i", len(answer)) + answer)
        except OSError:
            pass  # the client went, or `down`
        finally:
            self.connections.discard(connection)
            connection.close()

    def answer(self, key: int, version: int, request: Reader) -> bytes:
        if key == API_VERSIONS:
            versions = [struct.pack(">hhh", api, low, high) for api, (low, high) in VERSIONS.items()]
            return struct.pack(">h", 0 if version == 0 else UNSUPPORTED) + array(versions)
        low, high = VERSIONS[key]
        assert low <= version <= high, (key, version)
        if key == METADATA:
            return self.metadata(request)
        if key == LIST_OFFSETS:
            return self.list_offsets(version, request)
        if key == FETCH:
            return self.fetch(request)
        if key == FIND_COORDINATOR:
            return struct.pack(">hi", 0, 1) + string("127.0.0.1") + struct.pack(">i", self.port)
        if key == OFFSET_COMMIT:
            return self.commit(request)
        raise OSError(f"request {key} is not for this broker")

    def metadata(self, request: Reader) -> bytes:
        count, = request.take(">i")
        with self.lock:
            names = list(self.topics) if count < 0 else [request.string() for _ in range(count)]
            topics = []
            for name in names:
                partitions = [struct.pack(">hii", 0, number, 1) + array([struct.pack(">i", 1)]) * 2
                              for number in range(len(self.topics.get(name, [])))]
                topics.append(struct.pack(">h", 0 if name in self.topics else UNKNOWN_TOPIC) + string(name) + b"\0" + array(partitions))
        node = struct.pack(">i", 1) + string("127.0.0.1") + struct.pack(">i", self.port) + string(None)
        return struct.pack(">i", 0) + array([node]) + string("fake") + struct.pack(">i", 1) + array(topics)

    def partition(self, topic: str, number: int) -> Partition | None:
        partitions = self.topics.get(topic, [])
        return partitions[number] if number < len(partitions) else None

    def list_offsets(self, version: int, request: Reader) -> bytes:
        request.take(">i" if version == 1 else ">ib")

        def offset(topic: str) -> bytes:
            number, timestamp = request.take(">iq")
            partition = self.partition(topic, number)
            if partition is None:
                return struct.pack(">ihqq", number, UNKNOWN_TOPIC, -1, -1)
            found = {-1: partition.high, -2: partition.low}.get(timestamp)
            if found is None:
                found = next((record[0] for record in partition.records if record[1] >= timestamp), -1)
            return struct.pack(">ihqq", number, 0, -1, found)

        with self.lock:
            return (b"" if version == 1 else struct.pack(">i", 0)) + request.by_topic(offset)

    def fetch(self, request: Reader) -> bytes:
        _, wait, _, _, _ = request.take(">iiiib")
        body = request.position
        deadline = time.monotonic() + wait / 1000
        while True:
            request.position = body
            has_news = False

            def records(topic: str) -> bytes:
                nonlocal has_news
                number, offset, size = request.take(">iqi")
                partition = self.partition(topic, number)
                if partition is None or not partition.low <= offset <= partition.high:
                    has_news = True
                    return struct.pack(">ihqqii", number, UNKNOWN_TOPIC if partition is None else OUT_OF_RANGE, -1, -1, -1, 0)
                batch = batch_of([r for r in partition.records if r[0] >= offset], size)
                has_news = has_news or bool(batch)
                return struct.pack(">ihqqii", number, 0, partition.high, partition.high, -1, len(batch)) + batch

            with self.lock:
                answer = request.by_topic(records)
            if has_news or time.monotonic() >= deadline:
                return struct.pack(">i", 0) + answer
            time.sleep(0.005)

    def commit(self, request: Reader) -> bytes:
        group = request.string()
        request.take(">i")
        request.string()
        request.take(">q")

        def take(topic: str) -> bytes:
            number, offset = request.take(">iq")
            request.string()
            self.committed[group, topic, number] = offset
            return struct.pack(">ih", number, 0)

        return request.by_topic(take)


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def take(self, format: str) -> tuple:
        values = struct.unpack_from(format, self.data, self.position)
        self.position += struct.calcsize(format)
        return values

    def string(self) -> str | None:
        length, = self.take(">h")
        if length < 0:
            return None
        self.position += length
        return self.data[self.position - length : self.position].decode()

    def by_topic(self, answer: object) -> bytes:
        """Requests that go through partitions by topic, and are answered in the same shape."""
        topics = []
        for _ in range(self.take(">i")[0]):
            name = self.string()
            topics.append(string(name) + array([answer(name) for _ in range(self.take(">i")[0])]))
        return array(topics)


def receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise OSError("closed")
        data += piece
    return data


def string(text: str | None) -> bytes:
    return struct.pack(">h", -1) if text is None else struct.pack(">h", len(text.encode())) + text.encode()


def array(items: list[bytes]) -> bytes:
    return struct.pack(">i", len(items)) + b"".join(items)


def varint(number: int) -> bytes:
    bits, out = (number << 1) ^ (number >> 63), bytearray()
    while bits >= 0x80:
        out.append(bits & 0x7F | 0x80)
        bits >>= 7
    return bytes(out) + bytes([bits])


def nullable(data: bytes | None) -> bytes:
    return varint(-1) if data is None else varint(len(data)) + data


def batch_of(records: list[tuple[int, int, bytes | None, bytes | None]], size: int) -> bytes:
    """One record batch of the first records, at least one, of about `size` bytes."""
    if not records:
        return b""
    first, base = records[0][0], records[0][1]
    body, count, last, newest = b"", 0, first, base
    for offset, timestamp, key, value in records[:500]:
        if count and (len(body) > size // 2 or abs(timestamp - base) > 2**40):
            break
        inner = b"\0" + varint(timestamp - base) + varint(offset - first) + nullable(key) + nullable(value) + varint(0)
        body += varint(len(inner)) + inner
        count, last, newest = count + 1, offset, max(newest, timestamp)
    tail = struct.pack(">hiqqqhii", 0, last - first, base, newest, -1, -1, -1, count) + body
    head = struct.pack(">ib", 0, 2) + struct.pack(">I", crc32c(tail))
    return struct.pack(">qi", first, len(head) + len(tail)) + head + tail


TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ 0x82F63B78 if byte & 1 else byte >> 1
    TABLE.append(byte)


def crc32c(data: bytes) -> int:
    total = 0xFFFFFFFF
    for byte in data:
        total = TABLE[(total ^ byte) & 0xFF] ^ total >> 8
    return total ^ 0xFFFFFFFF
