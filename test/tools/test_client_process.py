#!/usr/bin/env python3
"""milter-test-client as a process: user and group, background, workers, log (tools E)."""

import grp
import os
import pwd
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from programs import CLIENT, PATIENCE, Folder, run_client

sys.path.append(str(Path(__file__).resolve().parents[1] / "faults"))
from peers.system_log import SystemLog  # noqa: E402

NOBODY = pwd.getpwnam("nobody")


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it does not happen")
        time.sleep(0.005)


def ids(pid, kind):
    """Real, effective and saved ids: "Uid" or "Gid"."""
    status = Path(f"/proc/{pid}/status").read_text()
    return {int(one) for one in re.search(rf"^{kind}:\s+(.*)$", status, re.M)[1].split()[:3]}


class Users(Folder):
    @unittest.skipUnless(os.geteuid() == 0, "only root changes its user")
    def test_root_becomes_nobody_or_who_was_named(self):
        mail = grp.getgrnam("mail").gr_gid
        for options, uid, gid in [(["--user=nobody"], NOBODY.pw_uid, NOBODY.pw_gid), (["-u", "root"], 0, 0),
                                  (["-u", "mail"], pwd.getpwnam("mail").pw_uid, mail),
                                  (["--user-name=mail", "--group-name=daemon"], pwd.getpwnam("mail").pw_uid, grp.getgrnam("daemon").gr_gid),
                                  ([f"--user-id={NOBODY.pw_uid}", f"--group-id={mail}"], NOBODY.pw_uid, mail),
                                  (["-g", "mail", "--user=nobody"], NOBODY.pw_uid, mail)]:
            with self.subTest(options=options):
                client = self.client(*options)
                self.assertEqual(client.server().answer, "pass") # who answers has become who it is to be
                self.assertEqual((ids(client.process.pid, "Uid"), ids(client.process.pid, "Gid")), ({uid}, {gid}))
                self.assertEqual(os.stat(client.spec.removeprefix("unix:")).st_uid, uid)

    @unittest.skipUnless(os.geteuid() == 0, "only root changes its user")
    def test_without_a_user_root_does_not_stay_root(self):
        pid_file = self.folder / "pid"
        with subprocess.Popen([CLIENT, "-s", f"unix:{self.folder}/s", "--pid-file", pid_file], stdout=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: pid_file.exists() and ids(process.pid, "Uid") == {NOBODY.pw_uid})
            finally:
                process.terminate()
            self.assertEqual(process.wait(PATIENCE), 0)

    @unittest.skipUnless(os.geteuid() == 0, "only root changes its user")
    def test_who_is_not_known_cannot_be(self):
        for option, text in [("--user=nobody-here", "failed to find password entry for effective user: nobody-here"),
                             ("--group=none-here", "failed to find group entry for effective group: none-here")]:
            result = run_client("-s", f"unix:{self.folder}/s", option)
            self.assertEqual((result.stderr, result.status), (f"failed to drop privilege: {text}\n", 1))

    @unittest.skipUnless(os.geteuid() == 0, "only root gives files away")
    def test_the_group_of_the_socket_by_its_new_and_its_old_name(self):
        for option in ("--unix-socket-group=mail", "--socket-group-name=mail"):
            client = self.client(option)
            self.assertEqual(os.stat(client.spec.removeprefix("unix:")).st_gid, grp.getgrnam("mail").gr_gid)
            errors = client.stop().stderr
            self.assertEqual(errors, "" if "unix" in option else
                             "[client][option][deprecated][--socket-group-name] use --unix-socket-group instead\n")


class Background(Folder):
    def test_it_returns_once_it_listens_and_leaves_nothing_behind(self):
        user = ["--user=root"] if os.geteuid() == 0 else []
        done = subprocess.run([CLIENT, "-s", "unix:s", "--pid-file", "pid", "--record", "record", "--daemon", *user], cwd=self.folder,
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        pid = int((self.folder / "pid").read_text())
        self.addCleanup(lambda: Path(f"/proc/{pid}").exists() and os.kill(pid, signal.SIGKILL))
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        self.assertEqual({os.readlink(f"/proc/{pid}/fd/{number}") for number in (0, 1, 2)}, {"/dev/null"})
        self.assertTrue(stat.S_ISSOCK(os.stat(self.folder / "s").st_mode))
        self.assertEqual(subprocess.run([os.environ["MILTER_TEST_SERVER"], "-s", f"unix:{self.folder}/s"], capture_output=True,
                                        timeout=PATIENCE, check=False).returncode, 0)
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not (self.folder / "pid").exists() and not (self.folder / "s").exists())
        self.assertIn("mta quit", (self.folder / "record").read_text())

    def test_a_place_that_cannot_be_listened_on_is_said_in_the_foreground(self):
        result = run_client("-s", "unix:/none/s", "--daemon")
        self.assertIn("unix:/none/s: No such file or directory", result.stderr)
        self.assertEqual(result.status, 1)


