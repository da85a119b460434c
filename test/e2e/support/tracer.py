"""A milter-protocol proxy that changes nothing and writes down each packet, for looking into a difference.

MILTER_E2E_TRACE=DIRECTORY puts one in front of each milter and of the manager. One line a packet: number of the connection, direction, packet. Bytes are passed on as they were read, so a tracer
never repairs, splits or joins anything.
"""

import contextlib
import os
import pathlib
import re
import socket
import socketserver
import threading
import time

from support import milter_wire
from support.ports import LOOPBACK


def traced(running: contextlib.ExitStack, endpoints: dict[str, str], who: str) -> dict[str, str]:
    """The endpoints to use: the same ones, or tracers in front of them. Reports are DIRECTORY/WHO-NAME."""
    directory = os.environ.get("MILTER_E2E_TRACE")
    if not directory:
        return endpoints
    return {name: running.enter_context(tracing(endpoint, pathlib.Path(directory) / f"{who}-{name}"))
            for name, endpoint in endpoints.items()}


@contextlib.contextmanager
def tracing(endpoint: str, report: pathlib.Path):
    """Yields an endpoint that leads to the given one."""
    with socketserver.ThreadingTCPServer((LOOPBACK, 0), _Pair) as server:
        server.daemon_threads = True
        server.block_on_close = False
        server.target = endpoint
        server.report = open(report, "w", buffering=1)
        server.connections = 0
        server.lock = threading.Lock()
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield f"inet:{server.server_address[1]}@[{LOOPBACK}]"
        finally:
            server.shutdown()


def connect(endpoint: str) -> socket.socket:
    found = re.fullmatch(r"inet:(\d+)@\[?([^\]]+)\]?", endpoint)
    if found:
        return socket.create_connection((found[2], int(found[1])))
    target = socket.socket(socket.AF_UNIX)
    target.connect(endpoint.removeprefix("unix:"))
    return target


class _Pair(socketserver.BaseRequestHandler):
    def handle(self):
        with self.server.lock:
            self.server.connections += 1
            self.number = self.server.connections
        with connect(self.server.target) as filter_side:
            back = threading.Thread(target=self._pump, args=(filter_side, self.request, "<-", milter_wire.REPLIES))
            back.start()
            self._pump(self.request, filter_side, "->", milter_wire.COMMANDS)
            back.join()

    def _pump(self, source: socket.socket, target: socket.socket, arrow: str, names: dict):
        buffer = bytearray()
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                buffer += data
                for code, payload in milter_wire.packets_of(buffer):
                    self._note(arrow, milter_wire.readable(code, payload, names))
                target.sendall(data)
        self._note(arrow, f"(end{', in the middle of a packet' if buffer else ''})")
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _note(self, arrow: str, text: str):
        with self.server.lock:
            self.server.report.write(f"{time.monotonic():.3f} #{self.number} {arrow} {text}\n")
