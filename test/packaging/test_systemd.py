"""The units of the package: what systemd's own checkers say of them, and the service under a real systemd."""
import math
import re
import shutil
import threading
import unittest

import packages
from booted_root import BootedRoot
from private_root import PrivateRoot, private_host, until

UNITS = ("milter-manager.service", "milter-manager.socket")
# docs/manual/install.md and docs/ARCHITECTURE.md say how much is open, and why no less can be.
EXPOSURE_AT_MOST = 1.6
CHAIN = '''
define_applicable_condition("by a block") do |condition|
  condition.define_envelope_from_stopper { |context, from| from == "<not-this@example.com>" && `id -un` == "milter-manager\\n" }
end
define_milter("one") do |milter|
  milter.connection_spec = "unix:/run/milter-manager/child.sock"
  milter.applicable_conditions = ["by a block"]
end
'''

PRIVILEGED = '''
security.privilege_mode = true
define_milter("one") do |milter|
  milter.connection_spec = "unix:/tmp/own.sock"
  milter.command = "/usr/bin/milter-test-client"
  milter.command_options = ["-s", "unix:/tmp/own.sock", "--unix-socket-mode=0666", "--reject-at", "envelope-recipient"]
  milter.user_name = "mail"
end
'''
DROP_INS = "etc/systemd/system/milter-manager.service.d"


def copy_drop_in(root):
    (root / DROP_INS).mkdir(parents=True)
    example = root / "usr/share/doc/milter-manager/examples/privileged.conf"
    (root / DROP_INS / "privileged.conf").write_bytes(example.read_bytes())


