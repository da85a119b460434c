"""Where the mail of a private MTA ends: an LMTP server that accepts all and keeps every byte.

LMTP, because Postfix then adds nothing of its own at delivery: what arrives here is what the milters made of it.
"""

import dataclasses
import re
import socketserver
import threading

from support.ports import LOOPBACK


@dataclasses.dataclass(frozen=True)
class Delivery:
    sender: bytes  # the whole MAIL command, with its parameters
    recipients: tuple[bytes, ...]  # the whole RCPT commands, in their order
    content: bytes  # dot-unstuffed, lines end with CRLF

    @property
    def queue_id(self) -> str:
        """From the Received field of the MTA that delivers it here."""
        found = re.search(rb"^Received: [^;]*?\bE?L?SMTPS?A? id (\w+)", self.content, re.MULTILINE)
        return found[1].decode() if found else ""

    def header(self) -> bytes:
        return self.content.partition(b"\r\n\r\n")[0] + b"\r\n"

    def body(self) -> bytes:
        return self.content.partition(b"\r\n\r\n")[2]


class LmtpSink(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__((LOOPBACK, 0), _Conversation)
        self.port = self.server_address[1]
        self.deliveries: list[Delivery] = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def keep(self, delivery: Delivery):
        with self._lock:
            self.deliveries.append(delivery)


class _Conversation(socketserver.StreamRequestHandler):
    server: LmtpSink

    def handle(self):
        self._say(b"220 sink LMTP")
        sender, recipients = b"", []
        for line in self.rfile:
            line = line.rstrip(b"\r\n")
            verb = line[:4].upper()
            if verb == b"LHLO":
                self._say(b"250-sink\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250 SIZE")
            elif verb == b"MAIL":
                sender, recipients = line, []
                self._say(b"250 2.1.0 ok")
            elif verb == b"RCPT":
                recipients.append(line)
                self._say(b"250 2.1.5 ok")
            elif verb == b"DATA":
                self._say(b"354 go on")
                content = self._content()
                if content is None:
                    return
                self.server.keep(Delivery(sender, tuple(recipients), content))
                self._say(b"\r\n".join([b"250 2.0.0 kept"] * len(recipients)))
            elif verb == b"QUIT":
                self._say(b"221 2.0.0 bye")
                return
            else:
                self._say(b"250 2.0.0 ok")

    def _say(self, text: bytes):
        self.wfile.write(text + b"\r\n")

    def _content(self) -> bytes | None:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)
        return None
