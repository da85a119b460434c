"""A child that cannot be reached is left alone for a while, by all workers together (milter.breaker_failures, chain P56)."""

import unittest

import peers
from peers import daemon
from peers.child import Child
from peers.mta import Mta
from support import scratch, watchdog

FAILURES = 3


class Breaker(unittest.IsolatedAsyncioTestCase):
    PAUSE_S = 3600

    async def asyncSetUp(self):
        home = self.enterContext(scratch.scratch_directory("breaker"))
        self.child = await self.enterAsyncContext(Child("one", f"unix:{home}/one.sock"))
        self.other = await self.enterAsyncContext(Child("two", f"unix:{home}/two.sock"))
        patient = {"reading_timeout": peers.PATIENCE_S, "end_of_message_timeout": 2 * peers.PATIENCE_S,
                   "fallback_status": "temporary-failure", "retry_next_message": False}
        self.daemon = await self.enterAsyncContext(daemon.running(
            home, [self.child, self.other],
            {"": patient, "one": {"breaker_failures": FAILURES, "breaker_pause": self.PAUSE_S}},
            f"manager.n_workers = 4\nmanager.negotiation_timeout = {peers.PATIENCE_S}"))

    async def decision(self) -> bytes:
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            outcome = await mta.greet() or await mta.mail()
            await mta.leave()
            return outcome.decision

    def reasons(self) -> list[str]:
        return [event["reason"] for event in self.daemon.events("child_failed", child="one")]


class Opens(Breaker):
    async def test_after_several_failures_the_fallback_counts_at_once(self):
        self.child.stop_listening()
        for _ in range(FAILURES + 5):
            self.assertEqual(await self.decision(), b"t")
        for reason in self.reasons()[:FAILURES]:
            self.assertRegex(reason, "No such file or directory")
        for reason in self.reasons()[FAILURES:]:
            self.assertRegex(reason, r"^cannot connect: left alone for another \d+ ms$")
        (event,) = self.daemon.events("child_left_alone")
        self.assertEqual((event.level, event["child"], event["count"]), ("warning", "one", str(FAILURES)))
        # Nobody looks whether it is there again.
        await self.child.listen()
        self.assertEqual(await self.decision(), b"t")
        self.assertEqual(self.child.conversations, [])

    async def test_fewer_failures_change_nothing(self):
        for _ in range(3):
            self.child.stop_listening()
            for _ in range(FAILURES - 1):
                self.assertEqual(await self.decision(), b"t")
            await self.child.listen()
            self.assertEqual(await self.decision(), b"c")
        self.assertEqual(self.daemon.events("child_left_alone"), [])


class Closes(Breaker):
    PAUSE_S = 0.2

    async def test_it_is_asked_again_when_it_is_back(self):
        self.child.stop_listening()
        while not self.daemon.events("child_left_alone"):
            self.assertEqual(await self.decision(), b"t")
        await self.child.listen()
        while await self.decision() == b"t":  # the watchdog is the limit
            pass
        await self.daemon.logged("child_back", child="one")
        failures = len(self.reasons())
        for _ in range(5):
            self.assertEqual(await self.decision(), b"c")
        self.assertEqual(len(self.reasons()), failures)


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
