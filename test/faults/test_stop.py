"""TERM and INT: what is in flight gets its verdict, nothing new is taken, the end is clean; a second one is at once."""

import asyncio
import os
import signal
import unittest

import peers
from peers import daemon, wire
from peers.child import Child, Script
from peers.mta import Mta
from peers.wire import within
from support import scratch, watchdog

IN_FLIGHT = 10


class Stop(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        home = self.enterContext(scratch.scratch_directory("stop"))
        header = wire.add_header(b"X-Seen", b"1")
        self.child = await self.enterAsyncContext(
            Child("one", f"unix:{home}/one.sock", Script(edits=[header], answers={b"E": b""})))
        self.other = await self.enterAsyncContext(Child("two", f"unix:{home}/two.sock"))
        patient = {"reading_timeout": peers.PATIENCE_S, "end_of_message_timeout": 2 * peers.PATIENCE_S}
        self.daemon = await self.enterAsyncContext(daemon.running(home, [self.child, self.other], {"": patient}))
        self.socket = self.daemon.endpoint.removeprefix("unix:")

    async def mtas_in_flight(self) -> list[Mta]:
        """Sessions whose end of message the child has been told, and which it has not answered."""
        mtas = [await self.enterAsyncContext(Mta.connected(self.daemon.endpoint)) for _ in range(IN_FLIGHT)]
        for mta in mtas:
            await mta.offer()
            await mta.greet()
            await mta.content()
            mta.tell(b"E")
        self.conversations = [await self.child.next() for _ in mtas]
        for conversation in self.conversations:
            await conversation.saw("E")
        return mtas

    async def check_no_new_connection(self):
        async def refused() -> bool:
            try:
                _, writer = await wire.connect(self.daemon.endpoint)
                writer.close()
                return False
            except OSError:
                return True
        async with asyncio.timeout(peers.PATIENCE_S):
            while not await refused():
                await asyncio.sleep(0.02)

    async def stops_after(self, number: signal.Signals):
        mtas = await self.mtas_in_flight()
        self.daemon.signal(number)
        await self.daemon.logged("stopping")
        await self.check_no_new_connection()
        for conversation in self.conversations:
            conversation.say(wire.CONTINUE)
        for mta in mtas:
            outcome = await mta.outcome()
            self.assertEqual((outcome.decision, outcome.headers()), (b"c", [b"X-Seen"]))
            await mta.leave()
        self.assertEqual(await self.daemon.ended(), 0)
        self.assertFalse(os.path.exists(self.socket))
        for conversation in self.conversations:
            self.assertEqual((await conversation.ended()).letters, "OCHMRTLNBEQ")
        self.assertEqual([event.name for event in self.daemon.events() if event.level == "warning"], [])

    async def test_term_lets_messages_in_flight_finish(self):
        await self.stops_after(signal.SIGTERM)

    async def test_int_lets_messages_in_flight_finish(self):
        await self.stops_after(signal.SIGINT)

    async def test_a_session_may_even_begin_another_message(self):
        mta, *rest = await self.mtas_in_flight()
        self.daemon.signal(signal.SIGTERM)
        await self.daemon.logged("stopping")
        for conversation in self.conversations:
            conversation.say(wire.CONTINUE)
        for one in (mta, *rest):
            await one.outcome()
        self.conversations[0].script = Script()
        self.assertEqual((await mta.mail()).decision, b"c")
        for one in (mta, *rest):
            await one.leave()
        self.assertEqual(await self.daemon.ended(), 0)

    async def test_a_second_term_ends_at_once_with_temporary_failures(self):
        mtas = await self.mtas_in_flight()
        asking = await self.enterAsyncContext(Mta.connected(self.daemon.endpoint))
        self.child.script = Script(answers={b"M": b""})
        await asking.offer()
        await asking.greet()
        asking.tell(b"M", b"<a@b>\0")
        conversation = await self.child.next()
        await conversation.saw("M")
        self.daemon.signal(signal.SIGTERM)
        await self.daemon.logged("stopping")
        self.daemon.signal(signal.SIGTERM)
        for mta in mtas:
            outcome = await mta.outcome()
            self.assertEqual((outcome.decision, outcome.edits), (b"t", []))
            await mta.closed()
        self.assertEqual((await asking.reply(b"M"))[0], b"t")
        await asking.closed()
        self.assertEqual(await self.daemon.ended(), 0)
        self.assertFalse(os.path.exists(self.socket))
        for one in (*self.conversations, conversation):
            self.assertTrue((await one.ended()).letters.endswith("AQ"), one.letters)

    async def test_idle_it_ends_at_once(self):
        self.daemon.signal(signal.SIGTERM)
        self.assertEqual(await self.daemon.ended(), 0)
        self.assertFalse(os.path.exists(self.socket))
        self.assertEqual([event.name for event in self.daemon.events()], ["listening", "capacity", "stopping", "stopped"])


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
