"""Three healthy children behind a manager, mails with facts of the test's choice, and what each child saw of one."""

import dataclasses
import pathlib
import shutil
import struct

import peers
from peers import daemon, wire
from peers.child import Child, Conversation, Script
from peers.mta import Mta
from support import scratch

NAMES = ("first", "middle", "last")
CONDITIONS = pathlib.Path(__file__).resolve().parents[3] / "conf" / "applicable-conditions"
WHOLE = "OCHMRTLNBEQ"  # a mail with one recipient, from the offer to the farewell


@dataclasses.dataclass
class Facts:
    """Of one mail, as an MTA tells them; macros by the letter of the command that they belong to."""
    host: str = "mail.test"
    address: str = "192.0.2.1"
    helo: str = "mail.test"
    sender: str = "<from@sender.test>"
    sender_arguments: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ("<to@recipient.test>",)
    headers: tuple[tuple[str, str], ...] = (("Subject", "a test"),)
    body: tuple[str, ...] = ("text\r\n",)
    macros: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)

    def steps(self):
        """(letter, payload) of all commands between the offer and the end of the message."""
        if self.address.startswith("unix:"):
            peer = b"L\0\0" + self.address.removeprefix("unix:").encode() + b"\0"
        elif self.address == "unknown":
            peer = b"U"
        else:
            family = b"6" if ":" in self.address else b"4"
            peer = family + struct.pack(">H", 25000) + self.address.encode() + b"\0"
        yield b"C", text(self.host) + peer
        yield b"H", text(self.helo)
        yield b"M", b"".join(map(text, (self.sender, *self.sender_arguments)))
        for recipient in self.recipients:
            yield b"R", text(recipient)
        yield b"T", b""
        for name, value in self.headers:
            yield b"L", text(name) + text(value)
        yield b"N", b""
        for piece in self.body:
            yield b"B", piece.encode()


@dataclasses.dataclass
class Sight:
    """What a child saw: all commands, the recipients, and the macros by the letter that they came for."""
    letters: str
    recipients: list[str]
    macros: dict[str, dict[str, str]]
    header_names: list[bytes]
    body_size: int

    def macro(self, name: str) -> dict[str, str]:
        """Its values, by the letter that it came for."""
        return {letter: values[name] for letter, values in self.macros.items() if name in values}


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def named(name: str) -> str:
    """As macros of more than one letter are sent."""
    return name if len(name) == 1 else "{" + name + "}"


class Three:
    """`serve` needs a test case, whose scratch directory and clean-up it uses."""

    def __init__(self, test, home, names=NAMES):
        self.test, self.home, self.names = test, home, names
        self.order = names  # in the chain
        self.mails = 0  # that have been asked about and came to an end
        self.children: list[Child] = []
        self.daemon: daemon.Daemon | None = None

    async def listen(self):
        for name in self.names:
            child = Child(name, f"unix:{self.home}/{name}.sock")
            self.children.append(await self.test.enterAsyncContext(child))
            self.behave(name)
        self.install()
        return self

    def behave(self, name: str, **answers: bytes):
        """How that child answers, by letter; it adds a header to each mail that it sees to the end."""
        def note(conversation: Conversation, payload: bytes) -> bytes:
            conversation.__dict__.setdefault("recipients", []).append(payload.split(b"\0")[0].decode())
            return answers.get("R", wire.CONTINUE)
        header = wire.add_header(b"X-" + name.encode(), b"1")
        given = {letter.encode(): answer for letter, answer in answers.items()}
        self.child(name).script = Script(edits=[header], answers={**given, b"R": note})

    def child(self, name: str) -> Child:
        return self.children[self.names.index(name)]

    def install(self):
        """The shipped condition files, where `load` finds them; they are the project's own, unchanged."""
        shutil.copytree(CONDITIONS, scratch.subdirectory(self.home, "etc") / CONDITIONS.name)

    async def serve(self, rules: str, conditions: dict[str, list[str]], after: str = ""):
        """rules: of the configuration, before the children; conditions: of each child; after: behind the children."""
        text = self.configuration(rules, conditions, after)
        self.daemon = await self.test.enterAsyncContext(daemon.running(self.home, [], {}, text))

    async def reload(self, rules: str, conditions: dict[str, list[str]], after: str = ""):
        await self.daemon.reload([], {}, self.configuration(rules, conditions, after))

    def configuration(self, rules: str, conditions: dict[str, list[str]], after: str) -> str:
        patient = {"reading_timeout": peers.PATIENCE_S, "end_of_message_timeout": 2 * peers.PATIENCE_S,
                   "fallback_status": "temporary-failure"}
        return rules + "\n" + "".join(
            daemon.CHILD.format(name=child.name, endpoint=child.endpoint, settings=daemon.settings(
                **patient, applicable_conditions=conditions.get(child.name, []))) for child in self.children) + after

    async def mail(self, facts: Facts) -> dict[str, Sight | None]:
        """A session of that mail, which must be accepted; none for a child that was not connected to. The headers
        that the MTA is told to add are those of the children that saw the mail to its end, in their order."""
        for child in self.children:
            child.forget()
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            added = await self._tell(mta, facts)
            await mta.leave()
        seen = {}
        for child in self.children:
            self.test.assertLessEqual(len(child.conversations), 1)
            seen[child.name] = sight(await child.conversations[0].ended()) if child.conversations else None
        if added is not None:
            finished = [name for name in self.order if seen[name] and "E" in seen[name].letters]
            self.test.assertEqual(added, [f"X-{name}".encode() for name in finished])
        self.mails += 1
        return seen

    async def _tell(self, mta: Mta, facts: Facts) -> list[bytes] | None:
        """The headers to add; none when the session was accepted at the connection, since nobody is asked."""
        for code, payload in facts.steps():
            letter = await mta.ask(code, payload, packed(facts.macros.get(code.decode(), {})))
            if letter == b"a":
                return None
            self.test.assertIn(letter, b"cs", (code, facts))
        if "E" in facts.macros:
            mta.tell(b"D", b"E" + packed(facts.macros["E"]))
        mta.tell(b"E")
        outcome = await mta.outcome()
        self.test.assertIn(outcome.decision, b"ca", facts)
        return outcome.headers()


def packed(macros: dict[str, str]) -> bytes:
    return b"".join(text(named(name)) + text(value) for name, value in macros.items())


def sight(conversation: Conversation) -> Sight:
    macros: dict[str, dict[str, str]] = {}
    for payload in conversation.macros:
        words = payload[1:].split(b"\0")[:-1]
        of = macros.setdefault(payload[:1].decode(), {})
        of.update({words[at].decode().strip("{}"): words[at + 1].decode() for at in range(0, len(words), 2)})
    message = conversation.messages[1] if len(conversation.messages) > 1 else conversation.messages[0]
    return Sight(conversation.letters, conversation.__dict__.get("recipients", []), macros,
                 [line.split(b"\0")[0] for line in message.headers], message.body_size)
