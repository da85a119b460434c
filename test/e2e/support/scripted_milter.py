"""A milter that says yes to everything, but for what its script says: another answer, or none and the end."""

import contextlib
import socketserver
import struct
import threading

from support import milter_wire
from support.ports import LOOPBACK

AT_ONCE = b""  # instead of a command: before anything was said
BREAK = b""  # instead of an answer: the connection is closed
WITHOUT_ANSWER = b"DAK"


class ScriptedMilter(socketserver.ThreadingTCPServer):
    """`script` gives the packets to answer a command with, by its letter; it may be changed between connections."""

    daemon_threads = True

    def __init__(self):
        super().__init__((LOOPBACK, 0), _Connection)
        self.script: dict[bytes, bytes] = {}
        self.played = 0  # how often a line of the script was said
        self.endpoint = f"inet:{self.server_address[1]}@[{LOOPBACK}]"


@contextlib.contextmanager
def running_scripted_milter():
    """Yields the milter."""
    with ScriptedMilter() as milter:
        threading.Thread(target=milter.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield milter
        finally:
            milter.shutdown()


class _Connection(socketserver.BaseRequestHandler):
    server: ScriptedMilter

    def handle(self):
        script = self.server.script
        buffer = bytearray()
        if AT_ONCE in script:
            self.server.played += 1
            return
        while data := self.request.recv(65536):
            buffer += data
            for code, payload in milter_wire.packets_of(buffer):
                if code in script:
                    self.server.played += 1
                    if script[code] == BREAK:
                        return
                    self.request.sendall(script[code])
                elif code == b"Q":
                    return
                else:
                    self._continue(code, payload)

    def _continue(self, code: bytes, payload: bytes):
        if code == b"O":
            version = min(6, struct.unpack_from(">I", payload)[0])
            self.request.sendall(milter_wire.pack(b"O", struct.pack(">III", version, 0, 0)))
        elif code not in WITHOUT_ANSWER:
            self.request.sendall(milter_wire.pack(b"c"))
