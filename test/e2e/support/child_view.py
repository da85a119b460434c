"""What one milter was told, as text that is the same natively and behind a manager that keeps its promises.

Left out is what a milter must not be able to act on: A and Q (chain P44), macros for L, B and U and empty ones
(chain P67), where body packets are cut, and the content of a mail that some other milter ended before this one was
asked for its decision (chain P30: it may have been fed early).
"""

import hashlib
import re

from support import milter_wire
from support.masks import masked
from support.tracer import Packet, Trace

WITHOUT_MACROS = b"LBU"
CONTENT = b"TLNB"


def sessions(trace: Trace) -> list[list[str]]:
    """The sessions that had a client, in their order; one line of text for each thing that was told."""
    numbers = dict.fromkeys(packet.connection for packet in trace.packets if packet.to_filter and packet.code == b"C")
    return [_lines([packet for packet in trace.packets if packet.connection == number and packet.to_filter])
            for number in numbers]


def _lines(packets: list[Packet]) -> list[str]:
    lines, content, body, ended = [], [], b"", False
    for packet in packets:
        code = packet.code
        stage = packet.payload[:1] if code == b"D" else code
        if code == b"B":
            body += packet.payload
        elif code == b"E":
            lines += [*content, _body_line(body), "end_of_message"]
        elif code == b"D":
            if stage not in WITHOUT_MACROS and len(packet.payload) > 1:
                (content if stage in CONTENT + b"E" else lines).append(_macros_line(packet.payload))
        elif code in CONTENT and code:
            content.append(_content_line(packet))
        elif code and code not in b"AQ":
            lines.append(_envelope_line(packet))
        if code in (b"M", b"A", b"E", b"H"):
            content, body = [], b""
    return lines


def _body_line(body: bytes) -> str:
    shown = masked("body", body)
    return f"body {len(body)} bytes {shown[:60]!r} sha256 {hashlib.sha256(shown).hexdigest()}"


def _macros_line(payload: bytes) -> str:
    values = payload[1:].decode("latin-1").split("\0")
    pairs = " ".join(f"{name}={_without_ports(name, value)!r}" for name, value in zip(values[::2], values[1::2]))
    return f"macros for {milter_wire.COMMANDS[payload[:1]]}: {pairs}"


def _without_ports(name: str, value: str) -> str:
    """The two chains have an MTA each, with ports and queue ids of their own."""
    if name == "i":
        return "(queue id)"
    return re.sub(r"(?<=^inet:127\.0\.0\.1:)\d+$", "(port)", value)


def _content_line(packet: Packet) -> str:
    if packet.code != b"L":
        return milter_wire.readable(packet.code, packet.payload, milter_wire.COMMANDS)
    name, _, value = packet.payload.partition(b"\0")
    field = name + b":" + value.removesuffix(b"\0").replace(b"\n", b"\r\n") + b"\r\n"
    # Without HDR_LEADSPC the blank after the colon is missing; a mask needs it, the comparison needs to see it.
    without_blank = not value.startswith(b" ")
    if without_blank:
        field = field.replace(b":", b": ", 1)
    return f"header {'(no blank) ' if without_blank else ''}{masked('header', field)!r}"


def _envelope_line(packet: Packet) -> str:
    payload = packet.payload
    if packet.code == b"C":
        host, _, address = payload.partition(b"\0")
        payload = host + b"\0" + address[:1] + b"(port)" + address[3:]
    return milter_wire.readable(packet.code, payload, milter_wire.COMMANDS)
