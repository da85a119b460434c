#!/usr/bin/env python3
"""./quickstart on programs that are already built (MILTER_BUILD_DIR): the table, the status, and that nothing is left."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tool"))

from demo import programs


class Quickstart(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.host = pathlib.Path(folder.name) / "host"  # as seen by detection
        self.host.mkdir()
        self.temporary = pathlib.Path(folder.name) / "tmp"
        self.temporary.mkdir()
        self.temporary.chmod(0o755)
        pathlib.Path(folder.name).chmod(0o755)
        self.environment = os.environ | {"MILTER_DETECT_BELOW": str(self.host), "TMPDIR": str(self.temporary)}
        self.assertIn("MILTER_BUILD_DIR", self.environment, "says where the programs are")

    def quickstart(self, *options):
        done = subprocess.run([ROOT / "quickstart", "--yes", *options], env=self.environment, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=100)
        self.assertEqual((done.stderr, done.returncode), ("", 0), done.stdout)
        return done.stdout

    def assertTable(self, output, *rows):
        for row in rows:
            self.assertRegex(output, "(?m)^" + row + "$")

    def test_a_host_without_milters_gets_two_children_and_the_eicar_mail_is_refused(self):
        output = self.quickstart()
        self.assertIn("no milter runs on this host", output)
        self.assertTable(output, r"mail +child +said +ms +final verdict", r"clean +header +\S+ +[\d.]+ +pass",
                         r" +eicar +\S+ +[\d.]+", r"EICAR +header +\S+ +[\d.]+ +reject .*\(by eicar\)", r" +eicar +reject +[\d.]+")
        self.assertEqual(list(self.temporary.iterdir()), [], "something is left behind")

    def test_a_milter_that_runs_on_the_host_is_used_and_a_stopped_one_is_named(self):
        port = programs.free_port()
        host = programs.Programs(self.temporary)
        self.addCleanup(host.stop)
        client = programs.find_program(self.environment["MILTER_BUILD_DIR"], "milter-test-client")
        host.start("client", [client, "-s", f"inet:{port}@[127.0.0.1]", "--no-report-request"], port)
        (self.host / "etc").mkdir()
        (self.host / "etc" / "opendkim.conf").write_text(f"Socket inet:{port}@127.0.0.1\n")
        (self.host / "etc" / "opendmarc.conf").write_text(f"Socket inet:{programs.free_port()}@127.0.0.1\n")
        output = self.quickstart()
        self.assertRegex(output, r"found opendmarc at \S+: it does not listen, left out")
        self.assertTable(output, r"clean +opendkim +\S+ +[\d.]+ +pass", r"EICAR +opendkim +\S+ +[\d.]+ +pass")

    def test_when_the_port_is_taken_another_one_is_used_and_named(self):
        if programs.is_free(10025):
            holder = socket.create_server(("127.0.0.1", 10025))
            self.addCleanup(holder.close)
        self.assertRegex(self.quickstart(), r"port 10025 is taken on this host: using \d+")

    def test_serve_stays_until_term_and_prints_the_lines_for_the_mtas(self):
        with subprocess.Popen([ROOT / "quickstart", "--yes", "--serve"], env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as serving:
            seen = ""
            for line in serving.stdout:
                seen += line
                if line.startswith("Stop with"):
                    break
            port = re.search(r"(?m)^smtpd_milters = inet:127\.0\.0\.1:(\d+)$", seen)
            self.assertTrue(port, seen)
            self.assertIn(f"INPUT_MAIL_FILTER(`milter-manager', `S=inet:{port[1]}@127.0.0.1,", seen)
            self.assertTrue(programs.has_listener(int(port[1])))
            serving.send_signal(signal.SIGTERM)
            rest = serving.stdout.read()
        self.assertEqual((serving.returncode, rest), (0, "stopping\n"))
        self.assertFalse(programs.has_listener(int(port[1])))
        self.assertEqual(list(self.temporary.iterdir()), [], "something is left behind")


if __name__ == "__main__":
    unittest.main()
