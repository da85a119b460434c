"""Whatever an MTA sends that it must not ends that connection and nothing else, with one line that says why (chain P66)."""

import asyncio
import contextlib
import random
import struct
import time
import unittest

import peers
from peers import daemon, wire
from peers.child import Child, Script
from peers.mta import CONNECT, HELO, SENDER, Mta
from peers.wire import pack, within
from support import scratch, watchdog

OFFER = wire.offer()
OFFER_S, IDLE_S = 0.6 * peers.SLOWNESS, 1.2 * peers.SLOWNESS
MARGIN_S = 1.5 * peers.SLOWNESS  # what the machine may add
# Sent as the first bytes of a connection, or after an offer that was answered; part of the line that says why.
AT_ONCE = {
    "an HTTP request": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "mta_lost", "does not speak the milter protocol"),
    "a TLS hello": (bytes.fromhex("16030100c8010000c40303") + bytes(190), "mta_lost", "does not speak the milter protocol"),
    "a length of 4 GiB": (b"\xff\xff\xff\xffO" + bytes(12), "mta_lost", "does not speak the milter protocol"),
    "a length of 0": (bytes(4), "mta_lost", "does not speak the milter protocol"),
    "an unknown letter": (pack(b"Z", b"what"), "mta_refused", "does not speak the milter protocol"),
    "a short offer": (pack(b"O", bytes(11)), "mta_refused", "does not speak the milter protocol"),
    "an offer of version 1": (wire.offer(version=1), "mta_refused", "protocol version 1"),
    "a command before the offer": (pack(b"C", CONNECT), "mta_refused", "does not begin with an offer"),
    "macros before the offer": (pack(b"D", b"C"), "mta_refused", "does not begin with an offer"),
}
AFTER_THE_OFFER = {
    "an HTTP request": AT_ONCE["an HTTP request"],
    "a length of 4 GiB": AT_ONCE["a length of 4 GiB"],
    "a length of 0": AT_ONCE["a length of 0"],
    "a packet larger than any": (struct.pack(">I", 1024 * 1024 + 2) + b"B", "mta_lost", "does not speak the milter protocol"),
    "a second offer": (OFFER, "mta_refused", "a second offer"),
}


class Case(unittest.IsolatedAsyncioTestCase):
    CONFIGURATION = ""

    async def asyncSetUp(self):
        home = self.enterContext(scratch.scratch_directory("badmta"))
        self.children = [Child(name, f"unix:{home}/{name}.sock", Script(edits=[wire.add_header(b"X-" + name.encode(), b"1")]))
                         for name in ("one", "two", "three")]
        for child in self.children:
            await self.enterAsyncContext(child)
        patient = {"reading_timeout": peers.PATIENCE_S, "end_of_message_timeout": 2 * peers.PATIENCE_S}
        self.daemon = await self.enterAsyncContext(daemon.running(
            home, self.children, {"": patient}, f"manager.command_timeout = {2 * peers.PATIENCE_S}\n"
            + self.CONFIGURATION))
        self.idle = self.daemon.descriptors()
        self.told = len(self.daemon.events())

    @contextlib.asynccontextmanager
    async def another_session(self):
        """A session that is in the middle of a message meanwhile, and then goes on as if nothing had been."""
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            await mta.greet()
            await mta.content(body=[b"text\r\n"])
            yield
            mta.tell(b"E")
            outcome = await mta.outcome()
            self.assertEqual((outcome.decision, outcome.headers()), (b"c", [b"X-one", b"X-two", b"X-three"]))
            await mta.leave()
        for child in self.children:  # it was the first to connect to each
            self.assertEqual((await (await child.next()).ended()).letters, "OCHMRTLNBEQ")
        await self.daemon.settled_descriptors(self.idle)
        for child in self.children:
            child.forget()

    def new_events(self) -> list:
        """Lines of sessions that went wrong."""
        return [event for event in self.daemon.events()[self.told:] if event.name != "message_done"]

    async def check_one_line(self, name: str, reason: str):
        await self.daemon.until(self.new_events, f"a line about {reason}")
        lines = self.new_events()
        self.assertEqual([(line.level, line.name) for line in lines], [("warning", name)], lines)
        self.assertIn(reason, lines[0]["reason"])
        self.told = len(self.daemon.events())


