#!/usr/bin/env python3
"""Options of the programs that no other file here tries: each is used, and what it does is looked at (tools A to D, logs 6)."""
import json
import os
import pty
import re
import subprocess
import time
import unittest

import test_log_analyzer as analyzer
import test_performance_check as check
from programs import PATIENCE, SERVER, Folder
from test_log_analyzer import session_end, syslog

GREEN = "\x1b[01;32m+ X: y\x1b[00m"


class Colors(Folder):
    def is_coloured(self, spec, *options, term="xterm", terminal=False):
        """What --output-message shows of an added header."""
        words = [SERVER, "-s", spec, "--output-message", *options]
        environment = {**os.environ, "TERM": term}
        if not terminal:
            done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=True)
            text = done.stdout
        else:
            ours, theirs = pty.openpty()
            process = subprocess.Popen(words, env=environment, stdout=theirs)
            os.close(theirs)
            text = ""
            with open(ours, "rb", buffering=0) as screen:
                try:
                    while some := screen.read(4096):
                        text += some.decode()
                except OSError:  # how a terminal ends
                    pass
            self.assertEqual(process.wait(PATIENCE), 0)
        self.assertIn("+ X: y", text)
        self.assertEqual(GREEN in text, "\x1b" in text)
        return GREEN in text

    def test_by_option_or_by_the_terminal(self):
        spec = self.client("--add-header=X:y", "--no-report-request").spec
        for option in ("--color", "--color=yes", "--color=true"):
            self.assertTrue(self.is_coloured(spec, option, term="dumb"), option)
        for option in ("--color=no", "--color=false"):
            self.assertFalse(self.is_coloured(spec, option, terminal=True), option)
        for term in ("xterm", "xterm-256color", "eterm-color", "screen", "linux"):
            self.assertTrue(self.is_coloured(spec, "--color=auto", term=term, terminal=True), term)
        for term in ("dumb", "vt100", ""):
            self.assertFalse(self.is_coloured(spec, term=term, terminal=True), term)
        self.assertFalse(self.is_coloured(spec, "--color=auto"))
        self.assertTrue(self.is_coloured(spec, terminal=True))


class Client(Folder):
    def test_no_daemon_takes_daemon_back(self):
        client = self.client("--daemon", "--no-daemon")
        self.assertEqual(client.server().answer, "pass")
        self.assertIn("helo: <delian>\n", client.stop().stdout)


class PerformanceCheck(check.PerformanceCheck):
    def test_login_is_done_in_the_way_that_was_named(self):
        for name, said in [("login", "AUTH LOGIN"), ("plain", "AUTH PLAIN"), ("cram_md5", "AUTH CRAM-MD5"), ("cram-md5", "AUTH CRAM-MD5")]:
            with self.subTest(mechanism=name):
                session, result = self.one("--auth-user=me", "--auth-password=x", f"--auth-mechanism={name}",
                                           answers={"AUTH": "535 no"}, offers=("AUTH LOGIN PLAIN CRAM-MD5",))
                self.assertTrue(session.said("AUTH")[0].startswith(said), session.lines)
                self.assertEqual((result["reject"], result["failures"]), (1, {"535 no": 1}))

    def test_times_have_units(self):
        for text in ("0.06", "0.06s", "0.06sec", "0.06 second", "0.06seconds", "0.001m", "0.001min", "0.001 minute", "0.001minutes",
                     "0.0000167h", "0.0000167hour", "0.0000167 hours"):
            with self.subTest(interval=text), check.Server() as server:
                taken = float(check.SUMMARY.search(self.run_it(server, "--n-mails=3", f"--interval={text}").stdout.decode())[2])
                self.assertEqual(len(server.sessions), 3)
                self.assertTrue(0.11 <= taken < 5, taken)  # an hour for a minute is 7.2, a minute for an hour is 0

    def test_no_shuffle_keeps_the_order_of_the_names(self):
        for number in range(30):
            self.file(f"d/{number:02}", b"From: %02d@x\n\nx\n" % number)
        with check.Server() as server:
            self.run_it(server, "--shuffle", "--no-shuffle", self.home / "d")
        self.assertEqual([f"MAIL FROM:<{number:02}@x>" for number in range(30)], [one.said("MAIL")[0] for one in server.sessions])

    def test_no_report_of_failures(self):
        with check.Server({"MAIL": "550 no"}) as server:
            done = self.run_it(server, "--n-mails=1", "--report-failure-responses", "--no-report-failure-responses")
        self.assertTrue(check.SUMMARY.fullmatch(done.stdout.decode()), done.stdout)

    def test_the_table_counts_failures_a_second_long(self):
        answers = iter(["450 later", "550 no", "", "250 ok"])
        with check.Server({"MAIL": lambda _: next(answers)}) as server:
            text = self.run_it(server, "--n-mails=4", "--interval=0.4", "--report-periodically").stdout.decode()
        rows = [line.split() for line in text[:text.index("Total:")].splitlines()[1:] if line]
        self.assertTrue(2 <= len(rows) <= 5, text)
        seconds = [sum(int(part) * size for part, size in zip(row[0].split(":"), (3600, 60, 1))) for row in rows]
        self.assertIn((seconds[1] - seconds[0]) % 86400, range(6))  # the second one may be the rest at the end
        sums = [sum(int(row[column]) for row in rows) for column in (1, -3, -2, -1)]
        self.assertEqual([4, 1, 1, 1], sums, text)

    def test_the_ten_slowest_files_come_first(self):
        paths = [self.file(f"d/{number:02}", b"From: %02d@x\n\nx\n" % number) for number in range(12)]

        def mail(line):
            time.sleep(0.9 if "07@" in line else 0.4 if "03@" in line else 0)
            return "250 ok"

        with check.Server({"MAIL": mail}) as server:
            text = self.run_it(server, self.home / "d").stdout.decode()
        slowest = re.findall(r"(?m)^ (\d\.\d\d) \(sec\): (.+)$", text)
        self.assertEqual(([str(paths[7]), str(paths[3])], 10, 10), ([path for _, path in slowest[:2]], len(slowest), len(set(slowest))))
        self.assertEqual(sorted(slowest, key=lambda one: -float(one[0]))[:2], slowest[:2])
        self.assertTrue(text.startswith(f" {slowest[0][0]} (sec): {paths[7]}\n"))

    def test_without_force_a_mail_keeps_its_addresses(self):
        named = self.file("one", b"From: a@x\nTo: b@y\n\nx\n")
        session, _ = self.one(named, "--from=other@x", "--recipient=other@y")
        self.assertEqual(["MAIL FROM:<a@x>", "RCPT TO:<b@y>"], session.lines[1:3])
        unnamed = self.file("two", b"Subject: x\n\nx\n")
        session, _ = self.one(unnamed, "--from=other@x", "--recipient=other@y")
        self.assertEqual(["MAIL FROM:<other@x>", "RCPT TO:<other@y>"], session.lines[1:3])

    def test_the_server_by_name(self):
        with check.Server() as server:
            done = subprocess.run([check.PROGRAM, "--smtp-server=localhost", f"--smtp-port={server.port}", "--n-mails=1", "--json"],
                                  capture_output=True, check=True, timeout=PATIENCE)
        self.assertEqual((1, 1), (json.loads(done.stdout)["sent"], len(server.sessions)))