def installed(root):
    """Not started: there is no systemd yet, or no init script wanted."""
    (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    (root / "tmp/milter-manager.deb").write_bytes(packages.deb().read_bytes())
    root.must("dpkg", "--install", "/tmp/milter-manager.deb")
    return root


class Checkers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = installed(PrivateRoot())

    def test_verify_has_nothing_to_say(self):
        self.assertEqual(self.root.must("systemd-analyze", "verify", "--man=no", *UNITS), "")

    def test_no_more_is_open_than_documented(self):
        said = self.root.must("systemd-analyze", "security", "--offline=yes", "--no-pager",
                              f"--threshold={math.ceil(EXPOSURE_AT_MOST * 10)}", UNITS[0])
        figure = re.search(r"Overall exposure level for milter-manager.service: ([0-9.]+)", said)[1]
        self.assertLessEqual(float(figure), EXPOSURE_AT_MOST)
        documented = (packages.SOURCE / "docs/manual/install.md").read_text()
        self.assertTrue(f"exposure level of {figure} " in documented, f"{figure} is not what docs/manual/install.md says")

    def test_privileged_drop_in_is_understood(self):
        copy_drop_in(self.root)
        self.assertEqual(self.root.must("systemd-analyze", "verify", "--man=no", *UNITS), "")


class Booted(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = installed(BootedRoot())
        cls.root.boot()
        cls.addClassCleanup(cls.root.end)

    def systemctl(self, *words, status=0):
        return self.root.must("systemctl", "--no-pager", *words, status=status)

    def shown(self, name, unit=UNITS[0]):
        return self.systemctl("show", "--value", f"--property={name}", unit).strip()

    def local(self, text):
        (self.root / "etc/milter-manager/milter-manager.local.conf").write_text(text)

    def journal(self):
        return self.root.must("journalctl", "--no-pager", "--output=cat", "--unit=milter-manager.service")

    def setUp(self):
        self.local("")
        self.systemctl("start", UNITS[0])
        self.addCleanup(self.systemctl, "stop", *UNITS)

    def main_process(self):
        lines = self.root.must("cat", f"/proc/{self.shown('MainPID')}/status").splitlines()
        return {name: value.split() for name, value in (line.split(":", 1) for line in lines)}

    def test_it_is_ready_when_systemctl_start_returns(self):
        self.assertEqual(self.shown("ActiveState"), "active")
        self.assertEqual(self.root.verdict(), "pass")
        self.assertEqual(self.root.must("stat", "-c", "%U:%G %a", "/run/milter-manager/milter-manager.sock"),
                         "milter-manager:milter-manager 660\n")

    def test_it_has_no_rights(self):
        status = self.main_process()
        uid = self.root.must("id", "-u", "milter-manager").strip()
        self.assertEqual(status["Uid"], [uid] * 4)
        self.assertEqual(status["NoNewPrivs"], ["1"])
        self.assertEqual(status["Seccomp"], ["2"])
        self.assertEqual({status[name][0].strip("0") for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")}, {""})

    def test_blocks_of_ruby_and_other_milters_work_inside_the_limits(self):
        self.addCleanup(self.root.without, self.root.child("--reject-at", "envelope-recipient"))
        self.local(CHAIN)
        self.systemctl("reload", UNITS[0])
        until(lambda: self.root.verdict() == "reject", "the verdict of the milter that the reload added")
        self.assertEqual(self.root.verdict("-f", "not-this@example.com"), "accept", "the block was asked, and ran a program")

    def test_a_wrong_configuration_fails_the_reload_and_changes_nothing(self):
        self.local("manager.no_such_setting = 1\n")
        pid = self.shown("MainPID")
        self.systemctl("reload", UNITS[0], status=1)
        self.assertIn("no_such_setting", self.journal())
        self.assertEqual((self.shown("ActiveState"), self.shown("MainPID"), self.root.verdict()), ("active", pid, "pass"))

    def test_a_wrong_configuration_does_not_start_and_is_not_tried_again(self):
        self.systemctl("stop", *UNITS)
        self.local("manager.no_such_setting = 1\n")
        self.systemctl("start", UNITS[0], status=1)
        self.assertEqual((self.shown("ExecMainStatus"), self.shown("NRestarts"), self.shown("ActiveState")), ("78", "0", "failed"))
        self.systemctl("reset-failed", UNITS[0])

    def test_nobody_is_refused_while_it_restarts(self):
        verdicts, done = [], threading.Event()

        def mails():
            while not done.is_set():
                verdicts.append(self.root.verdict())

        sender = threading.Thread(target=mails)
        sender.start()
        try:
            for _ in range(3):
                pid = self.shown("MainPID")
                self.systemctl("restart", UNITS[0])
                self.assertNotEqual(self.shown("MainPID"), pid)
                before = len(verdicts)
                until(lambda: len(verdicts) > before + 1, "mails after the restart")
        finally:
            done.set()
            sender.join()
        self.assertEqual(set(verdicts), {"pass"}, self.root.run("journalctl", "--no-pager", "--lines=40", "--output=short-monotonic").stdout)

    def test_with_the_drop_in_it_starts_milters_as_users_of_theirs(self):
        self.systemctl("stop", *UNITS)
        copy_drop_in(self.root)
        self.addCleanup(self.systemctl, "daemon-reload")
        self.addCleanup(shutil.rmtree, self.root / DROP_INS)
        self.systemctl("daemon-reload")
        self.local(PRIVILEGED)
        self.systemctl("start", UNITS[0])
        self.addCleanup(self.root.run, "pkill", "-x", "milter-test-cli")
        self.addCleanup(self.systemctl, "stop", *UNITS)
        until(lambda: self.root.verdict() == "reject", "the verdict of the milter that it has started")
        self.assertEqual(self.root.must("ps", "-C", "milter-test-cli", "-o", "user="), "mail\n")
        uid = self.root.must("id", "-u", "milter-manager").strip()
        self.assertEqual(self.main_process()["Uid"], [uid] * 4)

    def test_what_crashes_is_started_again(self):
        self.systemctl("kill", "--signal=KILL", UNITS[0])
        until(lambda: self.shown("NRestarts") != "0" and self.shown("ActiveState") == "active", "another start")
        self.assertEqual(self.root.verdict(), "pass")

    def test_stopped_it_is_gone_in_good_order(self):
        self.systemctl("stop", *UNITS)
        self.assertEqual((self.shown("ActiveState"), self.shown("Result"), self.shown("ExecMainStatus")), ("inactive", "success", "0"))


if __name__ == "__main__":
    private_host.start_again_inside()
    unittest.main()
