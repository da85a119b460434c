"""The comparison that test_postfix_chain relies on: the same chain twice shows no difference, another chain does.

Without these a comparison that masks too much, or compares nothing, would look like a manager without faults.
"""

import contextlib
import dataclasses
import sys
import unittest

from support import scratch, watchdog
from support.chain import running_chain
from support.comparison import difference
from support.conversation import Outcome, play_all
from support.corpus import REFUSED_RECIPIENT, conversations
from support.lmtp_sink import Delivery
from support.masks import masked
from support.ports import free_port
from support.postfix import Postfix
from support.recipient_milter import running_recipient_milter
from support.smtp_client import Exchange

SIGNED = (b"DKIM-Filter: OpenDKIM Filter v2.11.0 mx.example.test %(id)s\r\n"
          b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=example.test; s=e2e;\r\n"
          b"\tt=%(time)s; bh=%(hash)s;\r\n\th=From:To;\r\n\tb=%(signature)s==\r\n"
          b"Received: from client.example.test (unknown [127.0.0.1])\r\n"
          b"\tby mx.example.test (Postfix) with ESMTP id %(id)s\r\n"
          b"\tfor <bob@example.org>; Sun, 22 Nov 2026 13:00:%(second)s +0000 (UTC)\r\n"
          b"Subject: %(subject)s\r\n")
OF_SENDMAIL = (b"DMARC-Filter: OpenDMARC Filter v1.4.2 mx.example.test %(id)s\r\n"
               b"Received: from client.example.test (localhost [127.0.0.1])\r\n"
               b"\tby mx.example.test (8.17.1.9/8.17.1.9) with ESMTP id %(id)s\r\n"
               b"\tfor <bob@example.org>; Sun, 22 Nov 2026 13:00:%(second)s GMT\r\n"
               b"Subject: %(subject)s\r\n")
VALUES_OF_SENDMAIL = {b"id": b"6AMFHYfq028459", b"second": b"01", b"subject": b"id 6AMFHYfq028459"}
VALUES = {b"id": b"4A5B6C", b"time": b"1795353719", b"hash": b"dT26ShC=", b"signature": b"abc\r\n\t def",
          b"second": b"01", b"subject": b"queued as 4A5B6C"}


class Masks(unittest.TestCase):
    def header(self, **changed: bytes) -> bytes:
        return masked("header", SIGNED % {**VALUES, **{name.encode(): value for name, value in changed.items()}})

    def test_values_that_differ_from_run_to_run_are_covered(self):
        self.assertEqual(self.header(), self.header(id=b"FFFFFFF", time=b"1795353720", signature=b"ghi\r\n\t jkl",
                                                    second=b"59"))

    def test_everything_else_still_shows(self):
        self.assertNotEqual(self.header(), self.header(hash=b"dT26ShD="))
        self.assertNotEqual(self.header(), self.header(subject=b"queued as 4A5B6D"))
        self.assertNotEqual(self.header(), self.header(signature=b"abc\r\n\t def; x=1"))
        self.assertNotEqual(self.header(), self.header(id=b"unknown"))

    def header_of_sendmail(self, **changed: bytes) -> bytes:
        values = {**VALUES_OF_SENDMAIL, **{name.encode(): value for name, value in changed.items()}}
        return masked("header", OF_SENDMAIL % values)

    def test_the_same_holds_for_what_sendmail_writes(self):
        as_it_is = self.header_of_sendmail()
        self.assertEqual(as_it_is, self.header_of_sendmail(id=b"7BMFHYfq099999", second=b"59"))
        self.assertNotEqual(as_it_is, self.header_of_sendmail(id=b"unknown"))
        self.assertNotEqual(as_it_is, self.header_of_sendmail(subject=b"id 7BMFHYfq099999"))
        replies = [masked("smtp", b"S: 250 2.0.0 %s Message accepted for delivery\r\n" % queue_id)
                   for queue_id in (b"6AMFHYfq028459", b"7BMFHYfq099999", b"6AMFHYfq028459 x")]
        self.assertEqual(replies[0], replies[1])
        self.assertNotEqual(replies[0], replies[2])


