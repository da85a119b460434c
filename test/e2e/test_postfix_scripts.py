"""A milter that gives any verdict at any point, or breaks there, costs behind milter-manager what it costs natively.

Natively milter_default_action says what a broken one costs, behind the manager the fallback_status of that milter. The
milters before and after it go on doing their work (chain P12, P14 to P20, P27, P50, P51).
"""

import contextlib
import dataclasses
import sys
import time
import unittest

from support import scratch, watchdog
from support.comparison import difference
from support.conversation import GIVE_UP_AFTER, NOT_PLAYED, Line, Outcome, mail, play
from support.corpus import message, one
from support.milter_wire import pack
from support.recipient_milter import running_recipient_milter
from support.scripted_milter import AT_ONCE, BREAK, running_scripted_milter
from support.stage import MANAGED, NATIVE, POSTFIX, running_mta

POINTS = {"connect": b"C", "helo": b"H", "mail": b"M", "rcpt": b"R", "data": b"T", "header": b"L",
          "end of header": b"N", "body": b"B", "end of message": b"E"}
VERDICTS = {
    "accept": pack(b"a"), "reject": pack(b"r"), "tempfail": pack(b"t"), "discard": pack(b"d"),
    "reply 550": pack(b"y", b"550 5.7.1 not here, 100%% sure\0"),
    "reply 451": pack(b"y", b"451 4.7.1 come again\0"),
    "reply 421": pack(b"y", b"421 4.7.0 go away\0"),
    "reply of two lines": pack(b"y", b"554-5.7.1 first line\r\n554 5.7.1 second line\0")}
FAILURES = {f"breaks at {name}": {point: BREAK}
            for name, point in {"once": AT_ONCE, "negotiation": b"O", **POINTS}.items()}
DECISIONS = {f"{verdict} at {name}": {point: packet}
             for verdict, packet in VERDICTS.items() for name, point in POINTS.items()}
REFUSED_BEFORE, REFUSED_AFTER = b"refused.before@example.org", b"refused.after@example.org"
RECIPIENTS = (b"<bob@example.org>", b"<%s>" % REFUSED_BEFORE, b"<%s>" % REFUSED_AFTER)
TWO_MAILS = one("two mails", (*mail(message(b"first"), recipients=RECIPIENTS), Line(b"RSET"),
                              *mail(message(b"second"), recipients=RECIPIENTS)))
# All timeouts of the MTA and of the manager are longer: what takes this long has waited for one.
PROMPT_S = 20


def outcomes_of(kind: str, scripts: dict, on_failure: str, home, program: str = POSTFIX) -> dict[str, Outcome]:
    """What becomes of the same two mails with each script."""
    outcomes, late = {}, 0
    with contextlib.ExitStack() as running:
        scripted = running.enter_context(running_scripted_milter())
        children = {
            "before": running.enter_context(running_recipient_milter([REFUSED_BEFORE], b"X-Before")),
            "scripted": scripted.endpoint,
            "after": running.enter_context(running_recipient_milter([REFUSED_AFTER], b"X-After"))}
        mta = running.enter_context(running_mta(kind, home, children, on_failure, program))
        for name, script in scripts.items():
            scripted.script, scripted.played = script, 0
            begin = time.monotonic()
            outcomes[name] = play(TWO_MAILS, mta) if late < GIVE_UP_AFTER else NOT_PLAYED
            if time.monotonic() - begin > PROMPT_S:
                late += 1
                outcomes[name] = dataclasses.replace(outcomes[name], failure="somebody has waited for a timeout")
            assert late or bool(scripted.played) == bool(script), f"{kind}: {name}: it did not get that far"
    return outcomes


class Compared:
    program = POSTFIX
    tempfail = b"451 4.7.1 Service unavailable - try again later\r\n"
    delivered_to = b"RCPT TO:<bob@example.org> ORCPT=rfc822;bob@example.org"
    scripts: dict
    on_failure = "tempfail"

    @classmethod
    def setUpClass(cls):
        with scratch.scratch_directory("scripts") as home:
            cls.native, cls.managed = (
                outcomes_of(kind, {"says yes": {}, **cls.scripts}, cls.on_failure, scratch.subdirectory(home, kind),
                            cls.program)
                for kind in (NATIVE, MANAGED))

    def test_costs_the_same_as_natively(self):
        for name, native in self.native.items():
            with self.subTest(script=name):
                found = difference(native, self.managed[name])
                known = self.known_difference(name)
                if known:
                    self.assertNotEqual("", found, f"{name}: no longer different; {known}")
                    print(f"known difference: {self.program}: {name}: {known}", file=sys.stderr)
                elif found:
                    self.fail(f"{name}\n{found}")

    def known_difference(self, _name: str) -> str:
        """Why this one cannot be the same, with its clause; empty for all that must be the same."""
        return ""

    def test_costs_nothing_when_it_says_yes(self):
        outcome = self.managed["says yes"]
        self.assertEqual([250, 250], [exchange.code for exchange in outcome.content_replies()])
        for delivery in outcome.deliveries:
            # The milter before has also seen the recipient that only the one after it refuses.
            self.assertIn(b"\r\nX-Before: 2 accepted\r\nX-After: 1 accepted\r\n", delivery.header())


class Verdict(Compared, unittest.TestCase):
    scripts = DECISIONS


class TemporaryFailure(Compared, unittest.TestCase):
    scripts = FAILURES

    def test_lets_no_mail_through(self):
        for name in self.scripts:
            with self.subTest(script=name):
                self.assertIn(self.tempfail, [exchange.reply for exchange in self.managed[name].exchanges])
                self.assertEqual((), self.managed[name].deliveries)


class AcceptedFailure(Compared, unittest.TestCase):
    scripts = FAILURES
    on_failure = "accept"

    def test_leaves_the_other_milters_at_work(self):
        for name, outcome in self.managed.items():
            with self.subTest(script=name):
                self.assertEqual(2, len(outcome.deliveries))
                for delivery in outcome.deliveries:
                    self.assertEqual((self.delivered_to,), delivery.recipients)
                    self.assertIn(b"\r\nX-Before: 2 accepted\r\n", delivery.header())
                    self.assertIn(b"\r\nX-After: 1 accepted\r\n", delivery.header())


def setUpModule():
    watchdog.start()


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv)
