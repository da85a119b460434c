"""A scripted MTA: one connection to the manager, one packet at a time, each reply read and kept."""

import asyncio
import contextlib
import dataclasses
import hashlib
import struct
import time

from peers import wire
from peers.wire import pack, within

CONNECT = b"mail.example\0" + b"4" + struct.pack(">H", 25000) + b"192.0.2.1\0"
HELO = b"mail.example\0"
SENDER, RECIPIENT = b"<from@example.com>\0", b"<to@example.net>\0"
HEADERS = (b"From\0 from@example.com\0", b"Subject\0 a test\0")
LARGEST_PIECE = 65535


@dataclasses.dataclass
class Outcome:
    """What a mail led to: the first reply that is no continue, or that of the end of the message."""
    stage: bytes
    decision: bytes  # letter
    edits: list[tuple[bytes, bytes]]
    body: bytes | None  # the replacement; None: not replaced
    body_pieces: list[int]
    text: bytes = b""  # payload of the decision

    def headers(self) -> list[bytes]:
        return [payload.split(b"\0")[0] for code, payload in self.edits if code == b"h"]


class Mta:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.reader, self.writer = reader, writer
        self.actions = self.steps = 0
        self.slowest_s = 0.0  # of the replies
        self.replies: list[tuple[bytes, bytes]] = []  # (command, letter of its reply)
        self.progress = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, endpoint: str):
        reader, writer = await wire.connect(endpoint)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def tell(self, code: bytes, payload: bytes = b""):
        self.writer.write(pack(code, payload))

    async def offer(self, **what):
        self.writer.write(wire.offer(**what))
        code, payload = await self.reply(b"O")
        assert code == b"O", f"the offer was answered {code!r}"
        _, self.actions, self.steps = struct.unpack(">III", payload[:12])

    def is_answered(self, code: bytes) -> bool:
        return not self.steps & wire.SILENT.get(code, 0)

    async def ask(self, code: bytes, payload: bytes = b"", macros: bytes = b"") -> bytes:
        """The letter of its reply, `c` when there is none to come or it is not to be sent."""
        if self.steps & wire.NOT_SENT.get(code, 0):
            return b"c"
        if macros:
            self.tell(b"D", code + macros)
        self.tell(code, payload)
        await within(self.writer.drain())
        if not self.is_answered(code):
            return b"c"
        letter, _ = await self.reply(code)
        return letter

    async def reply(self, to: bytes) -> tuple[bytes, bytes]:
        begun = time.monotonic()
        while True:
            packet = await within(wire.read_packet(self.reader))
            assert packet is not None, f"the manager closed instead of answering {to!r}; so far {self.replies}"
            if packet[0] != b"p":
                break
            self.progress += 1
        self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
        self.replies.append((to, packet[0]))
        return packet

    async def outcome(self) -> Outcome:
        """What comes back to an end of message that was sent."""
        edits, body, pieces = [], None, []
        while True:
            code, payload = await self.reply(b"E")
            if code == b"b":
                body = (body or bytearray()) + payload
                pieces.append(len(payload))
            elif code in wire.DECISIONS:
                return Outcome(b"E", code, edits, None if body is None else bytes(body), pieces, payload)
            else:
                # All edits come before the body (chain P36).
                assert body is None, f"{code!r} after the first piece of the body"
                edits.append((code, payload))

    async def greet(self) -> Outcome | None:
        """Connect and helo; an outcome when one of them is refused."""
        for code, payload in ((b"C", CONNECT), (b"H", HELO)):
            if (letter := await self.ask(code, payload)) not in b"ca":
                return Outcome(code, letter, [], None, [])
        return None

    async def mail(self, last_piece: bytes = b"", **what) -> Outcome:
        """One message, all of it; what: see content()."""
        refused = await self.content(**what)
        if refused:
            return refused
        self.tell(b"E", last_piece)
        return await self.outcome()

    async def content(self, sender=SENDER, **what) -> Outcome | None:
        """A message up to its end. An outcome where it is refused: then it is over, as an MTA does."""
        if (letter := await self.ask(b"M", sender)) not in b"ca":
            return Outcome(b"M", letter, [], None, [])
        return await self.content_after_sender(**what)

    async def content_after_sender(
            self, body=(b"text\r\n",), headers=HEADERS, recipients=(RECIPIENT,)) -> Outcome | None:
        """body: its pieces."""
        steps = [*((b"R", recipient) for recipient in recipients), (b"T", b""), *((b"L", header) for header in headers),
                 (b"N", b""), *((b"B", piece) for piece in body)]
        for code, payload in steps:
            letter = await self.ask(code, payload)
            if letter == b"s":
                break
            if letter not in b"ca":
                if code == b"R":
                    self.tell(b"A")  # no other recipient comes
                return Outcome(code, letter, [], None, [])
        return None

    async def leave(self):
        """Q; the manager closes, and has said nothing that was not asked for."""
        self.tell(b"Q")
        await self.closed()

    async def closed(self):
        rest = await within(self.reader.read())
        assert rest == b"", f"surplus: {rest!r}; so far {self.replies}"

    async def lost(self):
        """Until the manager has closed, however it did so; says nothing of what it said before."""
        with contextlib.suppress(ConnectionError):
            await within(self.reader.read())


async def one_mail(endpoint: str, **what) -> Outcome:
    """A session of one message."""
    async with Mta.connected(endpoint) as mta:
        await mta.offer()
        outcome = await mta.greet() or await mta.mail(**what)
        await mta.leave()
        return outcome


def pieces_of(body: bytes, most: int = LARGEST_PIECE) -> list[bytes]:
    return [body[at:at + most] for at in range(0, len(body), most)]


def checksum(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
