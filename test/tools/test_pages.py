#!/usr/bin/env python3
"""Every command under EXAMPLES of the manual pages, and of the manual's pages about these programs, is typed and does what
is said there. Only places, ports and long waits are others. (Those of milter-test-server.1 and test-client.md: test_script.py,
test_client_page.py; those of milter-manager: test/cli.)"""
import gzip
import json
import os
import pwd
import re
import shlex
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

import test_log_analyzer as analyzer
import test_performance_check as check
import test_report_statistics as statistics
from programs import CLIENT, PATIENCE, Folder
from test_log_analyzer import session_end, syslog

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs"


def examples(program):
    """The lines under EXAMPLES of its manual page."""
    page = (DOCUMENTS / f"man/{program}.1").read_text()
    return re.search(r"^\.SH EXAMPLES\n\.nf\n(.*?)^\.fi", page, re.M | re.S)[1].replace(r"\-", "-").splitlines()


def blocks(page):
    return re.findall(r"^```\w*\n(.*?)^```$", (DOCUMENTS / f"manual/{page}.md").read_text(), re.M | re.S)


def words_of(line, program):
    first, *words = shlex.split(line, comments=True)
    assert first == program, line
    return words


class TestClient(Folder):
    def setUp(self):
        super().setUp()
        self.lines = examples("milter-test-client")
        page = (DOCUMENTS / "man/milter-test-client.1").read_text()
        script = page[page.index("# Greylists one sender"):]
        (self.folder / "greylist.txt").write_text(script[:script.index(".fi\n")].replace("\\e", "\\"))

    def started(self, number):
        words = words_of(self.lines[number], "milter-test-client")
        if words[0] == "-s":  # the harness has its own place
            words = words[2:]
        return self.client(*[str(self.folder / word) if word.endswith(".txt") else word.replace("=20", "=0.3") for word in words])

    def test_no_example_is_left_out(self):
        self.assertEqual(len(self.lines), 5)

    def test_it_prints_what_is_sent(self):
        client = self.started(0)
        self.assertEqual(client.server().answer, "pass")
        self.assertIn("helo: <delian>\n", client.stop().stdout)

    def test_a_header_and_a_pattern_of_the_body(self):
        client = self.started(1)
        self.assertIn("+ X-Seen: yes\n", client.server("--output-message", "--color=no", "-b", "fine").stdout)
        self.assertEqual(client.server("-b", "xEICARx").answer, "reject")

    def test_a_slow_end(self):
        client = self.started(2)
        begun = time.monotonic()
        self.assertEqual(client.server().answer, "pass")
        self.assertGreaterEqual(time.monotonic() - begun, 0.3)
        self.assertEqual(client.stop().stdout, "")

    def test_a_script_with_json_and_statistics(self):
        client = self.started(3)
        self.assertEqual(client.server("-f", "grey@x").answer, "temporary-failure [451]<4.7.1>(come again)")
        lines = [json.loads(line) for line in client.stop().stdout.splitlines()]
        self.assertEqual((lines[0]["event"], lines[-1]["event"], lines[-1]["sessions"]), ("negotiate", "statistics", 1))

    def test_a_record_made_in_the_background(self):
        mine = pwd.getpwuid(os.geteuid()).pw_name
        line = self.lines[4].replace("/run/", "").replace("--user root", f"--user {mine}")
        subprocess.run([CLIENT, "-s", "unix:s", *words_of(line, "milter-test-client")], cwd=self.folder, check=True, timeout=PATIENCE)
        pid_file = self.folder / "test-client.pid"
        number = int(pid_file.read_text())
        self.addCleanup(lambda: pid_file.exists() and os.kill(number, signal.SIGKILL))
        subprocess.run([os.environ["MILTER_TEST_SERVER"], "-s", f"unix:{self.folder}/s"], check=True, capture_output=True, timeout=PATIENCE)
        os.kill(number, signal.SIGTERM)
        end = time.monotonic() + PATIENCE
        while pid_file.exists():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.005)
        self.assertIn("\nmta helo delian\n", (self.folder / "mails.txt").read_text())


