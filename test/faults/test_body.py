"""Every child is shown the body byte for byte, and the MTA is told the last replacement byte for byte (chain P28, P29,
P31, P32, P36). The sizes are those where packets and buffers end."""

import itertools
import random
import unittest

import peers
from peers import daemon, wire
from peers.child import Child, Script
from peers.mta import Mta, checksum, one_mail, pieces_of
from support import scratch, watchdog

MIB = 1024 * 1024
SIZES = (0, 1, 65534, 65535, 65536, 131070, 5 * MIB)
NAMES = ("one", "two", "three")
RANDOM = random.Random(20260822)


def content(size: int) -> bytes:
    """Any byte, NUL and 8-bit ones too; no lone LF, CR LF at the end, so that nothing of it is to be changed."""
    if size == 0:
        return b""
    if size == 1:
        return b"\xe4"
    text = bytearray(RANDOM.randbytes(size).replace(b"\n", b"\0"))
    # CR and LF on different sides of the places where packets are cut.
    for at in {*range(65534, size - 1, 65535), size - 2}:
        text[at:at + 2] = b"\r\n"
    return bytes(text)


def replacing(body: bytes, most: int = 65535) -> Script:
    return Script(edits=wire.replacement(body, most))


class Body(unittest.IsolatedAsyncioTestCase):
    CONFIGURATION = ""

    async def asyncSetUp(self):
        home = self.enterContext(scratch.scratch_directory("body"))
        self.spool = scratch.subdirectory(home, "spool", mode=0o777)
        self.children = [Child(name, f"unix:{home}/{name}.sock") for name in NAMES]
        for child in self.children:
            await self.enterAsyncContext(child)
        patient = {"reading_timeout": peers.PATIENCE_S, "end_of_message_timeout": 4 * peers.PATIENCE_S,
                   "writing_timeout": peers.PATIENCE_S}
        self.daemon = await self.enterAsyncContext(daemon.running(
            home, self.children, {"": {**patient, "fallback_status": "temporary-failure"}},
            f'manager.spool_directory = "{self.spool}"\nmanager.end_of_message_timeout = {4 * peers.PATIENCE_S}\n'
            + self.CONFIGURATION))

    async def send(self, body: bytes, scripts, most: int = 65535):
        """One mail past children with these scripts: its outcome, and the last message of each child."""
        for child, script in zip(self.children, scripts):
            child.script = script
        outcome = await one_mail(self.daemon.endpoint, body=pieces_of(body, most))
        self.assertEqual((outcome.stage, outcome.decision), (b"E", b"c"), self.daemon.evidence())
        seen = [(await (await child.next()).ended()).messages[-1] for child in self.children]
        for message in seen:
            self.assertLessEqual(message.largest_piece, 65535)
        return outcome, seen

    def check_seen(self, message, body: bytes):
        self.assertEqual((message.body_size, message.checksum()), (len(body), checksum(body)))

    def check_told(self, outcome, body: bytes):
        """The replacement as the MTA got it: whole pieces, each as large as may be."""
        self.assertEqual((len(outcome.body), checksum(outcome.body)), (len(body), checksum(body)))
        self.assertEqual(outcome.body_pieces, [len(piece) for piece in pieces_of(body)] or [0])

    async def test_each_child_gets_the_body_byte_for_byte(self):
        for size in SIZES:
            with self.subTest(size=size):
                body = content(size)
                outcome, seen = await self.send(body, [Script()] * 3)
                for message in seen:
                    self.check_seen(message, body)
                self.assertIsNone(outcome.body)

    async def test_however_the_mta_cuts_it(self):
        body = content(5000)
        for most in (1, 2, 4999, 1000):
            with self.subTest(most=most):
                _, seen = await self.send(body, [Script()] * 3, most)
                for message in seen:
                    self.check_seen(message, body)

    async def test_a_body_in_the_end_of_message_counts(self):
        body = content(1000)
        for child in self.children:
            child.script = Script()
        outcome = await one_mail(self.daemon.endpoint, body=[body[:900]], last_piece=body[900:])
        self.assertEqual(outcome.decision, b"c")
        for child in self.children:
            self.check_seen((await (await child.next()).ended()).messages[-1], body)

    async def test_later_children_get_the_replacement_and_so_does_the_mta(self):
        new_sizes = (0, 1, 65535, 65536, 5 * MIB)
        for size, new_size, most in itertools.product((0, 65536), new_sizes, (65535, 64 * MIB, 4097)):
            with self.subTest(size=size, new_size=new_size, packets_of=most):
                body, new = content(size), content(new_size)
                outcome, (one, two, three) = await self.send(body, [Script(), replacing(new, most), Script()])
                whole = new + b"\r\n" if new_size == 1 else new  # a last line has an end
                self.check_seen(one, body)
                self.check_seen(two, body)
                self.check_seen(three, whole)
                self.check_told(outcome, whole)

    async def test_the_last_replacement_counts(self):
        first, last = content(100_000), content(70_000)
        outcome, (one, two, three) = await self.send(b"old\r\n", [replacing(first), replacing(last), Script()])
        self.check_seen(two, first)
        self.check_seen(three, last)
        self.check_told(outcome, last)

    async def test_a_lone_lf_of_a_replacement_becomes_cr_lf_wherever_packets_are_cut(self):
        given = b"a\nb\r\nc\rd\r\n\n\r\r\n"
        meant = b"a\r\nb\r\nc\rd\r\n\r\n\r\r\n"
        for most in (1, 2, 3, 100):
            with self.subTest(packets_of=most):
                outcome, (_, two, three) = await self.send(b"old\r\n", [replacing(given, most), Script(), Script()])
                for message in (two, three):
                    self.check_seen(message, meant)
                self.check_told(outcome, meant)

    async def test_a_bare_lf_or_cr_of_the_mta_stays(self):
        body = b"a\nb\rc\r\n\0\xff\n"
        _, seen = await self.send(body, [Script()] * 3, most=1)
        for message in seen:
            self.check_seen(message, body)

    async def test_past_children_that_are_silent_or_skip_or_want_no_body(self):
        body, new = content(5 * MIB), content(200_000)
        silent = Script(steps=wire.SILENT[b"B"])
        skips = Script(steps=wire.SKIP, answers={b"B": wire.SKIPPED})
        without = Script(steps=wire.NOT_SENT[b"B"])
        outcome, (one, two, three) = await self.send(body, [silent, skips, Script()])
        self.check_seen(one, body)
        self.check_seen(two, body[:65535])
        self.check_seen(three, body)
        outcome, (one, two, three) = await self.send(
            body, [without, Script(steps=wire.SILENT[b"B"], edits=wire.replacement(new)), silent])
        self.check_seen(one, b"")
        self.check_seen(two, body)
        self.check_seen(three, new)
        self.check_told(outcome, new)

    async def test_all_skip(self):
        body = content(5 * MIB)
        skips = Script(steps=wire.SKIP, answers={b"B": wire.SKIPPED})
        _, seen = await self.send(body, [skips] * 3)
        for message in seen:
            self.check_seen(message, body[:65535])

    async def test_of_50_mb(self):
        body, new = content(50 * MIB), content(50 * MIB)
        outcome, (one, two, three) = await self.send(body, [Script(), replacing(new), Script(steps=wire.SILENT[b"B"])])
        self.check_seen(one, body)
        self.check_seen(two, body)
        self.check_seen(three, new)
        self.check_told(outcome, new)
        # What was kept goes with the session, and never had a name.
        await self.daemon.until(lambda: self.daemon.spool_files() == 0, "the spool files are closed")
        self.assertEqual(list(self.spool.iterdir()), [])