class BadMta(Case):
    async def test_what_does_not_begin_as_an_mta_does_is_cut_off(self):
        for what, (sent, name, reason) in AT_ONCE.items():
            with self.subTest(what):
                async with self.another_session(), Mta.connected(self.daemon.endpoint) as mta:
                    mta.writer.write(sent)
                    await mta.closed()
                    await self.check_one_line(name, reason)
                self.told = len(self.daemon.events())

    async def test_what_goes_on_as_no_mta_does_is_cut_off(self):
        for what, (sent, name, reason) in AFTER_THE_OFFER.items():
            with self.subTest(what):
                async with self.another_session(), Mta.connected(self.daemon.endpoint) as mta:
                    await mta.offer()
                    mta.writer.write(sent)
                    await mta.closed()
                    await self.check_one_line(name, reason)
                self.told = len(self.daemon.events())

    async def test_a_cut_packet_is_said_to_be_one(self):
        for before in (b"", OFFER):
            with self.subTest(after_an_offer=bool(before)):
                async with self.another_session():
                    async with Mta.connected(self.daemon.endpoint) as mta:
                        if before:
                            await mta.offer()
                        mta.writer.write(OFFER[:9])
                        mta.writer.write_eof()
                        await mta.closed()
                    await self.check_one_line("mta_lost", "inside a packet")
                self.told = len(self.daemon.events())

    async def test_a_connection_that_says_nothing_and_goes_is_no_event(self):
        # Health checks do that.
        async with self.another_session():
            for _ in range(20):
                async with Mta.connected(self.daemon.endpoint):
                    pass
            await self.daemon.until(lambda: self.daemon.descriptors() <= self.idle + 4, "their descriptors are closed")
        self.assertEqual(self.new_events(), [])

    async def test_one_that_does_not_wait_for_answers_is_cut_off_before_it_costs_much(self):
        for child in self.children:
            child.script.answers[b"H"] = lambda conversation, payload: b"" if payload == b"stall\0" else wire.CONTINUE
        rss = self.daemon.status("VmRSS")
        async with self.another_session(), Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            await mta.ask(b"C", CONNECT)
            mta.tell(b"H", b"stall\0")  # no child answers this
            with contextlib.suppress(ConnectionError):
                while not mta.writer.is_closing():
                    mta.tell(b"L", b"Subject\0 " + bytes(32 * 1024) + b"\0")
                    await within(mta.writer.drain())
            await mta.lost()
            await self.check_one_line("mta_refused", "does not wait for answers")
        if not peers.SANITIZED:
            self.assertLess(self.daemon.status("VmRSS"), rss + 16 * 1024)

    async def test_a_few_packets_ahead_of_the_answers_are_taken_in_order(self):
        # A whole mail in one write (chain P49).
        async with Mta.connected(self.daemon.endpoint) as mta:
            mta.writer.write(OFFER)
            await mta.reply(b"O")
            for code, payload in ((b"C", CONNECT), (b"H", HELO), (b"M", SENDER), (b"R", b"<a@b>\0"), (b"T", b""),
                                  (b"L", b"A\0 b\0"), (b"N", b""), (b"B", b"text\r\n"), (b"E", b"")):
                mta.tell(code, payload)
            for code in b"CHMRTB":
                self.assertEqual((await mta.reply(bytes([code])))[0], b"c")
            self.assertEqual((await mta.outcome()).headers(), [b"X-one", b"X-two", b"X-three"])
            await mta.leave()

    async def test_a_broken_command_is_a_temporary_failure(self):
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            self.assertEqual(await mta.ask(b"C", CONNECT[:-12]), b"t")
            await mta.greet()
            self.assertEqual(await mta.ask(b"R", b"<a@b>\0"), b"t")
            # And what lacks only its NUL is mended (chain P23).
            self.assertEqual(await mta.ask(b"M", b"<a@b>"), b"c")
            self.assertEqual((await mta.mail()).decision, b"c")
            await mta.leave()

    async def test_random_bytes_end_their_connection_only(self):
        chance = random.Random(7)
        async with self.another_session():
            async def one(number: int):
                async with Mta.connected(self.daemon.endpoint) as mta:
                    if number % 2:
                        await mta.offer()
                    with contextlib.suppress(ConnectionError):
                        for _ in range(20):
                            length = chance.choice((0, 1, 2, 5, 40, 70000))
                            mta.tell(bytes([chance.choice(b"CHMRTLNBEAUDKZ")]), chance.randbytes(length))
                            await mta.writer.drain()
                        mta.writer.write(b"\xff\xff\xff\xff")
                    await mta.lost()
            await within(asyncio.gather(*(one(number) for number in range(60))), 4 * peers.PATIENCE_S)


class SilentMta(Case):
    """Each silence costs the connection after its time."""
    CONFIGURATION = f"manager.offer_timeout = {OFFER_S}\nmanager.idle_timeout = {IDLE_S}\n"

    async def check_cut_off_after(self, limit_s: float, first: bytes, then: bytes, ms: int):
        async with Mta.connected(self.daemon.endpoint) as mta:
            if first:
                mta.writer.write(first)
                await mta.reply(b"O")
            begun = time.monotonic()
            mta.writer.write(then)
            await mta.closed()
            took_s = time.monotonic() - begun
        self.assertGreaterEqual(took_s, limit_s * 0.95)
        self.assertLess(took_s, limit_s + MARGIN_S)
        await self.check_one_line("mta_refused", f"nothing came for {ms} ms")

    async def test_a_connection_without_a_byte(self):
        await self.check_cut_off_after(OFFER_S, b"", b"", round(OFFER_S * 1000))

    async def test_half_an_offer_and_silence(self):
        await self.check_cut_off_after(OFFER_S, b"", OFFER[:9], round(OFFER_S * 1000))

    async def test_silence_after_the_offer(self):
        await self.check_cut_off_after(IDLE_S, OFFER, b"", round(IDLE_S * 1000))

    async def test_half_a_command_and_silence(self):
        await self.check_cut_off_after(IDLE_S, OFFER, pack(b"C", CONNECT)[:9], round(IDLE_S * 1000))

    async def test_silence_in_a_message_ends_it_for_the_children(self):
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            await mta.greet()
            await mta.ask(b"M", SENDER)
            await mta.closed()
        for child in self.children:
            self.assertEqual((await (await child.next()).ended()).letters, "OCHMAQ")
        await self.check_one_line("mta_refused", f"nothing came for {round(IDLE_S * 1000)} ms")

    async def test_an_mta_that_waits_for_a_slow_child_is_not_silent(self):
        self.children[0].script.answers[b"M"] = b""
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            await mta.greet()
            mta.tell(b"M", SENDER)
            child = await self.children[0].next()
            await child.saw("M")
            await asyncio.sleep(2 * IDLE_S)  # the time itself is what is tested
            child.say(wire.CONTINUE)
            self.assertEqual((await mta.reply(b"M"))[0], b"c")
            await mta.leave()
        self.assertEqual(self.new_events(), [])


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
