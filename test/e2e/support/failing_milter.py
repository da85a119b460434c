"""A milter that breaks: it says yes to everything, and closes the connection instead of answering one command."""

import contextlib
import socketserver
import struct
import threading

from support import milter_wire
from support.ports import LOOPBACK

AT_ONCE, NEVER = b"", b"-"
WITHOUT_ANSWER = b"DAK"


class FailingMilter(socketserver.ThreadingTCPServer):
    """`breaks_at` is the letter of a command, AT_ONCE or NEVER; it may be changed between two connections."""

    daemon_threads = True

    def __init__(self):
        super().__init__((LOOPBACK, 0), _Connection)
        self.breaks_at = NEVER
        self.broke = 0  # how often it has done so
        self.endpoint = f"inet:{self.server_address[1]}@[{LOOPBACK}]"


@contextlib.contextmanager
def running_failing_milter():
    """Yields the milter."""
    with FailingMilter() as milter:
        threading.Thread(target=milter.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield milter
        finally:
            milter.shutdown()


class _Connection(socketserver.BaseRequestHandler):
    server: FailingMilter

    def handle(self):
        breaks_at = self.server.breaks_at
        buffer = bytearray()
        if breaks_at == AT_ONCE:
            self.server.broke += 1
            return
        while data := self.request.recv(65536):
            buffer += data
            for code, payload in milter_wire.packets_of(buffer):
                if code == breaks_at:
                    self.server.broke += 1
                    return
                if code == b"Q":
                    return
                self._answer(code, payload)

    def _answer(self, code: bytes, payload: bytes):
        if code == b"O":
            version = min(6, struct.unpack_from(">I", payload)[0])
            self.request.sendall(milter_wire.pack(b"O", struct.pack(">III", version, 0, 0)))
        elif code not in WITHOUT_ANSWER:
            self.request.sendall(milter_wire.pack(b"c"))
