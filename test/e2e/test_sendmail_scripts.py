"""Sendmail: a milter that gives any verdict at any point, or breaks there, costs the same behind milter-manager."""

import sys
import unittest

import test_postfix_scripts as scripts
from support import watchdog
from support.stage import SENDMAIL


class OfSendmail:
    program = SENDMAIL
    tempfail = b"451 4.3.2 Please try again later\r\n"
    delivered_to = b"RCPT To:<bob@example.org>"


class Verdict(OfSendmail, scripts.Verdict):
    def known_difference(self, name: str) -> str:
        if name != "discard at connect":
            return ""
        # All that differs is that natively no milter is asked in that session; behind the manager each one is.
        unfiltered, filtered = self.native[name], self.managed[name]
        self.assertEqual([250] * 6, [one.code for one in unfiltered.replies_to(b"RCPT TO:")])
        self.assertEqual([250, 550, 550] * 2, [one.code for one in filtered.replies_to(b"RCPT TO:")])
        self.assertEqual([2, 2], [len(one.deliveries) for one in (unfiltered, filtered)])
        for delivery in unfiltered.deliveries:
            self.assertNotIn(b"X-Before:", delivery.header())
        for delivery in filtered.deliveries:
            self.assertIn(b"\r\nX-Before: 2 accepted\r\nX-After: 1 accepted\r\n", delivery.header())
        return "chain P15: natively the session goes on without any milter"


class TemporaryFailure(OfSendmail, scripts.TemporaryFailure):
    pass


class AcceptedFailure(OfSendmail, scripts.AcceptedFailure):
    pass


def setUpModule():
    watchdog.start()


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv)
