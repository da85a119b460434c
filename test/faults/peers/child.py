"""A scripted child: answers each command by its script and notes what it was told, connection by connection.

A body is noted as its size and checksum, never kept.
"""

import asyncio
import collections.abc
import contextlib
import dataclasses
import hashlib
import os
import struct

from peers import wire
from peers.wire import pack, within

Answer = bytes | collections.abc.Callable[["Conversation", bytes], bytes]


@dataclasses.dataclass
class Script:
    actions: int = wire.ADD_HEADERS | wire.CHANGE_BODY
    steps: int = 0  # what it opts out of, or is silent at
    answers: dict[bytes, Answer] = dataclasses.field(default_factory=dict)  # by letter; else continue
    edits: collections.abc.Sequence[bytes] = ()  # packets before the answer to the end of the message
    # By letter: what happens instead of an answer; true when the conversation goes on to be read.
    faults: dict[bytes, collections.abc.Callable] = dataclasses.field(default_factory=dict)


class Message:
    def __init__(self):
        self.headers: list[bytes] = []
        self.body_size = 0
        self.largest_piece = 0
        self._sum = hashlib.sha256()

    def add(self, piece: bytes):
        self.body_size += len(piece)
        self.largest_piece = max(self.largest_piece, len(piece))
        self._sum.update(piece)

    def checksum(self) -> str:
        return self._sum.hexdigest()


class Conversation:
    """One connection from the manager."""

    def __init__(self, script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.script = script
        self.reader, self.writer = reader, writer
        self.letters = ""  # every command, without macros; neighbouring L, B once
        self.macros: list[bytes] = []
        self.sender = b""  # of the message at hand
        self.messages: list[Message] = [Message()]  # the last one is at hand
        self.ending = ""  # closed, cut or reset, once it is over
        self.over = asyncio.Event()
        self._changed = asyncio.Condition()
        self._busy = False  # with what it was told last

    async def saw(self, letters: str):
        """Until it was told this sequence, without interruption."""
        await self._until(lambda: letters in self.letters, f"told {letters}")

    async def answered(self, letters: str):
        """Until it was told this sequence and has done what its script says. What it says after the manager has
        closed costs a peer the farewell that is under way; this is how a test avoids that."""
        await self._until(lambda: letters in self.letters and not self._busy, f"told {letters}, and quiet")

    async def ended(self) -> "Conversation":
        await within(self.over.wait())
        return self

    async def _until(self, condition, what: str):
        async with self._changed:
            try:
                await within(self._changed.wait_for(condition))
            except asyncio.TimeoutError:
                raise AssertionError(f"not {what}; told {self.letters}") from None

    async def run(self):
        try:
            while packet := await wire.read_packet(self.reader):
                self._busy = True
                goes_on = await self._take(*packet)
                self._busy = False
                async with self._changed:
                    self._changed.notify_all()
                if not goes_on:
                    self.ending = "left"
                    return
            self.ending = "closed"
        except asyncio.IncompleteReadError:
            self.ending = "cut"
        except OSError:
            self.ending = "reset"
        finally:
            self.over.set()
            async with self._changed:
                self._changed.notify_all()

    async def _take(self, code: bytes, payload: bytes) -> bool:
        if code == b"D":
            self.macros.append(payload)
            return True
        letter = code.decode("latin-1")
        if letter not in "LB" or not self.letters.endswith(letter):
            self.letters += letter
        async with self._changed:
            self._changed.notify_all()
        if code in (b"M", b"A"):
            self.messages.append(Message())
            self.sender = payload
        elif code == b"L":
            self.messages[-1].headers.append(payload)
        elif code == b"B":
            self.messages[-1].add(payload)
        if code in self.script.faults:
            return await self.script.faults[code](self)
        return await self._answer(code, payload)

    async def _answer(self, code: bytes, payload: bytes) -> bool:
        if code == b"Q":
            return False
        if code in b"AK" or self.script.steps & wire.SILENT.get(code, 0):
            return True
        if code == b"O":
            _, actions, steps = struct.unpack(">III", payload[:12])
            self.say(pack(b"O", struct.pack(">III", 6, self.script.actions & actions, self.script.steps)))
            return True
        if code == b"E":
            for edit in self.script.edits:
                self.say(edit)
                await self.writer.drain()
        answer = self.script.answers.get(code, wire.CONTINUE)
        self.say(answer(self, payload) if callable(answer) else answer)
        await self.writer.drain()
        return True

    def say(self, packets: bytes):
        self.writer.write(packets)


class Child:
    """Listens for the length of an `async with` block. The script in force counts for whoever connects."""

    def __init__(self, name: str, endpoint: str, script: Script | None = None):
        self.name, self.endpoint = name, endpoint
        self.script = script or Script()
        self.conversations: list[Conversation] = []
        self._new: asyncio.Queue[Conversation] = asyncio.Queue()
        self._server = None

    async def __aenter__(self):
        await self.listen()
        return self

    async def __aexit__(self, *_):
        self.stop_listening()

    async def listen(self):
        kind, _, rest = self.endpoint.partition(":")
        if kind == "unix":
            self._server = await asyncio.start_unix_server(self._accepted, rest, backlog=1000)
            os.chmod(rest, 0o666)  # the manager has dropped root
        else:
            port, _, host = rest.partition("@")
            self._server = await asyncio.start_server(self._accepted, host.strip("[]"), int(port), backlog=1000)
            if port == "0":  # the kernel has chosen one, which is then kept
                self.endpoint = f"{kind}:{self._server.sockets[0].getsockname()[1]}@{host}"

    def stop_listening(self):
        if self._server:
            self._server.close()
            self._server = None
            if self.endpoint.startswith("unix:"):
                os.unlink(self.endpoint.removeprefix("unix:"))

    def listens(self) -> bool:
        return self._server is not None

    async def next(self) -> Conversation:
        """The next connection that nobody has asked for yet."""
        return await within(self._new.get())

    def forget(self):
        """Conversations so far are of no interest."""
        self.conversations.clear()
        while not self._new.empty():
            self._new.get_nowait()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        conversation = Conversation(self.script, reader, writer)
        self.conversations.append(conversation)
        self._new.put_nowait(conversation)
        try:
            await conversation.run()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
