"""One Unix socket with the rights of a group: an unprivileged manager binds it, the MTAs' own users may use it.

As the guide says it: mode 0660 and the group of Postfix; Sendmail with INPUT_MAIL_FILTER over the same file.
"""

import contextlib
import grp
import os
import pwd
import stat
import unittest

from support import scratch, watchdog
from support.conversation import Conversation, mail, play
from support.corpus import EHLO, QUIT, message
from support.edit_milter import running_edit_milter
from support.manager import running_manager
from support.postfix import Postfix
from support.sendmail import Sendmail

SETTINGS = """\
security.effective_user = "nobody"
security.effective_group = "nogroup"
manager.unix_socket_mode = 0660
manager.unix_socket_group = "%s"
"""


class SharedSocket(unittest.TestCase):
    def setUp(self):
        self.home = self.enterContext(scratch.scratch_directory("shared"))
        self.child = self.enterContext(
            running_edit_milter(scratch.subdirectory(self.home, "milter"), "first"))

    @contextlib.contextmanager
    def manager(self, group: str):
        home = scratch.subdirectory(self.home, "manager")
        os.chown(home, pwd.getpwnam("nobody").pw_uid, grp.getgrnam("nogroup").gr_gid)
        with running_manager(home, {"first": self.child}, more_configuration=SETTINGS % group, over_unix=True) as endpoint:
            self.socket = os.stat(endpoint.removeprefix("unix:"))
            yield endpoint

    def outcome(self, mta):
        return play(Conversation("one mail", (EHLO, *mail(message(b"one mail")), QUIT)), mta)

    def check_filtered(self, mta):
        outcome = self.outcome(mta)
        self.assertEqual(outcome.failure, "")
        (delivery,) = outcome.deliveries
        self.assertIn(b"X-Seen-first:", delivery.content)

    def test_a_mail_through_each_mta_is_filtered(self):
        with self.manager("postfix") as endpoint:
            self.assertEqual((stat.S_IMODE(self.socket.st_mode), self.socket.st_uid, self.socket.st_gid),
                             (0o660, pwd.getpwnam("nobody").pw_uid, grp.getgrnam("postfix").gr_gid))
            with Postfix(scratch.subdirectory(self.home, "postfix"), [endpoint],
                         "milter_default_action = tempfail\n") as mta:
                self.check_filtered(mta)
            with Sendmail(scratch.subdirectory(self.home, "sendmail"), [endpoint], "tempfail") as mta:
                self.check_filtered(mta)

    def test_without_the_group_postfix_cannot_connect(self):
        with self.manager("nogroup") as endpoint:
            with Postfix(scratch.subdirectory(self.home, "postfix"), [endpoint],
                         "milter_default_action = tempfail\n") as mta:
                outcome = self.outcome(mta)
                self.assertEqual(outcome.deliveries, ())
                self.assertIn("Permission denied", mta.log_text())
                self.assertIn(451, [one.code for one in outcome.exchanges])


if __name__ == "__main__":
    watchdog.start()
    unittest.main(verbosity=2)
