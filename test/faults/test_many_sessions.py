"""A thousand sessions, a hundred at a time, past three children of different kinds: each gets its own right answers,
and in the end nothing is held that was not held before."""

import asyncio
import unittest

import peers
from peers import daemon, wire
from peers.child import Child, Script
from peers.mta import Mta, checksum, pieces_of
from support import scratch, watchdog

SESSIONS, AT_A_TIME, WARM_UP = 1000, 100, 200
RSS_MAY_GROW_KIB = 16 * 1024
# Of session n; the children know it by its sender.
REFUSED, TEMPORARY, LARGE = 10, 11, 50


def sender_of(number: int) -> bytes:
    return b"<%d@example.com>\0" % number


def replacement_of(number: int) -> bytes:
    return b"new body of %d\r\n" % number * (20_000 if number % LARGE == 0 else 1)


def number_of(conversation) -> int:
    return int(conversation.sender[1:conversation.sender.index(b"@")])


def adds_header(conversation, payload: bytes) -> bytes:
    number = number_of(conversation)
    if number % REFUSED == 3:
        return wire.pack(b"y", b"550 5.7.1 not %d\0" % number)
    return wire.add_header(b"X-Number", b"%d" % number) + wire.CONTINUE


def replaces_body(conversation, payload: bytes) -> bytes:
    return b"".join(wire.replacement(replacement_of(number_of(conversation)))) + wire.CONTINUE


def tempfails_some(conversation, payload: bytes) -> bytes:
    return wire.TEMPORARY_FAILURE if number_of(conversation) % TEMPORARY == 5 else wire.CONTINUE


class ManySessions(unittest.IsolatedAsyncioTestCase):
    async def test_each_gets_its_own_answers_and_nothing_leaks(self):
        home = self.enterContext(scratch.scratch_directory("many"))
        children = [
            Child("header", f"unix:{home}/header.sock",
                  Script(actions=wire.ADD_HEADERS, answers={b"E": adds_header})),
            Child("body", f"unix:{home}/body.sock",
                  Script(actions=wire.CHANGE_BODY, answers={b"E": replaces_body})),
            Child("silent", f"unix:{home}/silent.sock",
                  Script(actions=0, steps=wire.ALL_SILENT, answers={b"E": tempfails_some})),
        ]
        for child in children:
            await self.enterAsyncContext(child)
        patient = {"reading_timeout": 4 * peers.PATIENCE_S, "end_of_message_timeout": 4 * peers.PATIENCE_S,
                   "fallback_status": "temporary-failure"}
        async with daemon.running(home, children, {"": patient}, "manager.body_memory = 10000\n"
                                  f"manager.negotiation_timeout = {4 * peers.PATIENCE_S}\n"
                                  f"manager.command_timeout = {4 * peers.PATIENCE_S}") as manager:
            await self.play(manager, range(WARM_UP))
            idle = await self.held(manager)
            await self.play(manager, range(SESSIONS))
            descriptors, threads, rss_kib = await self.held(manager)
            self.assertEqual((descriptors, threads), idle[:2])
            if not peers.SANITIZED:
                self.assertLess(rss_kib, idle[2] + RSS_MAY_GROW_KIB)
            self.assertEqual([event for event in manager.events() if event.level == "warning"], [])
            self.assertEqual(len(manager.events("message_done")), WARM_UP + SESSIONS)
            for child in children:
                self.assertEqual(len(child.conversations), WARM_UP + SESSIONS)
                for conversation in child.conversations:
                    self.assertTrue((await conversation.ended()).letters.endswith("Q"), conversation.letters)

    async def held(self, manager):
        await manager.until(lambda: manager.descriptors() == self.idle_descriptors, "all sessions are closed")
        return manager.descriptors(), manager.status("Threads"), manager.status("VmRSS")

    async def play(self, manager, numbers):
        self.idle_descriptors = getattr(self, "idle_descriptors", None) or manager.descriptors()
        free = asyncio.Semaphore(AT_A_TIME)
        self.most_open = self.open = 0

        async def one(number: int):
            async with free:
                self.open += 1
                self.most_open = max(self.most_open, self.open)
                await self.session(manager.endpoint, number)
                self.open -= 1
        async with asyncio.timeout(8 * peers.PATIENCE_S):
            await asyncio.gather(*(one(number) for number in numbers))
        self.assertEqual(self.most_open, AT_A_TIME)

    async def session(self, endpoint: str, number: int):
        async with Mta.connected(endpoint) as mta:
            await mta.offer()
            self.assertIsNone(await mta.greet())
            body = b"old body of %d\r\n" % number * (20_000 if number % LARGE == 1 else 1)
            outcome = await mta.mail(sender=sender_of(number), body=pieces_of(body))
            await mta.leave()
        if number % REFUSED == 3:
            self.assertEqual((outcome.decision, outcome.text, outcome.edits), (b"y", b"550 5.7.1 not %d\0" % number, []))
        elif number % TEMPORARY == 5:
            self.assertEqual((outcome.decision, outcome.edits), (b"t", []))
        else:
            self.assertEqual((outcome.decision, outcome.edits), (b"c", [(b"h", b"X-Number\0 %d\0" % number)]))
            self.assertEqual(checksum(outcome.body), checksum(replacement_of(number)))


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