class PerformanceCheck(check.PerformanceCheck):
    def typed(self, line):
        """What it printed, and the sessions of the server."""
        words = [re.sub("^--n-mails=1000$", "--n-mails=50", word) for word in words_of(line, "milter-performance-check")]
        if not any(word.startswith("--n-mails") for word in words):
            words.append("--n-mails=3")
        with check.Server() as server:
            done = subprocess.run([check.PROGRAM, "--smtp-server=127.0.0.1", f"--smtp-port={server.port}", *words], cwd=self.home,
                                  capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), line)
        self.assertEqual({"RCPT TO:<root@localhost>"}, {one for session in server.sessions for one in session.said("RCPT")}, line)
        found = check.SUMMARY.search(done.stdout)
        self.assertEqual(found[1], str(len(server.sessions)), done.stdout)
        return done.stdout, server

    def test_the_examples(self):
        for name in "ab":
            self.file(f"Maildir/cur/{name}", b"From: a@x\nTo: someone@example.com\n\nx\n")
        calls, sample = blocks("performance-check")
        lines = [*examples("milter-performance-check"), *calls.splitlines()]
        self.assertEqual(len(lines), 5)
        for line in lines:
            with self.subTest(line=line):
                text, server = self.typed(line)
                sessions = len(server.sessions)
                self.assertEqual(sessions, 2 if "Maildir" in line else 50 if "n-mails" in line else 3)
                self.assertEqual("    Time  Sent mails/s" in text, "--report-periodically" in line)
                self.assertEqual("Temporary failures:" in text, "--report-failure-responses" in line)
                if "--n-concurrent-connections=20" in line:
                    self.assertTrue(1 < server.most_at_once <= 20, server.most_at_once)
                if "--interval=0.1" in line:
                    self.assertGreaterEqual(float(check.SUMMARY.search(text)[2]), 0.1 * (sessions - 1) - 0.01)
        self.assertTrue(check.SUMMARY.fullmatch(sample), sample)


class ReportStatistics(Folder):
    def test_the_examples(self):
        lines = examples("milter-report-statistics")
        self.assertEqual(len(lines), 2)
        for line in lines:
            words = words_of(line, "milter-report-statistics")
            wanted = next(word for word in words if not word.startswith("-"))
            program = self.folder / wanted
            program.symlink_to(sys.executable)
            code = "import sys; print(flush=True); sys.stdin.read()"
            with self.subTest(line=line), subprocess.Popen([program, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as one:
                one.stdout.readline()
                with subprocess.Popen([statistics.PROGRAM, *words], stdout=subprocess.PIPE, text=True) as watching:
                    shown = ""
                    while not re.search(rf" {one.pid} .* {re.escape(str(program))} ", shown):
                        line = watching.stdout.readline()
                        self.assertTrue(line, shown)
                        shown += line
                    watching.send_signal(signal.SIGINT)
                self.assertEqual(watching.returncode, 0)
                one.stdin.close()


class LogAnalyzer(analyzer.Analyzer):
    def setUp(self):
        super().setUp()
        self.text = syslog(session_end("pass", 1), self.now - 600)
        log = self.home / "var/log"
        log.mkdir(parents=True)
        (log / "mail.log").write_text(self.text)
        (log / "mail.log.1.gz").write_bytes(gzip.compress(self.text.encode()))
        programs = self.home / "usr/bin"
        programs.mkdir(parents=True)
        (programs / "milter-manager-log-analyzer").symlink_to(analyzer.ANALYZER)
        stamp = (self.now - 600) * 1_000_000
        (self.home / "journal").write_text(f"__CURSOR=s=1\n__REALTIME_TIMESTAMP={stamp}\nSYSLOG_IDENTIFIER=milter-manager\n"
                                           f"MESSAGE=[statistics] {session_end('reject', 2)}\n\n")
        fake = programs / "journalctl"
        fake.write_text(f'#!/bin/sh\n[ "$*" = "-o export -t milter-manager" ] && exec cat {self.home}/journal\n')
        fake.chmod(0o755)

    def typed(self, line):
        line = re.sub(r"(?<![\w.-])/(var|usr)/", rf"{self.home}/\1/", line)
        done = subprocess.run(["sh", "-c", line], cwd=self.home, check=False, capture_output=True, text=True, timeout=PATIENCE,
                              env={**os.environ, "PATH": f"{self.home}/usr/bin:{os.environ['PATH']}"})
        self.assertEqual((done.returncode, done.stderr), (0, ""), line)
        return done.stdout

    def test_the_examples(self):
        of_the_page, of_the_journal = examples("milter-manager-log-analyzer")
        calls, crontab = blocks("log-analyzer")
        to_the_web, to_one_page, to_json, to_csv = calls.splitlines()
        self.typed(of_the_page)
        self.assertTrue((self.home / "stat/milter-manager.status.day.png").exists())
        self.typed(to_the_web)
        self.assertTrue((self.home / "var/www/html/milter-manager/index.html").exists())
        self.typed(to_one_page)
        self.assertIn("<td>2</td>", (self.home / "report.html").read_text())
        for line in (of_the_journal, to_json):
            told = json.loads(self.typed(line))
            self.assertEqual((told["counted"], told["tables"]["milter-manager.status"]["reject"]["total"]), (1, 1))
        self.assertIn("\nsession,smtp,1,", self.typed(to_csv))
        times, user, command = re.fullmatch(r"((?:\S+ ){5})(\S+) (.*)\n", crontab).groups()
        self.assertEqual((times, user), ("*/5 * * * * ", "milter-manager"))
        self.assertEqual(self.typed(command), "")
        self.assertTrue((self.home / "var/lib/milter-manager/log/session.rrd").exists())


if __name__ == "__main__":
    unittest.main()
