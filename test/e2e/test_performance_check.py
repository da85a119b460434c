"""milter-performance-check sends mails to a real Postfix, whose milter is milter-manager."""

import json
import os
import subprocess
import unittest

from support import scratch, watchdog
from support.edit_milter import running_edit_milter
from support.manager import running_manager
from support.postfix import Postfix
from support.waiting import wait_until

MAILS = 40


def setUpModule():
    watchdog.start()


class RealServer(unittest.TestCase):
    def test_each_mail_arrives_once_and_went_through_the_chain(self):
        home = self.enterContext(scratch.scratch_directory("performance"))
        milter = self.enterContext(running_edit_milter(scratch.subdirectory(home, "milter"), "edit"))
        endpoint = self.enterContext(running_manager(scratch.subdirectory(home, "manager"), {"edit": milter}))
        mta = self.enterContext(Postfix(scratch.subdirectory(home, "postfix"), [endpoint]))
        done = subprocess.run(
            [os.environ["MILTER_PERFORMANCE_CHECK"], "--smtp-server=127.0.0.1", f"--smtp-port={mta.port}", f"--n-mails={MAILS}",
             "--n-concurrent-connections=5", "--recipient=one@example.test", "--n-additional-lines=20", "--json"],
            capture_output=True, text=True, check=True, timeout=100)
        result = json.loads(done.stdout)
        self.assertEqual((MAILS, MAILS), (result["mails"], result["sent"]), f"{done.stdout}\n{mta.evidence()}")
        wait_until(lambda: len(mta.deliveries) == MAILS, "all mails are delivered", 60, mta.evidence)
        for delivery in mta.deliveries:
            self.assertIn(b"X-Mailer: milter-performance-check\r\n", delivery.content)
            self.assertRegex(delivery.content, rb"(?m)^X-Seen-edit: ")

    def test_refusals_are_counted_and_said(self):
        home = self.enterContext(scratch.scratch_directory("refusals"))
        mta = self.enterContext(Postfix(scratch.subdirectory(home, "postfix"), [], "smtpd_sender_restrictions = reject\n"))
        done = subprocess.run([os.environ["MILTER_PERFORMANCE_CHECK"], "--smtp-server=127.0.0.1", f"--smtp-port={mta.port}", "--n-mails=3",
                               "--json"], capture_output=True, text=True, check=True, timeout=100)
        result = json.loads(done.stdout)
        self.assertEqual(3, result["reject"], result)
        self.assertRegex(next(iter(result["failures"])), r"^554 5\.7\.1 ")


if __name__ == "__main__":
    unittest.main(verbosity=2)