class Differences(unittest.TestCase):
    same = Outcome((Exchange(b"DATA", b"354 go on\r\n"),), ("delivered",),
                   (Delivery(b"MAIL FROM:<a@example.test>", (b"RCPT TO:<b@example.org>",), b"A: b\r\n\r\nbody\r\n"),))

    def changed_delivery(self, **changes) -> Outcome:
        return dataclasses.replace(self.same, deliveries=(dataclasses.replace(self.same.deliveries[0], **changes),))

    def test_an_outcome_does_not_differ_from_itself(self):
        self.assertEqual("", difference(self.same, dataclasses.replace(self.same)))

    def test_each_part_of_an_outcome_is_compared(self):
        for changed in (
                dataclasses.replace(self.same, exchanges=(Exchange(b"DATA", b"354 Go on\r\n"),)),
                dataclasses.replace(self.same, exchanges=self.same.exchanges * 2),
                dataclasses.replace(self.same, endings=("held",)),
                dataclasses.replace(self.same, deliveries=()),
                dataclasses.replace(self.same, failure="no reply"),
                self.changed_delivery(sender=b"MAIL FROM:<>"),
                self.changed_delivery(recipients=()),
                self.changed_delivery(content=b"A: b\r\n\r\nbody \r\n"),
                self.changed_delivery(content=b"A:b\r\n\r\nbody\r\n"),
                self.changed_delivery(content=b"A: b\r\n\r\nbody")):
            with self.subTest(changed=changed):
                self.assertNotEqual("", difference(self.same, changed))


class Ports(unittest.TestCase):
    def test_no_port_is_given_twice(self):
        ports = [free_port() for _ in range(200)]
        self.assertEqual(len(ports), len(set(ports)))


class Chains(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with contextlib.ExitStack() as running:
            home = running.enter_context(scratch.scratch_directory("compare"))
            chain = running.enter_context(running_chain(scratch.subdirectory(home, "milters")))
            other = dict(chain)
            del other["clamav-milter"]
            other["recipient-milter"] = running.enter_context(
                running_recipient_milter([b"somebody.else@example.org"], header_name=b"X-recipients"))
            cls.outcomes = []
            for number, milters in enumerate((chain, chain, other)):
                with Postfix(scratch.subdirectory(home, f"postfix-{number}"), list(milters.values())) as mta:
                    run = play_all(conversations(), mta)
                    assert not run.strays and not run.queued
                    cls.outcomes.append(run.outcomes)

    def test_the_same_chain_twice_shows_no_difference(self):
        first, second, _ = self.outcomes
        for name, outcome in first.items():
            with self.subTest(conversation=name):
                self.assertEqual("", difference(outcome, second[name]))

    def test_each_mail_through_another_chain_shows_a_difference(self):
        first, _, other = self.outcomes
        through_the_chain = [name for name, outcome in first.items() if outcome.content_replies()]
        self.assertGreater(len(through_the_chain), 10)
        for name in through_the_chain:
            # What spamass-milter refuses does not get to the milter behind it, and has no header to differ in.
            if name != "spam":
                with self.subTest(conversation=name):
                    self.assertNotEqual("", difference(first[name], other[name]))

    def test_the_difference_names_what_differs(self):
        first, _, other = self.outcomes
        header = difference(first["clean mail"], other["clean mail"], "one", "other")
        self.assertIn("--- one: delivery 1: header\n+++ other: delivery 1: header\n", header)
        self.assertIn("\n-X-Virus-Status: Clean\\r\n", header)
        self.assertIn("\n+X-recipients: 1 accepted\\r\n", header)
        self.assertIn("\n-S: 550 5.7.1 Message carries", difference(first["virus"], other["virus"]))
        recipients = difference(first["many recipients"], other["many recipients"])
        self.assertIn(f"\n+RCPT TO:<{REFUSED_RECIPIENT.decode()}>", recipients)


def setUpModule():
    watchdog.start()


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv)
