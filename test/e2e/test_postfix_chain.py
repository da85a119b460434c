"""Postfix and real milters, with milter-manager between them: it works, and no one can tell the difference.

The same conversations go through the same milters twice, listed natively in smtpd_milters and behind the manager.
Both must do what each milter is there for, and both must give the same replies and deliver the same bytes.
"""

import contextlib
import functools
import sys
import unittest

from support import scratch, watchdog
from support.chain import running_chain
from support.comparison import difference
from support.conversation import Run, mail, play, play_all
from support.corpus import BIG_BODY_BYTES, OUTSIDE, RECIPIENTS, REFUSED_RECIPIENT, big_body, conversations, one
from support.stage import MANAGED, NATIVE, manager_log, running_mta

RUNNING = contextlib.ExitStack()


def setUpModule():
    watchdog.start()
    RUNNING.__enter__()
    unittest.addModuleCleanup(RUNNING.close)


@functools.cache
def home():
    return RUNNING.enter_context(scratch.scratch_directory("chain"))


@functools.cache
def children() -> dict[str, str]:
    return RUNNING.enter_context(running_chain(scratch.subdirectory(home(), "milters")))


@functools.cache
def run_of(kind: str) -> Run | Exception:
    """Plays the corpus once for each kind of chain; what went wrong then goes wrong in each test."""
    try:
        with running_mta(kind, scratch.subdirectory(home(), kind), children()) as mta:
            run = play_all(conversations(), mta)
            signed = run.outcomes["clean mail"].deliveries
            if signed:
                again = one("signed mail comes back", mail(signed[0].content), source=OUTSIDE)
                run.outcomes[again.name] = play(again, mta)
            return run
    except Exception as failure:  # pylint: disable=broad-except
        return failure


