"""The Debian package in a clean root: installed, run by its init script, used, removed, purged."""
import os
import stat
import unittest

import packages
from private_root import PrivateRoot, private_host, runs, status_of, until

LOG = "var/log/milter-manager/milter-manager.log"
CHAIN = 'define_milter("one") { |milter| milter.connection_spec = "unix:/run/milter-manager/child.sock" }\n'
# LSB's statuses of `status` (3) and of actions (6, 7).
NOT_RUNNING, NOT_CONFIGURED, NOT_RUNNING_FOR_RELOAD = 3, 6, 7


def booted(root):
    """What sysvinit-core brings, as far as invoke-rc.d asks for it: this host starts services, and is in run level 2."""
    for name, text in (("init", "exit 1"), ("runlevel", "echo N 2")):
        (root / "usr/sbin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (root / "usr/sbin" / name).chmod(0o755)


def install_deb(root):
    booted(root)
    (root / "tmp/milter-manager.deb").write_bytes(packages.deb().read_bytes())
    root.must("dpkg", "--install", "/tmp/milter-manager.deb")


class Service(unittest.TestCase):
    def setUp(self):
        self.root = PrivateRoot()

    def service(self, word, status=0):
        return self.root.must("service", "milter-manager", word, status=status)

    def pid(self):
        return int((self.root / "run/milter-manager/milter-manager.pid").read_text())

    def events(self, name):
        return [line for line in (self.root / LOG).read_text().splitlines() if f" {name} " in f"{line} "]

    def log_to_a_file(self):
        (self.root / "etc/default/milter-manager").write_text(
            f'OPTION_ARGS="--log-path=/{LOG} --log-level=default|info"\n')

    def test_installed_it_runs_as_its_own_user(self):
        install_deb(self.root)
        self.service("status")
        self.assertEqual(self.root.verdict(), "pass")
        uid = int(self.root.must("id", "-u", "milter-manager"))
        self.assertEqual(status_of(self.pid())["Uid"], [str(uid)] * 4)
        found = os.stat(self.root / "run/milter-manager/milter-manager.sock")
        self.assertTrue(stat.S_ISSOCK(found.st_mode))
        self.assertEqual((found.st_uid, stat.S_IMODE(found.st_mode)), (uid, 0o660))
        self.assertEqual(self.root.run("su", "-s", "/bin/sh", "-c", "cat /etc/shadow", "milter-manager").returncode, 1)

    def test_start_stop_status_restart(self):
        install_deb(self.root)
        first = self.pid()
        self.service("start")
        self.assertEqual(self.pid(), first, "a service that runs is not started again")
        self.service("restart")
        second = self.pid()
        self.assertNotEqual(second, first)
        self.service("try-restart")
        self.assertNotEqual(self.pid(), second)
        self.service("stop")
        self.service("status", NOT_RUNNING)
        self.assertFalse((self.root / "run/milter-manager/milter-manager.sock").exists())
        self.assertFalse((self.root / "run/milter-manager/milter-manager.pid").exists())
        self.service("stop")
        self.service("try-restart")
        self.service("status", NOT_RUNNING)
        self.service("reload", NOT_RUNNING_FOR_RELOAD)
        self.service("force-reload")
        self.service("status")
        self.service("nonsense", 2)
        os.kill(self.pid(), 9)
        until(lambda: self.root.run("service", "milter-manager", "status").returncode == 1, "a pid file without a process")
        self.service("start")
        self.service("status")

    def test_reload_takes_what_is_right_and_says_what_is_wrong(self):
        install_deb(self.root)
        local = self.root / "etc/milter-manager/milter-manager.local.conf"
        self.addCleanup(self.root.without, self.root.child("--reject-at", "envelope-recipient"))
        local.write_text(CHAIN)
        pid = self.pid()
        self.service("reload")
        until(lambda: self.root.verdict() == "reject", "the verdict of the milter that the reload added")
        local.write_text("manager.no_such_setting = 1\n")
        self.assertIn("no_such_setting", self.service("configtest", 78))
        self.assertIn("no_such_setting", self.service("reload", NOT_CONFIGURED))
        self.assertIn("no_such_setting", self.service("restart", NOT_CONFIGURED))
        self.assertEqual((self.pid(), self.root.verdict()), (pid, "reject"), "what ran runs on")
        self.service("stop")
        self.service("start", NOT_CONFIGURED)

    def test_the_environment_file_adds_options(self):
        install_deb(self.root)
        self.log_to_a_file()
        with open(self.root / "etc/default/milter-manager", "a") as file:
            file.write("CONNECTION_SPEC=unix:/run/milter-manager/other.sock\nSOCKET_GROUP=mail\n")
        self.service("restart")
        found = os.stat(self.root / "run/milter-manager/other.sock")
        self.assertEqual(self.root.must("getent", "group", str(found.st_gid)).split(":")[0], "mail")
        self.assertEqual(len(self.events("listening")), 1)

    def test_rotation_loses_no_line(self):
        install_deb(self.root)
        self.log_to_a_file()
        self.service("restart")
        rotated, current = self.root / f"{LOG}.1", self.root / LOG
        sent = 0

        def mail():
            nonlocal sent
            self.assertEqual(self.root.verdict(), "pass")
            sent += 1

        def lines():
            both = "".join(file.read_text() for file in (rotated, current) if file.exists())
            return both.count("message_done")

        for _ in range(5):
            mail()
        self.root.must("logrotate", "--debug", "/etc/logrotate.d/milter-manager")
        self.assertFalse(rotated.exists())
        self.root.must("logrotate", "--force", "/etc/logrotate.d/milter-manager")
        until(lambda: mail() or "message_done" in current.read_text(), "a message in the new file")
        self.assertIn("message_done", rotated.read_text())
        until(lambda: lines() >= sent, "all lines")
        self.assertEqual(lines(), sent)
        self.assertEqual(stat.S_IMODE(current.stat().st_mode), 0o640)

    def test_removed_and_purged_it_leaves_nothing(self):
        booted(self.root)
        before = self.root.files()
        install_deb(self.root)
        self.log_to_a_file()
        self.service("restart")
        self.assertEqual(self.root.verdict(), "pass")
        pid = self.pid()
        self.root.must("dpkg", "--remove", "milter-manager")
        self.assertFalse(runs(pid), "it is stopped")
        self.assertTrue((self.root / "etc/milter-manager/milter-manager.conf").exists(), "configuration stays")
        self.assertTrue((self.root / LOG).exists(), "logs stay")
        self.root.must("dpkg", "--purge", "milter-manager")
        left = {path for path in self.root.files() - before if not path.startswith(("var/lib/dpkg/", "var/log/dpkg", "var/cache"))}
        # Of the account, which stays, the files that useradd keeps beside.
        self.assertEqual(left - {"etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-"}, set())
        self.assertFalse((self.root / "run/milter-manager").exists())


if __name__ == "__main__":
    private_host.start_again_inside()
    unittest.main()