class Workers(Folder):
    def test_several_processes_accept_from_one_socket_and_end_together(self):
        client = self.client("--n-workers=3")
        children = Path(f"/proc/{client.process.pid}/task/{client.process.pid}/children")
        wait_until(lambda: len(children.read_text().split()) == 3)
        workers = children.read_text().split()
        for _ in range(6):
            self.assertEqual(client.server().answer, "pass")
        result = client.stop()
        self.assertEqual((result.status, result.stderr, result.stdout.count("finished\n")), (0, "", 6))
        self.assertEqual([one for one in workers if Path(f"/proc/{one}").exists()], [])
        self.assertFalse(os.path.exists(client.spec.removeprefix("unix:")))

    def test_a_worker_that_dies_ends_all(self):
        client = self.client("--n-workers=2")
        children = Path(f"/proc/{client.process.pid}/task/{client.process.pid}/children")
        wait_until(lambda: len(children.read_text().split()) == 2)
        first = int(children.read_text().split()[0])
        os.kill(first, signal.SIGKILL)
        _, errors = client.process.communicate(timeout=PATIENCE)
        self.assertEqual((client.process.returncode, errors.decode()), (1, f"worker {first} has ended; so do all\n"))


class Log(Folder):
    def test_levels_and_places(self):
        path = self.folder / "log"
        for options, where, lines in [
                (["--log-level=info"], "stderr", 1), (["-v"], "stderr", 1), (["-q"], "stderr", 0), ([], "stderr", 0),
                (["--log-level=none"], "stderr", 0), (["-v", f"--log-path={path}"], "file", 1), (["-v", "--log-path=-"], "stdout", 1)]:
            with self.subTest(options=options):
                path.unlink(missing_ok=True)
                (self.folder / "pid").unlink(missing_ok=True)
                process = subprocess.Popen([CLIENT, "--event-loop-backend=libev", "--packet-buffer-size=1", *options,
                                            "--max-pending-finished-sessions=1", f"--pid-file={self.folder}/pid",
                                            *(["--user=root"] if os.geteuid() == 0 else [])],
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                wait_until(lambda: (self.folder / "pid").exists() or process.poll() is not None)
                process.terminate()
                out, errors = process.communicate(timeout=PATIENCE)
                text = {"stdout": out, "stderr": errors, "file": path.read_text() if path.exists() else ""}[where]
                # Said before it listens: whoever has this port does not matter.
                self.assertEqual(text.count("[client][connection-spec][default] <inet:10025@[127.0.0.1]>\n"), lines, (out, errors))

    def test_a_log_that_cannot_be_opened(self):
        result = run_client("-s", f"unix:{self.folder}/s", "--log-path=/none/log")
        self.assertEqual((result.stderr, result.status), ("failed to open log file: /none/log: No such file or directory\n", 1))

    def test_errors_go_to_the_log(self):
        path = self.folder / "log"
        client = self.client(f"--log-path={path}")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(client.spec.removeprefix("unix:"))
            connection.sendall(b"\0\0\0\1Z")
            connection.recv(1)
        self.assertEqual(client.stop().stderr, "")
        self.assertRegex(path.read_text(), r"^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\]: ERROR: .*\n$")

    @unittest.skipUnless(os.geteuid() == 0, "only root gives a process a /dev/log of its own")
    def test_the_system_log_gets_errors_with_their_facility(self):
        for option, facility in [([], 2), (["--syslog-facility=local3"], 19)]:
            with self.subTest(option=option), tempfile.TemporaryDirectory(dir=self.folder) as home, SystemLog(Path(home)) as log:
                wrapper = Path(home) / "client"
                wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, log.prefix))} {CLIENT} "$@"\n')
                wrapper.chmod(0o755)
                with mock.patch("programs.CLIENT", str(wrapper)):
                    client = self.client("--syslog", *option)
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.connect(client.spec.removeprefix("unix:"))
                    connection.sendall(b"\0\0\0\1Z")
                    connection.recv(1)
                self.assertEqual(client.stop().status, 0)
                wait_until(lambda: log.packets)
                self.assertRegex(log.packets[0].decode(), rf"^<{facility * 8 + 3}>.* milter-test-client\[{client.process.pid}\]: ERROR: ")

    def test_help_of_the_older_group(self):
        self.assertIn("--connection-spec", run_client("--help-milter").stdout)


if __name__ == "__main__":
    unittest.main()
