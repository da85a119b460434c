"""A milter that breaks at any point costs behind milter-manager what it costs natively, and only that.

Natively milter_default_action says what it costs, behind the manager the fallback_status of that milter. The milters
before and after the broken one go on doing their work (chain P50, P51).
"""

import contextlib
import sys
import unittest

from support import scratch, watchdog
from support.comparison import difference
from support.conversation import Line, Outcome, mail, play
from support.corpus import message, one
from support.failing_milter import AT_ONCE, NEVER, running_failing_milter
from support.recipient_milter import running_recipient_milter
from support.stage import MANAGED, NATIVE, running_mta

POINTS = {"it never breaks": NEVER, "at once": AT_ONCE, "negotiation": b"O", "connect": b"C", "helo": b"H",
          "mail": b"M", "rcpt": b"R", "data": b"T", "header": b"L", "end of header": b"N", "body": b"B",
          "end of message": b"E"}
REFUSED_BEFORE, REFUSED_AFTER = b"refused.before@example.org", b"refused.after@example.org"
RECIPIENTS = (b"<bob@example.org>", b"<%s>" % REFUSED_BEFORE, b"<%s>" % REFUSED_AFTER)
TWO_MAILS = one("two mails", (*mail(message(b"first"), recipients=RECIPIENTS), Line(b"RSET"),
                              *mail(message(b"second"), recipients=RECIPIENTS)))
TEMPFAIL = b"451 4.7.1 Service unavailable - try again later\r\n"


def outcomes_of(kind: str, on_failure: str, home, running: contextlib.ExitStack) -> dict[str, Outcome]:
    """What becomes of the same two mails for each point that the milter in the middle breaks at."""
    breaking = running.enter_context(running_failing_milter())
    children = {
        "before": running.enter_context(running_recipient_milter([REFUSED_BEFORE], b"X-Before")),
        "breaking": breaking.endpoint,
        "after": running.enter_context(running_recipient_milter([REFUSED_AFTER], b"X-After"))}
    outcomes = {}
    with running_mta(kind, home, children, on_failure) as mta:
        for name, point in POINTS.items():
            breaking.breaks_at, breaking.broke = point, 0
            outcomes[name] = play(TWO_MAILS, mta)
            assert bool(breaking.broke) == (point != NEVER), f"{kind}: {name} was never reached"
    return outcomes


class Failures:
    on_failure: str

    @classmethod
    def setUpClass(cls):
        with contextlib.ExitStack() as running:
            home = running.enter_context(scratch.scratch_directory("failures"))
            cls.native, cls.managed = (
                outcomes_of(kind, cls.on_failure, scratch.subdirectory(home, kind), running)
                for kind in (NATIVE, MANAGED))

    def test_cost_the_same_as_natively(self):
        for name in POINTS:
            with self.subTest(breaks_at=name):
                self.assertEqual("", self.native[name].failure)
                found = difference(self.native[name], self.managed[name])
                if found:
                    self.fail(f"{name}\n{found}")

    def test_cost_nothing_when_there_are_none(self):
        outcome = self.managed["it never breaks"]
        self.assertEqual([250, 250], [exchange.code for exchange in outcome.content_replies()])
        for delivery in outcome.deliveries:
            # The milter before has also seen the recipient that only the one after it refuses.
            self.assertIn(b"\r\nX-Before: 2 accepted\r\nX-After: 1 accepted\r\n", delivery.header())


class TemporaryFailures(Failures, unittest.TestCase):
    on_failure = "tempfail"

    def test_let_no_mail_through(self):
        for name, point in POINTS.items():
            if point != NEVER:
                with self.subTest(breaks_at=name):
                    self.assertIn(TEMPFAIL, [exchange.reply for exchange in self.managed[name].exchanges])
                    self.assertEqual((), self.managed[name].deliveries)


class AcceptedFailures(Failures, unittest.TestCase):
    on_failure = "accept"

    def test_leave_the_other_milters_at_work(self):
        for name, outcome in self.managed.items():
            with self.subTest(breaks_at=name):
                self.assertEqual(2, len(outcome.deliveries))
                for delivery in outcome.deliveries:
                    self.assertEqual((b"RCPT TO:<bob@example.org> ORCPT=rfc822;bob@example.org",), delivery.recipients)
                    self.assertIn(b"\r\nX-Before: 2 accepted\r\n", delivery.header())
                    self.assertIn(b"\r\nX-After: 1 accepted\r\n", delivery.header())


def setUpModule():
    watchdog.start()


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv)
