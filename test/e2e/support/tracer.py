"""A milter-protocol proxy that changes nothing and notes each packet, for looking into a difference.

Bytes are passed on as they were read, so a tracer never repairs, splits or joins anything. MILTER_E2E_TRACE=DIRECTORY
puts one in front of each milter and of the manager, and writes one line a packet: number of the connection,
direction, packet.
"""

import contextlib
import dataclasses
import os
import pathlib
import re
import socket
import socketserver
import threading
import time

from support import milter_wire
from support.ports import LOOPBACK


@dataclasses.dataclass(frozen=True)
class Packet:
    connection: int
    to_filter: bool
    code: bytes  # empty at the end of this direction
    payload: bytes


class Trace:
    """What one tracer has seen; complete once the connections of interest have ended."""

    def __init__(self, report: pathlib.Path | None = None):
        self.packets: list[Packet] = []
        self._report = open(report, "w", buffering=1) if report else None
        self._lock = threading.Lock()
        self._connections = 0

    def new_connection(self) -> int:
        with self._lock:
            self._connections += 1
            return self._connections

    def note(self, packet: Packet, leftover: int = 0):
        with self._lock:
            self.packets.append(packet)
            if self._report:
                names = milter_wire.COMMANDS if packet.to_filter else milter_wire.REPLIES
                text = milter_wire.readable(packet.code, packet.payload, names) if packet.code else \
                    f"(end, {leftover} bytes of a packet before it)"
                arrow = "->" if packet.to_filter else "<-"
                self._report.write(f"{time.monotonic():.3f} #{packet.connection} {arrow} {text}\n")

    def close(self):
        with self._lock:
            if self._report:
                self._report.close()
                self._report = None


def traced(running: contextlib.ExitStack, endpoints: dict[str, str], who: str) -> dict[str, str]:
    """The endpoints to use: the same ones, or tracers in front of them. Reports are DIRECTORY/WHO-NAME."""
    directory = os.environ.get("MILTER_E2E_TRACE")
    if not directory:
        return endpoints
    return {name: running.enter_context(tracing(endpoint, Trace(pathlib.Path(directory) / f"{who}-{name}")))
            for name, endpoint in endpoints.items()}


@contextlib.contextmanager
def tracing(endpoint: str, trace: Trace):
    """Yields an endpoint that leads to the given one."""
    with socketserver.ThreadingTCPServer((LOOPBACK, 0), _Pair) as server:
        server.daemon_threads = True
        server.block_on_close = False
        server.target = endpoint
        server.trace = trace
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield f"inet:{server.server_address[1]}@[{LOOPBACK}]"
        finally:
            server.shutdown()
            trace.close()


def connect(endpoint: str) -> socket.socket:
    found = re.fullmatch(r"inet:(\d+)@\[?([^\]]+)\]?", endpoint)
    if found:
        return socket.create_connection((found[2], int(found[1])))
    target = socket.socket(socket.AF_UNIX)
    target.connect(endpoint.removeprefix("unix:"))
    return target


class _Pair(socketserver.BaseRequestHandler):
    def handle(self):
        number = self.server.trace.new_connection()
        with connect(self.server.target) as filter_side:
            back = threading.Thread(target=self._pump, args=(number, filter_side, self.request, False))
            back.start()
            self._pump(number, self.request, filter_side, True)
            back.join()

    def _pump(self, number: int, source: socket.socket, target: socket.socket, to_filter: bool):
        buffer = bytearray()
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                buffer += data
                for code, payload in milter_wire.packets_of(buffer):
                    self.server.trace.note(Packet(number, to_filter, code, payload))
                target.sendall(data)
        self.server.trace.note(Packet(number, to_filter, b"", b""), len(buffer))
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