class Behaviour:
    """What the chain is for. It holds natively too, or the comparison would compare nothing."""

    kind: str

    @classmethod
    def setUpClass(cls):
        run = run_of(cls.kind)
        if isinstance(run, Exception):
            raise AssertionError(f"{cls.kind}: {run}") from run
        cls.run_of_all = run

    def outcome(self, name: str):
        outcome = self.run_of_all.outcomes[name]
        if outcome.failure:
            self.fail(outcome.failure)
        return outcome

    def delivered(self, name: str, number: int = 1):
        outcome = self.outcome(name)
        self.assertEqual(("delivered",) * number, outcome.endings)
        self.assertEqual(number, len(outcome.deliveries))
        return outcome.deliveries[number - 1]

    def assert_refused(self, name: str, reply: bytes):
        outcome = self.outcome(name)
        self.assertEqual([reply], [exchange.reply for exchange in outcome.content_replies()])
        self.assertEqual((), outcome.deliveries)

    def test_clean_mail_arrives_with_the_headers_of_each_milter(self):
        header = self.delivered("clean mail").header()
        self.assertRegex(header, rb"(?m)^DKIM-Signature: v=1; a=rsa-sha256; .*d=example\.test; s=e2e;")
        self.assertRegex(header, rb"(?m)^X-Virus-Status: Clean\r$")
        self.assertRegex(header, rb"(?m)^X-Spam-Status: No, score=")
        self.assertRegex(header, rb"(?m)^X-Recipients: 1 accepted\r$")

    def test_signature_is_valid_when_the_mail_comes_back(self):
        header = self.delivered("signed mail comes back").header()
        self.assertRegex(header, rb"(?m)^Authentication-Results: mx\.example\.test;\s+dkim=pass ")

    def test_mail_from_outside_is_verified_instead_of_signed(self):
        header = self.delivered("mail from outside").header()
        self.assertRegex(header, rb"(?m)^Authentication-Results: mx\.example\.test; dkim=none")
        self.assertNotIn(b"DKIM-Signature:", header)

    def test_virus_is_refused_with_the_reply_of_clamav_milter(self):
        self.assert_refused("virus", b"550 5.7.1 Message carries Eicar-Signature.UNOFFICIAL\r\n")

    def test_spam_is_refused_with_the_reply_of_spamass_milter(self):
        self.assert_refused("spam", b"550 5.7.1 Blocked by SpamAssassin\r\n")

    def test_first_milter_in_order_decides_about_a_mail_that_two_refuse(self):
        self.assert_refused("virus and spam", b"550 5.7.1 Message carries Eicar-Signature.UNOFFICIAL\r\n")

    def test_suspicious_mail_arrives_with_a_new_subject_and_body(self):
        delivery = self.delivered("suspicious mail")
        self.assertRegex(delivery.header(), rb"(?m)^Subject: \[SPAM\] suspicious mail\r$")
        self.assertRegex(delivery.header(), rb"(?m)^X-Spam-Flag: YES\r$")
        self.assertIn(b"Content-Description: original message before SpamAssassin", delivery.body())

    def test_big_body_arrives_whole(self):
        body = self.delivered("big body").body()
        self.assertEqual(BIG_BODY_BYTES, len(body))
        self.assertTrue(big_body() == body)

    def test_one_recipient_of_many_is_refused_and_the_others_get_the_mail(self):
        outcome = self.outcome("many recipients")
        refused = [exchange for exchange in outcome.replies_to(b"RCPT TO:") if exchange.code != 250]
        self.assertEqual([b"RCPT TO:<%s>" % REFUSED_RECIPIENT], [exchange.sent for exchange in refused])
        self.assertEqual(b"550 5.7.1 <%s>: this recipient is refused\r\n" % REFUSED_RECIPIENT, refused[0].reply)
        delivery = self.delivered("many recipients")
        self.assertEqual(RECIPIENTS - 1, len(delivery.recipients))
        self.assertRegex(delivery.header(), rb"(?m)^X-Recipients: %d accepted\r$" % (RECIPIENTS - 1))

    def test_eight_bit_and_folded_headers_arrive_as_they_were_sent(self):
        header = self.delivered("eight bit and folded headers").header()
        for field in ("X-Raw: Grüße aus Köln\r\n".encode(), b"X-Latin: Gr\xfc\xdfe\r\n", b"X-No-Blank:value\r\n",
                      b"X-Folded: first line\r\n  second line, two blanks\r\n\tthird line, a tab\r\n"):
            self.assertIn(b"\r\n" + field, header)

    def test_null_sender_with_parameters_is_delivered(self):
        self.assertTrue(self.delivered("null sender with parameters").sender.startswith(b"MAIL FROM:<> "))

    def test_three_mails_of_one_connection_arrive_and_the_one_given_up_does_not(self):
        self.delivered("three mails with RSET between", 3)
        senders = [delivery.sender.split()[1] for delivery in self.outcome("three mails with RSET between").deliveries]
        self.assertEqual([b"FROM:<alice@example.test>", b"FROM:<carol@example.test>", b"FROM:<alice@example.test>"],
                         senders)

    def test_a_mail_after_a_refused_one_is_delivered(self):
        outcome = self.outcome("mail after a refused one")
        self.assertEqual([550, 250], [exchange.code for exchange in outcome.content_replies()])
        self.assertEqual(1, len(outcome.deliveries))

    def test_nothing_is_delivered_of_a_client_that_vanishes_and_the_next_mail_is(self):
        vanished = self.outcome("client vanishes in DATA")
        self.assertEqual(354, vanished.exchanges[-1].code)
        self.assertEqual((), vanished.deliveries)
        self.delivered("mail after a vanished client")
        self.assertEqual((), self.run_of_all.strays)

    def test_nothing_stays_behind_in_a_queue(self):
        self.assertEqual((), self.run_of_all.queued)


class NativeChain(Behaviour, unittest.TestCase):
    kind = NATIVE


class ManagedChain(Behaviour, unittest.TestCase):
    kind = MANAGED


class ManagedChainIsLikeTheNativeOne(unittest.TestCase):
    def test_each_conversation_has_the_same_replies_and_the_same_deliveries(self):
        native, managed = run_of(NATIVE), run_of(MANAGED)
        for run in (native, managed):
            if isinstance(run, Exception):
                raise AssertionError(f"nothing to compare: {run}") from run
        for conversation in conversations():
            with self.subTest(conversation=conversation.name):
                found = difference(native.outcomes[conversation.name], managed.outcomes[conversation.name])
                if found:
                    self.fail(f"{conversation.name}\n{found}")

    @classmethod
    def tearDownClass(cls):
        print(f"--- end of the manager's log\n{manager_log(home() / MANAGED)}", file=sys.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv)
