"""The ways in which a child fails, each at any stage: instead of an answer, it does this."""

import dataclasses
import struct

from peers import wire
from peers.child import Conversation

# A fault returns whether the child goes on reading what it is told (without a fault it would answer).


async def closes(child: Conversation) -> bool:
    return False


async def resets(child: Conversation) -> bool:
    wire.reset(child.writer)
    return False


async def hangs(child: Conversation) -> bool:
    child.script = dataclasses.replace(child.script, faults=dict.fromkeys(map(bytes, zip(b"CHMRTLNBE")), hangs))
    return True


async def says_unknown_letter(child: Conversation) -> bool:
    child.say(wire.pack(b"Z"))
    return await hangs(child)


async def announces_4_gib(child: Conversation) -> bool:
    child.say(struct.pack(">I", 0xFFFFFFFF) + b"c")
    return await hangs(child)


async def announces_nothing(child: Conversation) -> bool:
    child.say(struct.pack(">I", 0))
    return await hangs(child)


async def cuts_a_packet(child: Conversation) -> bool:
    child.say(wire.pack(b"y", b"550 5.7.1 no\0")[:9])
    await child.writer.drain()
    return False


async def answers_twice(child: Conversation) -> bool:
    child.say(wire.CONTINUE + wire.REJECT)
    return await hangs(child)


async def edits_early(child: Conversation) -> bool:
    child.say(wire.add_header(b"X-Early", b"1"))
    return await hangs(child)


async def negotiates_again(child: Conversation) -> bool:
    child.say(wire.offer())
    return await hangs(child)


async def answers_the_offer_thrice(child: Conversation) -> bool:
    child.say(wire.pack(b"O", struct.pack(">III", 6, child.script.actions, child.script.steps)))
    return await answers_twice(child)


def after_changes(fault):
    """At the end of a message: changes of every kind, then the fault."""
    async def changes(child: Conversation) -> bool:
        child.say(wire.add_header(b"X-Lost", b"1") + b"".join(wire.replacement(b"lost\r\n")))
        await child.writer.drain()
        return await fault(child)
    return changes