class BodyInASpoolFile(Body):
    """The same with next to nothing kept in memory."""
    CONFIGURATION = "manager.body_memory = 100\n"

    async def test_it_is_in_a_file_without_a_name_while_it_is_needed(self):
        body = content(200_000)
        waiting = Script(answers={b"E": b""})  # says nothing for now
        self.children[0].script = waiting
        self.children[1].script = self.children[2].script = Script()
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            await mta.greet()
            await mta.content(body=pieces_of(body))
            mta.tell(b"E")
            child = await self.children[0].next()
            await child.saw("E")
            self.assertEqual(self.daemon.spool_files(), 1)
            self.assertEqual(list(self.spool.iterdir()), [])
            child.say(wire.CONTINUE)
            self.assertEqual((await mta.outcome()).decision, b"c")
            await mta.leave()

    async def test_a_full_disk_is_a_temporary_failure_and_no_child_decides_on_a_part(self):
        self.spool.rmdir()
        for child in self.children:
            child.script = Script()
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            await mta.greet()
            self.assertEqual((await mta.mail(body=pieces_of(content(200_000)))).decision, b"t")
            # It is nobody's fault: all are there for the next one.
            self.assertEqual((await mta.mail(body=[b"fits\r\n"])).decision, b"c")
            await mta.leave()
        for child in self.children:
            letters = (await (await child.next()).ended()).letters
            self.assertRegex(letters, "^OCHMRT(LN?)?AMRTLNBEQ$")
        self.assertEqual(self.daemon.events("child_failed"), [])
        self.assertIn("cannot open a temporary file", self.daemon.events("mta_oddity")[0].text)


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
