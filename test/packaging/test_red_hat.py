"""The RPM for Red Hat 5 and 6 in a clean root: its files, its account, its init script, and what removal leaves.

The root is Debian's, so what rpm knows of dependencies is not asked, and Red Hat's functions for init scripts are a
stand-in (`functions`). The script runs as Red Hat's /bin/sh would run it, by bash in its POSIX mode, and by dash.
"""
import os
import pathlib
import subprocess
import unittest

import packages
from private_root import PrivateRoot, private_host, runs, status_of, until

SCRIPT = "/etc/rc.d/init.d/milter-manager"
NOT_RUNNING, NOT_RUNNING_FOR_RELOAD, NOT_CONFIGURED = 3, 7, 6
CHAIN = 'define_milter("one") { |milter| milter.connection_spec = "unix:/run/milter-manager/child.sock" }\n'


class RedHat(unittest.TestCase):
    shell = ()

    def setUp(self):
        self.root = PrivateRoot()
        for folder in ("etc/rc.d/init.d", "var/lock/subsys", "run/lock/subsys"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        functions = pathlib.Path(__file__).with_name("functions")
        (self.root / "etc/rc.d/init.d/functions").write_bytes(functions.read_bytes())
        # chkconfig and service: Red Hat's, of which this host has none.
        for name, text in (("chkconfig", 'echo "$*" >>/tmp/chkconfig'), ("service", 'exec "/etc/rc.d/init.d/$1" "$2"')):
            (self.root / f"sbin/{name}").unlink(missing_ok=True)
            (self.root / f"sbin/{name}").write_text(f"#!/bin/sh\n{text}\n")
            (self.root / f"sbin/{name}").chmod(0o755)
        self.rpm("--install", "--nodeps", packages.rpm("sysv"))

    def rpm(self, *words):
        done = subprocess.run(["rpm", f"--root={self.root.path}", *map(str, words)], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("scriptlet failed", done.stderr)

    def script(self, word, status=0):
        return self.root.must(*self.shell, SCRIPT, word, status=status)

    def pid(self):
        return int((self.root / "run/milter-manager/milter-manager.pid").read_text())

    def a_day_of_it(self):
        self.script("status", NOT_RUNNING)
        self.script("condrestart")
        self.script("status", NOT_RUNNING)
        self.script("start")
        self.script("status")
        first = self.pid()
        uid = self.root.must("id", "-u", "milter-manager").strip()
        self.assertEqual(status_of(first)["Uid"], [uid] * 4)
        self.assertEqual(self.root.verdict(), "pass")
        self.script("start")
        self.assertEqual(self.pid(), first)
        self.script("condrestart")
        self.assertNotEqual(self.pid(), first)

        local = self.root / "etc/milter-manager/milter-manager.local.conf"
        milter = self.root.child("--reject-at", "envelope-recipient")
        local.write_text(CHAIN)
        self.script("reload")
        until(lambda: self.root.verdict() == "reject", "the verdict of the milter that the reload added")
        local.write_text("manager.no_such_setting = 1\n")
        self.assertIn("no_such_setting", self.script("reload", NOT_CONFIGURED))
        self.assertIn("no_such_setting", self.script("restart", NOT_CONFIGURED))
        self.assertEqual(self.root.verdict(), "reject", "what ran runs on")
        self.root.without(milter)
        local.unlink()

        self.script("stop")
        self.script("status", NOT_RUNNING)
        self.script("stop")
        self.script("reload", NOT_RUNNING_FOR_RELOAD)
        self.script("nonsense", 2)

    def test_as_red_hats_shell_runs_it(self):
        self.shell = ("bash", "--posix")
        self.a_day_of_it()

    def test_as_dash_runs_it(self):
        self.shell = ("dash",)
        self.a_day_of_it()

    def test_options_of_sysconfig(self):
        (self.root / "etc/sysconfig/milter-manager").write_text(
            'OPTION_ARGS="--unix-socket-mode=0600 --connection-spec=unix:/run/milter-manager/other.sock"\n')
        self.script("start")
        self.assertEqual(os.stat(self.root / "run/milter-manager/other.sock").st_mode & 0o777, 0o600)

    def test_removed_it_is_stopped_and_leaves_only_what_was_edited(self):
        with open(self.root / "etc/milter-manager/milter-manager.conf", "a") as file:
            file.write("# ours\n")
        self.script("start")
        pid = self.pid()
        self.rpm("--erase", "milter-manager")
        self.assertFalse(runs(pid), "it is stopped")
        self.assertEqual((self.root / "tmp/chkconfig").read_text().splitlines(), ["--add milter-manager", "--del milter-manager"])
        self.assertFalse((self.root / "usr/sbin/milter-manager").exists())
        left = [path.name for path in (self.root / "etc/milter-manager").rglob("*") if path.is_file()]
        self.assertEqual(left, ["milter-manager.conf.rpmsave"])


if __name__ == "__main__":
    private_host.start_again_inside()
    unittest.main()
