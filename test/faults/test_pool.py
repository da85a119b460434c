"""Connections to children that are kept ready (milter.pool_size, chain V.5): who gets them, when they are dropped, and
that none of it costs a fallback or a descriptor."""

import signal
import unittest

import peers
from peers import daemon, faults, wire
from peers.child import Child, Conversation, Script
from peers.mta import Mta, Outcome
from support import scratch, watchdog

SEEN = [b"X-Seen"]


class Pool(unittest.IsolatedAsyncioTestCase):
    SIZE, IDLE_S = 1, 60

    async def asyncSetUp(self):
        self.home = self.enterContext(scratch.scratch_directory("pool"))
        self.child = await self.enterAsyncContext(
            Child("one", f"unix:{self.home}/one.sock", Script(edits=[wire.add_header(b"X-Seen", b"1")])))
        patient = {"reading_timeout": peers.PATIENCE_S, "end_of_message_timeout": 2 * peers.PATIENCE_S,
                   "fallback_status": "temporary-failure", "retry_next_message": False,
                   "pool_size": self.SIZE, "pool_idle": self.IDLE_S}
        self.daemon = await self.enterAsyncContext(daemon.running(
            self.home, [self.child], {"": patient},
            f"manager.n_workers = 1\nmanager.negotiation_timeout = {peers.PATIENCE_S}"))
        self.idle = self.daemon.descriptors()

    async def asyncTearDown(self):
        self.assertEqual([event for event in self.daemon.events() if event.level == "warning"], [])

    async def session(self, **offer) -> Outcome:
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer(**offer)
            outcome = await mta.greet() or await mta.mail()
            await mta.leave()
            return outcome

    async def warm(self) -> Conversation:
        """The next connection that nobody uses yet."""
        conversation = await self.child.next()
        await conversation.answered("O")
        self.assertEqual(conversation.letters, "O")
        return conversation

    async def warmed_up(self, **offer) -> Conversation:
        await self.session(**offer)
        own = await (await self.child.next()).ended()
        self.assertEqual(own.letters, "OCHMRTLNBEQ")
        return await self.warm()

    def check(self, outcome: Outcome):
        self.assertEqual((outcome.decision, outcome.headers()), (b"c", SEEN))


class OfOne(Pool):
    async def test_sessions_get_a_connection_that_was_there_before_them(self):
        ready = await self.warmed_up()
        for _ in range(5):
            self.check(await self.session())
            self.assertEqual((await ready.ended()).letters, "OCHMRTLNBEQ")
            ready = await self.warm()
        self.assertEqual(len(self.child.conversations), 7)
        self.assertEqual(await self.daemon.settled_descriptors(self.idle + 1), self.idle + 1)

    async def test_another_offer_gets_a_connection_of_its_own(self):
        ready = await self.warmed_up()
        self.check(await self.session(actions=wire.ADD_HEADERS))
        self.assertEqual((await ready.ended()).letters, "O")
        self.assertEqual((await (await self.child.next()).ended()).letters, "OCHMRTLNBEQ")
        self.assertEqual(await self.daemon.settled_descriptors(self.idle), self.idle)
        # Twice in a row, it is the one to be ready for.
        await self.warmed_up(actions=wire.ADD_HEADERS)

    async def test_a_child_that_starts_again_costs_nothing(self):
        ready = await self.warmed_up()
        self.child.stop_listening()
        ready.writer.close()
        await ready.ended()
        await self.daemon.settled_descriptors(self.idle)
        await self.child.listen()
        self.check(await self.session())
        await self.child.next()
        await self.warm()

    async def test_a_child_that_dies_when_it_is_told_of_the_client_is_asked_again(self):
        for fault in (faults.closes, faults.resets):
            with self.subTest(fault=fault.__name__):
                self.child.forget()
                self.child.script, healthy = Script(faults={b"C": fault}), self.child.script
                async with Mta.connected(self.daemon.endpoint) as mta:
                    await mta.offer()
                    await mta.leave()
                ready = self.child.conversations[-1]
                await ready.saw("O")
                while ready.letters != "O" or ready.over.is_set():  # the one that no session has
                    ready = await self.child.next()
                    await ready.answered("O")
                self.child.script = healthy
                before = len(self.daemon.events("pool_connection_replaced"))
                self.check(await self.session())
                self.assertEqual((await ready.ended()).letters, "OC")
                self.assertEqual(len(self.daemon.events("pool_connection_replaced")), before + 1)

    async def test_a_stop_does_not_wait_for_it(self):
        ready = await self.warmed_up()
        self.daemon.signal(signal.SIGTERM)
        self.assertEqual(await self.daemon.ended(), 0)
        self.assertEqual((await ready.ended()).letters, "O")

    async def test_a_stop_lets_a_session_on_it_finish(self):
        ready = await self.warmed_up()
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            await mta.greet()
            spare = await self.warm()
            self.daemon.signal(signal.SIGTERM)
            self.assertEqual((await spare.ended()).letters, "O")
            self.check(await mta.mail())
            await mta.leave()
        self.assertEqual(await self.daemon.ended(), 0)
        self.assertEqual((await ready.ended()).letters, "OCHMRTLNBEQ")


class OfSeveral(Pool):
    SIZE = 4

    async def test_it_is_filled_to_its_size_and_not_beyond(self):
        await self.session()
        await self.daemon.until(lambda: len(self.child.conversations) == 1 + self.SIZE, "the pool is full")
        self.assertEqual(await self.daemon.settled_descriptors(self.idle + self.SIZE), self.idle + self.SIZE)
        for _ in range(10):
            self.check(await self.session())
        self.assertEqual(await self.daemon.settled_descriptors(self.idle + self.SIZE), self.idle + self.SIZE)
        self.assertLessEqual(len(self.child.conversations), 1 + 10 + self.SIZE)


class OfShortLife(Pool):
    IDLE_S = 0.05

    async def test_a_connection_that_nobody_wants_is_closed(self):
        ready = await self.warmed_up()
        self.assertEqual((await ready.ended()).letters, "O")
        self.assertEqual(await self.daemon.settled_descriptors(self.idle), self.idle)
        self.assertEqual(len(self.child.conversations), 2)  # and none in its place
        self.check(await self.session())


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
