"""The shortest milter of the library behind a real Postfix: it stamps mails, and ends when it is told."""

import os
import unittest

from support import scratch, watchdog
from support.conversation import Conversation, mail, play
from support.corpus import EHLO, QUIT, message
from support.ports import free_port
from support.postfix import Postfix
from support.process import Process

STAMP = rb"\r?\nX-Delivered-By: [^\n]*127\.0\.0\.1[^\n]*; id=\w+\r?\n"


class LibraryMilter(unittest.TestCase):
    def test_mails_through_postfix_are_stamped(self):
        home = self.enterContext(scratch.scratch_directory("library"))
        port = free_port()
        spec = f"inet:{port}@127.0.0.1"
        milter = self.enterContext(Process("milter", [f"{os.environ['MILTER_EXAMPLES']}/example_add_header", spec],
                                           home / "milter.log"))
        milter.ready_when_port_accepts(port)
        with Postfix(scratch.subdirectory(home, "postfix"), [spec], "milter_default_action = tempfail\n") as mta:
            outcome = play(Conversation("three mails", (EHLO, *mail(message(b"one")), *mail(message(b"two")),
                                                        *mail(message(b"three")), QUIT)), mta)
            self.assertEqual((outcome.failure, len(outcome.deliveries)), ("", 3))
            stamps = [delivery.content for delivery in outcome.deliveries]
            for content in stamps:
                self.assertRegex(content, STAMP)
        self.assertEqual((milter.stop(), milter.log_text()), (0, ""))


if __name__ == "__main__":
    watchdog.start()
    unittest.main(verbosity=2)
