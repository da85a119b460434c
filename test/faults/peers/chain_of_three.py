"""A test case with three children, each adding a header of its own, of which the one in the middle fails."""

import dataclasses
import time
import unittest

import peers
from peers import daemon, wire
from peers.child import Child, Conversation, Script
from peers.mta import Mta, Outcome
from support import scratch

READING_S = 0.4 * peers.SLOWNESS
NEGOTIATION_S = 0.6 * peers.SLOWNESS
END_OF_MESSAGE_S = 0.8 * peers.SLOWNESS
MARGIN_S = 1.5 * peers.SLOWNESS  # what the machine may add
RSS_MAY_GROW_KIB = 8 * 1024

REPLIES = {"accept": b"c", "temporary-failure": b"t", "reject": b"r", "discard": b"d"}
WHOLE = "OCHMRTLNBE"


@dataclasses.dataclass
class Session:
    outcome: Outcome
    took_s: float
    first: Conversation
    faulty: Conversation | None  # none when nothing listened there
    last: Conversation
    failures: list[daemon.Event]


class ChainOfThree(unittest.IsolatedAsyncioTestCase):
    FALLBACK = "accept"
    RETRY = False  # whether one that has failed is tried again at the next message

    async def asyncSetUp(self):
        home = self.enterContext(scratch.scratch_directory("faults"))
        self.first, self.faulty, self.last = self.children = [
            # Of unix sockets no reset can be had.
            Child(name, "inet:0@127.0.0.1", Script(actions=wire.ADD_HEADERS, edits=[wire.add_header(header, b"1")]))
            for name, header in (("first", b"X-First"), ("faulty", b"X-Faulty"), ("last", b"X-Last"))]
        for child in self.children:
            await self.enterAsyncContext(child)
        self.healthy = self.faulty.script
        patient = {"reading_timeout": peers.PATIENCE_S, "end_of_message_timeout": peers.PATIENCE_S}
        impatient = {"connection_timeout": NEGOTIATION_S, "reading_timeout": READING_S,
                     "end_of_message_timeout": END_OF_MESSAGE_S, "fallback_status": self.FALLBACK,
                     "retry_next_message": self.RETRY}
        self.daemon = await self.enterAsyncContext(daemon.running(
            home, self.children, {"": patient, "faulty": impatient},
            f"manager.negotiation_timeout = {NEGOTIATION_S}\nmanager.command_timeout = {peers.PATIENCE_S}"))
        for _ in range(4):  # each worker has had one
            await self.session(self.healthy)
        self.idle = await self.resources()

    async def asyncTearDown(self):
        """After all that it still serves, and holds no more than before."""
        if not self.faulty.listens():
            await self.faulty.listen()
        session = await self.session(self.healthy)
        self.assertEqual((session.outcome.decision, session.outcome.headers()), (b"c", [b"X-First", b"X-Faulty", b"X-Last"]))
        self.assertEqual(session.failures, [])
        descriptors, threads, rss_kib = await self.resources(at_most=self.idle[0])
        self.assertEqual((descriptors, threads), self.idle[:2])
        if not peers.SANITIZED:
            self.assertLess(rss_kib, self.idle[2] + RSS_MAY_GROW_KIB)

    async def resources(self, at_most: int = 10**6):
        """(descriptors, threads, KiB of memory) once the descriptors of sessions that have ended are closed."""
        quiet = self.daemon.settled_descriptors(at_most)
        return await quiet, self.daemon.status("Threads"), self.daemon.status("VmRSS")

    async def session(self, script: Script, mails: int = 1) -> Session:
        """A session past the middle child with that script; ends at the first mail that is not taken."""
        for child in self.children:
            child.forget()
        self.faulty.script = script
        before = len(self.daemon.events("child_failed"))
        begun = time.monotonic()
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            outcome = await mta.greet()
            while mails and (outcome is None or outcome.decision == b"c"):
                outcome = await mta.mail()
                mails -= 1
            await mta.leave()
        took_s = time.monotonic() - begun
        first, last = [await (await child.next()).ended() for child in (self.first, self.last)]
        faulty = await (await self.faulty.next()).ended() if self.faulty.listens() else None
        return Session(outcome, took_s, first, faulty, last, self.daemon.events("child_failed")[before:])

    def check_failure(self, session: Session, stage: bytes, reason: str):
        """Exactly one warning, which says who, where and why."""
        self.assertEqual(
            [(event.level, event["child"], event["stage"], event["fallback"]) for event in session.failures],
            [("warning", "faulty", wire.STAGES[stage], self.FALLBACK)])
        self.assertIn(reason, session.failures[0]["reason"])

    def check_outcome(self, session: Session, felt: bytes, asked: bool):
        """felt: at what the MTA hears of the failure; asked: the child failed at that very event, not before."""
        outcome = session.outcome
        if self.FALLBACK == "accept":
            self.assertEqual((outcome.stage, outcome.decision), (b"E", b"c"))
            self.assertEqual(outcome.headers(), [b"X-First", b"X-Last"])
            self.assertEqual((session.first.letters, session.last.letters), (WHOLE + "Q", WHOLE + "Q"))
            return
        self.assertEqual(outcome.decision, REPLIES[self.FALLBACK])
        self.assertEqual(outcome.edits, [])
        if felt in b"BE":
            self.assertIn(outcome.stage, (b"B", b"E"))
            # The child before decides first, to its end; the one after has not been shown the content (chain P27).
            self.assertEqual((session.first.letters, session.last.letters), (WHOLE + "Q", "OCHMRTAQ"))
            return
        self.assertEqual(outcome.stage, felt)
        seen = WHOLE[:WHOLE.index(felt.decode()) + 1]
        before = seen[:-1]
        end = "AQ" if felt not in b"CH" else "Q"
        self.assertEqual(session.first.letters, seen + end)
        if felt in b"CH":  # told at the same time (chain V.2)
            self.assertEqual(session.last.letters, (seen if asked else before) + "Q")
        else:
            self.assertEqual(session.last.letters, before + ("AQ" if "M" in before else "Q"))