class Analyzer(analyzer.Analyzer):
    def logged(self, minutes_ago, *texts):
        return "".join(syslog(text, self.now - minutes_ago * 60) for text in texts).encode()

    def test_no_update_db_only_draws(self):
        folder = self.home / "made/by/it"
        self.run_it("--output-directory", folder, log=self.logged(30, session_end("pass", 1)))
        before = {path.name: path.read_bytes() for path in folder.glob("*.rrd")}
        self.assertEqual({"session.rrd", "milter-manager.status.rrd", "milter-manager.report.rrd"}, set(before))
        pictures = sorted(path.name for path in folder.glob("*.png"))
        for path in (*folder.glob("*.png"), folder / "index.html"):
            path.unlink()
        self.run_it("--no-update-db", "--output-directory", folder, log=self.logged(5, session_end("reject", 2)))
        self.assertEqual(before, {path.name: path.read_bytes() for path in folder.glob("*.rrd")})
        self.assertEqual(pictures, sorted(path.name for path in folder.glob("*.png")))
        self.assertTrue((folder / "index.html").exists())

    def test_a_summary_and_the_files(self):
        for option in (["--update-db"], ["--output-directory", "."]):
            with self.subTest(option=option):
                done = self.run_it("--json", *option, log=self.logged(30, session_end("pass", 1)), cwd=self.home)
                self.assertEqual(1, json.loads(done.stdout)["counted"])
                (self.home / "session.rrd").unlink()
        self.run_it("--json", log=self.logged(30, session_end("pass", 1)), cwd=self.home)
        self.assertFalse((self.home / "session.rrd").exists())

    def test_the_page_shows_the_manager_and_then_the_children_as_they_appeared(self):
        end = "[milter][end][connect][pass][0.01](2): "
        self.run_it("--output-directory", self.home, log=self.logged(30, end + "zeta one", session_end("pass", 1), end + "alpha"))
        page = (self.home / "index.html").read_text()
        self.assertRegex(page, r'(?i)<meta http-equiv="refresh" content="300"')
        self.assertEqual(["Last Day", "Last Week", "Last Month", "Last Year"], re.findall(r"<h2[^>]*>([^<]*)</h2>", page))
        shown = re.findall(r'src="([^"]+)"', page)
        names = ["milter-manager.status", "milter-manager.report", "milter.status.zeta_one", "milter.report.zeta_one", "milter.status.alpha",
                 "milter.report.alpha"]
        for at, span in enumerate(("day", "week", "month", "year")):
            part = shown[at * len(shown) // 4:(at + 1) * len(shown) // 4]
            self.assertEqual([name for name in (f"{one}.{span}.png" for one in names) if (self.home / name).exists()], part)
            self.assertIn(f"milter.status.alpha.{span}.png", part)


if __name__ == "__main__":
    unittest.main()
