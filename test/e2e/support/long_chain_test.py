"""The test of the long chain, for any MTA: natively and behind the manager, and what chain V.6 says may differ."""

import contextlib
import sys
import unittest

from support import scratch
from support.comparison import difference
from support.conversation import Run, play_all
from support.corpus import conversations
from support.known_differences import KNOWN
from support.long_chain import running_long_chain
from support.long_corpus import long_conversations
from support.stage import MANAGED, NATIVE, SENDMAIL, manager_log, running_mta

# Debian's Sendmail ends the session at a return without a line feed, before any milter is asked.
NOT_FOR = {SENDMAIL: {"dots, lone returns and long lines"}}


def mails_for(program: str) -> list:
    return [one for one in conversations() + long_conversations() if one.name not in NOT_FOR.get(program, ())]


class LongChain:
    program: str

    @classmethod
    def setUpClass(cls):
        with contextlib.ExitStack() as running:
            home = running.enter_context(scratch.scratch_directory("long"))
            children = running.enter_context(running_long_chain(scratch.subdirectory(home, "milters")))
            cls.native = cls.run_of(NATIVE, home, children)
            cls.managed = cls.run_of(MANAGED, home, children)
            cls.log = manager_log(home / MANAGED)

    @classmethod
    def run_of(cls, kind: str, home, children: dict[str, str]) -> Run:
        with running_mta(kind, scratch.subdirectory(home, kind), children, program=cls.program) as mta:
            return play_all(mails_for(cls.program), mta)

    def header(self, name: str) -> bytes:
        outcome = self.native.outcomes[name]
        self.assertEqual(1, len(outcome.deliveries), f"{name}: {outcome}")
        return outcome.deliveries[0].header()

    def test_each_milter_does_its_work(self):
        header = self.header("nothing to change, from outside")
        self.assertRegex(header, rb"(?m)^Authentication-Results: mx\.example\.test; dkim=")
        self.assertRegex(header, rb"(?m)^Authentication-Results: mx\.example\.test; dmarc=")
        self.assertRegex(header, rb"(?m)^X-Virus-Status: Clean\r$")
        self.assertRegex(header, rb"(?m)^X-Spam-Status: No, score=")
        self.assertEqual(1, header.count(b"X-Rspamd-Seen: 1 recipients, "))
        self.assertNotIn(b"forged", header)
        self.assertRegex(header, rb"(?m)^X-Seen-first: \d+ fields ")
        self.assertRegex(header, rb"(?m)^X-Seen-last: \d+ fields ")
        self.assertRegex(self.header("nothing to change"), rb"(?m)^DKIM-Signature: ")

    def test_the_edits_are_done(self):
        header = self.header("last: all")
        self.assertRegex(header, rb"(?m)^X-Top: t\r$")
        self.assertNotIn(b"X-Many: one\r\n", header)
        delivery = self.native.outcomes["last: all"].deliveries[0]
        self.assertEqual(b"new\r\n", delivery.body())
        self.assertRegex(delivery.sender, rb"(?i)^MAIL FROM:<e@example\.test>")
        self.assertTrue(any(b"<r@example.org>" in recipient for recipient in delivery.recipients))
        self.assertEqual(("held",), self.native.outcomes["last: quarantine"].endings)
        self.assertEqual(("discarded",), self.native.outcomes["last: discard"].endings)
        self.assertEqual([554], [one.code for one in self.native.outcomes["rspamd refuses"].content_replies()])

    def test_behind_the_manager_nothing_else_differs_than_what_cannot_be_the_same(self):
        names = [one.name for one in mails_for(self.program)]
        self.assertGreater(len(names), 30)
        for name in names:
            found = difference(self.native.outcomes[name], self.managed.outcomes[name])
            known = KNOWN.get((self.program, name))
            with self.subTest(conversation=name):
                self.assertEqual("", self.native.outcomes[name].failure)
                if known is None:
                    if found:
                        self.fail(f"{name}\n{found}")
                    continue
                self.assertTrue(known.is_exactly(found), f"{name}: not the known difference\n{found}")
                print(f"known difference: {self.program}: {name}: {known.clause}: {known.why}", file=sys.stderr)

    def test_nothing_is_delivered_that_no_reply_has_spoken_of(self):
        for run in (self.native, self.managed):
            self.assertEqual((), run.strays)

    @classmethod
    def tearDownClass(cls):
        print(f"--- end of the manager's log\n{cls.log}", file=sys.stderr)


def main():
    unittest.main(verbosity=2, argv=sys.argv)
