"""A raw SMTP client: no pipelining, no help, every byte of every reply recorded.

Smtplib is not used because it normalises replies, quotes addresses and decides what to send next.
"""

import dataclasses
import socket

from support.ports import LOOPBACK

REPLY_WITHIN_S = 40


class ConnectionLost(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Exchange:
    sent: bytes  # what the client said; long content is named, not repeated
    reply: bytes  # all lines, with their CRLF; what was read before the connection was lost

    @property
    def code(self) -> int:
        return int(self.reply[:3]) if self.reply[:3].isdigit() else 0


class SmtpClient:
    def __init__(self, port: int, source: str = LOOPBACK):
        self.exchanges: list[Exchange] = []
        self._socket = socket.create_connection((LOOPBACK, port), REPLY_WITHIN_S, (source, 0))
        self._input = self._socket.makefile("rb")
        self._record(b"(connect)")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.vanish()

    def command(self, line: bytes) -> Exchange:
        self.send(line + b"\r\n")
        return self._record(line)

    def content(self, message: bytes) -> Exchange:
        """Dot-stuffs the message (which must use CRLF), ends it with a dot and waits for the reply."""
        self.send(stuffed(message) + b".\r\n")
        return self._record(b"(content: %d bytes)" % len(message))

    def send(self, data: bytes):
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise ConnectionLost(f"connection ended while sending ({type(error).__name__})") from error

    def vanish(self):
        self._input.close()
        self._socket.close()

    def _record(self, sent: bytes) -> Exchange:
        lines = []
        while True:
            line, why = self._line()
            if not line:
                self.exchanges.append(Exchange(sent, b"".join(lines)))
                raise ConnectionLost(f"{why} after {sent!r}")
            lines.append(line)
            if line[3:4] != b"-":
                self.exchanges.append(Exchange(sent, b"".join(lines)))
                return self.exchanges[-1]

    def _line(self) -> tuple[bytes, str]:
        try:
            return self._input.readline(), "connection ended"
        except ConnectionResetError:
            return b"", "connection ended"  # whether the kernel calls it a reset is a matter of time
        except TimeoutError:
            return b"", f"no reply within {REPLY_WITHIN_S} s"


def stuffed(message: bytes) -> bytes:
    if message.startswith(b"."):
        message = b"." + message
    if message and not message.endswith(b"\r\n"):
        message += b"\r\n"
    return message.replace(b"\r\n.", b"\r\n..")
