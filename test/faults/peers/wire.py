"""Packets of the milter protocol as the scripted peers need them; reading is bounded in time, never in size."""

import asyncio
import contextlib
import socket
import struct

import peers
from support.milter_wire import pack

ALL_ACTIONS, ALL_STEPS = 0x1FF, 0x1FFFFF
ADD_HEADERS, CHANGE_BODY, CHANGE_HEADERS = 0x01, 0x02, 0x10
# Of the steps: "do not send" and "no answer comes", by letter.
NOT_SENT = {b"C": 0x1, b"H": 0x2, b"M": 0x4, b"R": 0x8, b"B": 0x10, b"L": 0x20, b"N": 0x40, b"U": 0x100, b"T": 0x200}
SILENT = {b"L": 0x80, b"C": 0x1000, b"H": 0x2000, b"M": 0x4000, b"R": 0x8000, b"T": 0x10000, b"U": 0x20000,
          b"N": 0x40000, b"B": 0x80000}
ALL_SILENT = sum(SILENT.values())
SKIP = 0x400
STAGES = {b"O": "negotiate", b"C": "connect", b"H": "helo", b"M": "envelope-from", b"R": "envelope-recipient",
          b"T": "data", b"L": "header", b"N": "end-of-header", b"B": "body", b"E": "end-of-message"}
DECISIONS = b"cartdys4f"

CONTINUE, ACCEPT, REJECT, TEMPORARY_FAILURE, DISCARD, SKIPPED = (
    pack(code) for code in (b"c", b"a", b"r", b"t", b"d", b"s"))


def offer(version: int = 6, actions: int = ALL_ACTIONS, steps: int = ALL_STEPS) -> bytes:
    return pack(b"O", struct.pack(">III", version, actions, steps))


def add_header(name: bytes, value: bytes) -> bytes:
    return pack(b"h", name + b"\0" + value + b"\0")


def replacement(body: bytes, most: int = 65535) -> list[bytes]:
    """The b packets of a new body; an empty one is one empty packet (protocol 10.5)."""
    return [pack(b"b", body[at:at + most]) for at in range(0, len(body), most)] or [pack(b"b")]


async def read_packet(reader: asyncio.StreamReader) -> tuple[bytes, bytes] | None:
    """(code, payload); None at an end between two packets. A cut packet raises IncompleteReadError."""
    try:
        head = await reader.readexactly(4)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    (length,) = struct.unpack(">I", head)
    packet = await reader.readexactly(length)
    return packet[:1], packet[1:]


async def connect(endpoint: str):
    """A stream pair to inet:PORT@HOST, inet6:PORT@HOST or unix:PATH."""
    kind, _, rest = endpoint.partition(":")
    if kind == "unix":
        opening = asyncio.open_unix_connection(rest)
    else:
        port, _, host = rest.partition("@")
        opening = asyncio.open_connection(host.strip("[]"), int(port))
    return await within(opening)


def reset(writer: asyncio.StreamWriter):
    """Closes so that the other side gets ECONNRESET; on a unix socket that is what unread data does."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def within(awaitable, limit_s: float | None = None):
    return await asyncio.wait_for(awaitable, limit_s or peers.PATIENCE_S)
