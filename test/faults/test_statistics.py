"""The statistics lines in the system's log, to the letter (logs 3, 4): sessions of every kind, each line compared with
statistics.txt, where only times are masked. MILTER_RENEW=1 writes that file anew: then read it."""

import difflib
import os
import pathlib
import re
import unittest

import peers
from peers import daemon, faults, wire
from peers.child import Child, Script
from peers.mta import Mta
from peers.system_log import LOCAL_MAIL, NOTICE, SystemLog
from peers.wire import pack
from support import scratch

EXPECTED = pathlib.Path(__file__).with_name("statistics.txt")
READING_S = 0.5 * peers.SLOWNESS
CONDITIONS = """\
define_applicable_condition("Bulk") { |condition| condition.skip_when(helo: "bulk.example") }
"""
TIME = re.compile(r"\[(\d+(?:\.\d+)?(?:e-\d+)?)\](\(\d+\))")
EDITS = wire.ADD_HEADERS | wire.CHANGE_HEADERS | 0x20  # quarantine
REPLY = pack(b"y", b"550 5.7.1 no\0")


class Statistics(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        home = self.enterContext(scratch.scratch_directory("stat"))
        self.log = self.enterContext(SystemLog(home))
        self.a, self.b, self.judge = children = [
            Child(name, f"unix:{home}/{name}.sock", Script(actions=EDITS)) for name in ("a", "b", "judge")]
        for child in children:
            await self.enterAsyncContext(child)
        given = {"": {"reading_timeout": READING_S, "retry_next_message": False, "fallback_status": "accept"},
                 "b": {"fallback_status": "temporary-failure", "applicable_conditions": ["Bulk"]},
                 "judge": {"evaluation_mode": True}}
        self.daemon = await self.enterAsyncContext(daemon.running(
            home, children, given, f'log.use_syslog = true\nmanager.n_workers = 1\n{CONDITIONS}', prefix=self.log.prefix))
        self.told = 0  # lines that belong to scenes
        self.ended = 0
        self.text = ""
        await self.scene_ends("connected and left")  # how running() knows that it serves

    async def scene_ends(self, name: str):
        """With the line that says that its session has been cleaned up."""
        self.ended += 1
        last = f"[sessions][finished] {self.ended}(+1) 0"
        await self.daemon.until(lambda: last in self.log.statistics(), last)
        lines = self.log.statistics()
        self.text += f"# {name}\n" + "".join(TIME.sub(r"[TIME]\2", line) + "\n" for line in lines[self.told:])
        self.told = len(lines)

    async def scene(self, name: str, play, **scripts: Script):
        for child in (self.a, self.b, self.judge):
            child.script = scripts.get(child.name, Script(actions=EDITS))
        async with Mta.connected(self.daemon.endpoint) as mta:
            await play(mta)
        await self.scene_ends(name)

    async def mail(self, mta: Mta, mails: int = 1):
        await mta.offer()
        if await mta.greet() is None:
            for _ in range(mails):
                await mta.mail()
        await mta.leave()

    async def test_lines_of_each_kind_of_session(self):
        def saying(letter: bytes, answer: bytes, **more) -> Script:
            return Script(actions=EDITS, answers={letter: answer}, **more)

        def failing(letter: bytes, fault) -> Script:
            return Script(actions=EDITS, faults={letter: fault})

        def editing(*edits: bytes) -> Script:
            return Script(actions=EDITS, edits=edits)
        mail = self.mail
        await self.scene("a message passes", mail)
        await self.scene("three messages", lambda mta: mail(mta, 3))
        await self.scene("accepted at connect by one", mail, a=saying(b"C", wire.ACCEPT))
        await self.scene("rejected at connect", mail, a=saying(b"C", wire.REJECT))
        await self.scene("temporary failure at helo", mail, b=saying(b"H", wire.TEMPORARY_FAILURE))
        await self.scene("accepted by all at the sender", mail, a=saying(b"M", wire.ACCEPT), b=saying(b"M", wire.ACCEPT),
                         judge=saying(b"M", wire.ACCEPT))
        await self.scene("rejected at the recipient, with a text", mail, b=saying(b"R", REPLY))
        await self.scene("discarded at the end of the message", mail, a=saying(b"E", wire.DISCARD))
        await self.scene("quarantined", mail, a=editing(pack(b"q", b"odd\0")))
        await self.scene("headers added, inserted, changed and deleted", mail, a=editing(
            wire.add_header(b"X-Spam", b"yes"), pack(b"i", b"\0\0\0\1X-Two\0two  words\0"),
            pack(b"m", b"\0\0\0\1Subject\0changed\0"), pack(b"m", b"\0\0\0\1From\0\0")))
        await self.scene("a header that is folded, and one with bytes that are no text", mail, b=editing(
            wire.add_header(b"X-Long", b"one\r\n\ttwo"), wire.add_header(b"X-Bytes", b"\x1b[31m\xff\\n\xe2\x80\xa8")))
        await self.scene("a header of a child whose message is then rejected", mail, a=editing(
            wire.add_header(b"X-Spam", b"yes")), b=saying(b"E", wire.REJECT))
        await self.scene("evaluation mode: a header, a reject at the end", self.judged, judge=saying(
            b"E", wire.REJECT, edits=[wire.add_header(b"X-Judge", b"spam")]))
        await self.scene("evaluation mode: a reject at helo", mail, judge=saying(b"H", wire.REJECT))
        await self.scene("one is silent at the sender", mail, a=failing(b"M", faults.hangs))
        await self.scene("one closes when it is made an offer", mail, a=failing(b"O", faults.closes))
        await self.scene("one closes at the recipient, which costs a temporary failure", mail, b=failing(b"R", faults.closes))
        await self.scene("one does not speak the protocol", mail, a=failing(b"H", faults.says_unknown_letter))
        self.a.stop_listening()
        await self.scene("one is not started", mail)
        await self.a.listen()
        await self.scene("one is left out at helo by its condition", self.bulk)
        await self.scene("the MTA aborts after the sender, and leaves", self.aborted)
        await self.scene("the MTA is gone while it waits for an answer", self.gone, a=failing(b"H", faults.hangs))
        await self.scene("the MTA is gone inside the content", self.gone_in_content)
        await self.scene("the MTA does not begin with an offer", self.nonsense)
        await self.scene("another client on the same connection", self.two_clients)
        self.compare()
        took = next(TIME.search(line)[1] for line in self.log.statistics() if "[envelope-from][pass]" in line)
        self.assertGreaterEqual(float(took), READING_S)
        self.assertIn("[milter][end][start][pass][0](78): a", self.log.statistics())

    def compare(self):
        if os.environ.get("MILTER_RENEW"):
            EXPECTED.write_text(self.text)
        expected = EXPECTED.read_text()
        difference = difflib.unified_diff(expected.splitlines(), self.text.splitlines(), "expected", "logged", lineterm="")
        self.assertEqual(self.text, expected, "\n".join(difference))
        for priority, process, text in self.log.lines():
            self.assertEqual(process, self.daemon.pid)
            if text.startswith(b"[statistics]"):
                self.assertEqual(priority, LOCAL_MAIL | NOTICE)

    async def judged(self, mta: Mta):
        """Nobody waits for that child, so the MTA stays until it has spoken."""
        await mta.offer()
        await mta.greet()
        await mta.mail()
        await self.daemon.logged("child_evaluated")
        await mta.leave()

    async def bulk(self, mta: Mta):
        await mta.offer()
        await mta.ask(b"C", b"mail.example\0" + b"4\x61\xa8192.0.2.1\0")
        await mta.ask(b"H", b"bulk.example\0")
        await mta.mail()
        await mta.leave()

    async def aborted(self, mta: Mta):
        await mta.offer()
        await mta.greet()
        await mta.ask(b"M", b"<from@example.com>\0")
        mta.tell(b"A")
        await mta.leave()

    async def gone(self, mta: Mta):
        await mta.offer()
        await mta.ask(b"C", b"mail.example\0" + b"4\x61\xa8192.0.2.1\0")
        mta.tell(b"H", b"mail.example\0")
        await self.a.conversations[-1].saw("CH")

    async def gone_in_content(self, mta: Mta):
        await mta.offer()
        await mta.greet()
        self.assertIsNone(await mta.content())

    async def nonsense(self, mta: Mta):
        mta.tell(b"C", b"mail.example\0" + b"U")
        await mta.closed()

    async def two_clients(self, mta: Mta):
        await mta.offer()
        await mta.greet()
        await mta.mail()
        mta.tell(b"K")
        await mta.greet()
        await mta.leave()


if __name__ == "__main__":
    unittest.main()
