"""The milter protocol as bytes: frames, and a readable line for each packet. It decides nothing."""

import struct

NEGOTIATE, MACRO, BODY = b"O", b"D", b"B"
COMMANDS = {
    b"O": "negotiate", b"D": "macros", b"C": "connect", b"H": "helo", b"M": "mail", b"R": "rcpt", b"T": "data",
    b"L": "header", b"N": "end_of_header", b"B": "body", b"E": "end_of_message", b"A": "abort", b"Q": "quit",
    b"K": "quit_new", b"U": "unknown"}
REPLIES = {
    b"O": "negotiate", b"c": "continue", b"a": "accept", b"r": "reject", b"t": "tempfail", b"d": "discard",
    b"y": "reply", b"s": "skip", b"4": "shutdown", b"f": "connection_failed", b"p": "progress",
    b"+": "add_rcpt", b"2": "add_rcpt_with", b"-": "delete_rcpt", b"e": "change_from", b"h": "add_header",
    b"i": "insert_header", b"m": "change_header", b"b": "replace_body", b"q": "quarantine"}
SHOWN_BYTES = 300


def pack(code: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload) + 1) + code + payload


def packets_of(buffer: bytearray):
    """Takes each whole packet out of the buffer: (code, payload)."""
    while len(buffer) >= 5:
        (length,) = struct.unpack_from(">I", buffer)
        if length == 0:
            raise ValueError("a packet of length 0")
        if len(buffer) < 4 + length:
            return
        code, payload = bytes(buffer[4:5]), bytes(buffer[5:4 + length])
        del buffer[:4 + length]
        yield code, payload


def readable(code: bytes, payload: bytes, names: dict) -> str:
    name = names.get(code, f"unknown letter {code!r}")
    if code == NEGOTIATE and len(payload) >= 12:
        version, actions, steps = struct.unpack_from(">III", payload)
        return f"{name} version {version} actions {actions:#x} steps {steps:#x} {payload[12:]!r}"
    if code in (BODY, b"b"):
        return f"{name} {len(payload)} bytes {payload[:40]!r}"
    return f"{name} {payload[:SHOWN_BYTES]!r}{'...' if len(payload) > SHOWN_BYTES else ''}"
