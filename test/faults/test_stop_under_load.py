"""TERM while sessions are at every stage: who has sent a message gets its verdict, who has none goes, the rest has
manager.stop_timeout."""

import asyncio
import pathlib
import signal
import time
import unittest

import peers
from peers import daemon, wire
from peers.child import Child, Script
from peers.mta import SENDER, Mta
from support import scratch, watchdog

OF_EACH_STAGE = 8


class StopUnderLoad(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.home = self.enterContext(scratch.scratch_directory("stopload"))
        self.child = await self.enterAsyncContext(
            Child("one", f"unix:{self.home}/one.sock", Script(edits=[wire.add_header(b"X-Seen", b"1")])))
        self.slow = Script(edits=self.child.script.edits, answers={b"E": b""})

    async def start(self, manager: str = ""):
        self.pid_file = self.home / "run" / "pid"
        patient = {"reading_timeout": peers.PATIENCE_S, "end_of_message_timeout": 2 * peers.PATIENCE_S}
        self.daemon = await self.enterAsyncContext(daemon.running(
            self.home, [self.child], {"": patient}, f'manager.pid_file = "{self.pid_file}"\n{manager}'))
        self.socket = pathlib.Path(self.daemon.endpoint.removeprefix("unix:"))

    async def mta(self) -> Mta:
        one = await self.enterAsyncContext(Mta.connected(self.daemon.endpoint))
        await one.offer()
        self.assertIsNone(await one.greet())
        return one

    async def with_its_end_sent(self) -> Mta:
        one = await self.mta()
        await one.content()
        one.tell(b"E")
        return one

    def check_nothing_is_left(self):
        self.assertFalse(self.socket.exists())
        self.assertFalse(self.pid_file.exists())

    def check_filtered(self, outcome):
        self.assertEqual((outcome.decision, outcome.headers()), (b"c", [b"X-Seen"]))

    async def test_each_message_gets_its_verdict_and_nobody_waits_for_idle_sessions(self):
        await self.start("manager.n_workers = 3\n")
        idle = [await self.mta() for _ in range(OF_EACH_STAGE)]
        for one in idle[::2]:
            self.check_filtered(await one.mail())
        self.child.script = self.slow
        self.child.forget()
        ended = [await self.with_its_end_sent() for _ in range(OF_EACH_STAGE)]
        held = [await self.child.next() for _ in ended]
        for conversation in held:
            await conversation.saw("E")
        self.child.script = Script(edits=self.slow.edits)
        begun = [await self.mta() for _ in range(OF_EACH_STAGE)]
        for one in begun:
            self.assertEqual(await one.ask(b"M", SENDER), b"c")
        self.daemon.signal(signal.SIGTERM)
        await self.daemon.logged("stopping")
        # Those between messages are closed, without a word, while all the others are served.
        began = time.monotonic()
        for one in idle:
            await one.closed()
        self.assertLess(time.monotonic() - began, 8 * peers.SLOWNESS)
        for one in begun:
            self.assertIsNone(await one.content_after_sender())
            one.tell(b"E")
        for one in begun:
            self.check_filtered(await one.outcome())
        for conversation in held:
            conversation.say(wire.CONTINUE)
        for one in ended:
            self.check_filtered(await one.outcome())
        for one in (*ended, *begun):
            await one.leave()
        self.assertEqual(await self.daemon.ended(), 0)
        self.check_nothing_is_left()
        self.assertEqual([one.name for one in self.daemon.events() if one.level == "warning"], [])

    async def test_a_session_that_goes_on_at_once_is_not_idle(self):
        await self.start()
        one = await self.mta()
        self.daemon.signal(signal.SIGTERM)
        await self.daemon.logged("stopping")
        for _ in range(5):
            await asyncio.sleep(0.9)  # less than the quiet that ends it; all of them together are more
            self.check_filtered(await one.mail())
        await one.leave()
        self.assertEqual(await self.daemon.ended(), 0)

    async def test_who_had_connected_before_is_served(self):
        await self.start("manager.n_workers = 2\n")
        self.daemon.signal(signal.SIGSTOP)
        waiting = [await self.enterAsyncContext(Mta.connected(self.daemon.endpoint)) for _ in range(OF_EACH_STAGE)]
        self.daemon.signal(signal.SIGTERM)
        self.daemon.signal(signal.SIGCONT)
        for one in waiting:
            await one.offer()
            self.assertIsNone(await one.greet())
            self.check_filtered(await one.mail())
            await one.leave()
        self.assertEqual(await self.daemon.ended(), 0)
        self.check_nothing_is_left()

    async def test_after_stop_timeout_the_rest_gets_a_temporary_failure(self):
        await self.start()
        self.child.script = self.slow
        await self.daemon.reload([self.child], None, f'manager.pid_file = "{self.pid_file}"\n'
                                 "manager.stop_timeout = 0.5\n")
        ended = [await self.with_its_end_sent() for _ in range(OF_EACH_STAGE)]
        held = [await self.child.next() for _ in ended]
        for conversation in held:
            await conversation.saw("E")
        began = time.monotonic()
        self.daemon.signal(signal.SIGTERM)
        for one in ended:
            outcome = await one.outcome()
            self.assertEqual((outcome.decision, outcome.edits), (b"t", []))
            await one.closed()
        self.assertEqual(await self.daemon.ended(), 0)
        self.assertGreater(time.monotonic() - began, 0.5)
        self.check_nothing_is_left()
        (said,) = self.daemon.events("sessions_ended")
        self.assertIn("manager.stop_timeout", said.text)

    async def test_terms_in_a_burst_end_it_once(self):
        await self.start()
        self.child.script = self.slow
        one = await self.with_its_end_sent()
        await (await self.child.next()).saw("E")
        for _ in range(20):
            self.daemon.signal(signal.SIGTERM)
        await self.daemon.logged("stopping")
        self.daemon.signal(signal.SIGTERM)  # those of the burst may have been one
        self.assertEqual((await one.outcome()).decision, b"t")
        self.assertEqual(await self.daemon.ended(), 0)
        self.assertEqual(len(self.daemon.events("stopping")), 1)
        self.check_nothing_is_left()


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
