"""A small milter that refuses some recipients and says at the end which ones it has seen accepted.

It speaks the protocol itself (no libmilter), keeps no state but one connection's, and can be run as a chain's
child or as what a deliberately different chain has in its place.
"""

import contextlib
import socket
import socketserver
import struct
import threading

from support import milter_wire
from support.ports import LOOPBACK

ADD_HEADERS = 0x01
# No helo, body, unknown or data; headers are not answered one by one.
UNWANTED_STEPS = 0x02 | 0x10 | 0x100 | 0x200
REFUSAL = b"550 5.7.1 <%s>: this recipient is refused"


@contextlib.contextmanager
def running_recipient_milter(refused: list[bytes], header_name: bytes = b"X-Recipients"):
    """Yields its endpoint."""
    with socketserver.ThreadingTCPServer((LOOPBACK, 0), _Connection) as server:
        server.daemon_threads = True
        server.refused = frozenset(refused)
        server.header_name = header_name
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"inet:{server.server_address[1]}@[{LOOPBACK}]"
        finally:
            server.shutdown()


class _Connection(socketserver.BaseRequestHandler):
    def handle(self):
        self.seen = []
        buffer = bytearray()
        while data := self.request.recv(65536):
            # Sendmail writes macros and command apart: without this they are 40 ms apart.
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            buffer += data
            for code, payload in milter_wire.packets_of(buffer):
                if code == b"Q":
                    return
                answer = self._answer(code, payload)
                if answer:
                    self.request.sendall(answer)

    def _answer(self, code: bytes, payload: bytes) -> bytes:
        if code == b"O":
            version, _, steps = struct.unpack_from(">III", payload)
            return milter_wire.pack(b"O", struct.pack(">III", min(6, version), ADD_HEADERS, UNWANTED_STEPS & steps))
        if code in b"DAK":
            if code == b"A":
                self.seen = []
            return b""
        if code == b"M":
            self.seen = []
        if code == b"R":
            return self._judge(payload.split(b"\0")[0].strip(b"<>"))
        if code == b"E":
            value = b"%d accepted" % len(self.seen)
            return milter_wire.pack(b"h", self.server.header_name + b"\0" + value + b"\0") + milter_wire.pack(b"c")
        return milter_wire.pack(b"c")

    def _judge(self, recipient: bytes) -> bytes:
        if recipient in self.server.refused:
            return milter_wire.pack(b"y", REFUSAL % recipient.replace(b"%", b"%%") + b"\0")
        self.seen.append(recipient)
        return milter_wire.pack(b"c")
