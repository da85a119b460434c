#!/usr/bin/env python3
"""milter-test-server: many sessions at once and what came of them; results as JSON."""

import json
import os
import pty
import re
import subprocess
import time
import unittest

from programs import PATIENCE, SERVER, Folder, run_server

TABLE = re.compile(r"^(\S+) +(\d+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)$", re.MULTILINE)


class Load(Folder):
    def test_every_session_is_counted_and_each_stage_has_its_times(self):
        client = self.client("--no-report-request")
        result = client.server("--repeat=60", "--concurrency=7")
        self.assertEqual((result.status, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"\Asessions: 60 in [\d.]+ seconds, [\d.]+ per second, 0 failed\n +60 pass\n\n")
        rows = {name: [float(one) for one in rest] for name, *rest in TABLE.findall(result.stdout)}
        self.assertEqual(list(rows), ["negotiate", "connect", "helo", "envelope-from", "envelope-recipient", "data",
                                      "header", "end-of-header", "body", "end-of-message", "session"])
        for name, (count, p50, p90, p99, most) in rows.items():
            self.assertEqual(count, 120 if name == "header" else 60, name)
            self.assertTrue(0 < p50 <= p90 <= p99 <= most, name)

    def test_a_delay_is_in_the_stage_that_has_it_and_sessions_run_at_the_same_time(self):
        client = self.client("--delay=helo=0.2")
        begun = time.monotonic()
        result = client.server("--repeat=20", "--concurrency=20", "--json")
        self.assertLess(time.monotonic() - begun, 20 * 0.2)
        stages = json.loads(result.stdout)["stages"]
        self.assertGreaterEqual(stages["helo"]["p50_ms"], 199)
        self.assertLess(stages["envelope-from"]["p50_ms"], stages["helo"]["p50_ms"])
        self.assertGreaterEqual(stages["session"]["max_ms"], stages["helo"]["max_ms"])

    def test_the_rate_is_kept(self):
        begun = time.monotonic()
        told = json.loads(self.client().server("--repeat=11", "--rate=20", "--json").stdout)
        self.assertGreaterEqual(time.monotonic() - begun, 0.5)
        self.assertGreaterEqual(told["elapsed_s"], 0.5)
        self.assertEqual((told["sessions"], told["statuses"]), (11, {"pass": 11}))

    def test_answers_and_failures_are_counted_and_decide_the_status(self):
        other = self.client("--reject-at=helo").server("--repeat=5", "--expect=pass", "--json")
        told = json.loads(other.stdout)
        self.assertEqual((other.status, told["statuses"], told["failed"]), (2, {"reject": 5}, 5))
        self.assertEqual(told["failures"], {"the status is reject, expected was pass": 5})
        closed = self.client("--close-at=helo").server("--repeat=3", "--concurrency=2")
        self.assertEqual(closed.status, 1)
        self.assertIn("         3 failed: connection lost at helo: the milter closed the connection\n", closed.stdout)

    def test_scripts_are_repeated_each(self):
        for name, answer in ("a", "continue"), ("b", "reject"):
            (self.folder / name).write_text(f"mta helo x\nexpect {answer}\n")
        scripts = [f"--script={self.folder}/{name}" for name in "ab"]
        result = self.client().server(*scripts, "--repeat=4", "--concurrency=3")
        self.assertEqual(result.status, 2)
        self.assertRegex(result.stdout, r"\Asessions: 8 .* 4 failed\n +4 as expected\n")
        self.assertIn(f"         4 failed: {self.folder}/b:2: the answer to `helo x` is another", result.stdout)

    def test_a_terminal_sees_the_progress_and_nobody_else(self):
        client = self.client("--delay=helo=0.05")
        leader, follower = pty.openpty()
        self.addCleanup(os.close, leader)
        done = subprocess.run([SERVER, "-s", client.spec, "--repeat=12"], stdout=subprocess.PIPE, stderr=follower,
                              timeout=PATIENCE)
        os.close(follower)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(os.read(leader, 65536).decode(), r"\r\x1b\[K\d+ of 12 sessions, 0 failed, \d+ per second")
        self.assertEqual(client.server("--repeat=12", "--concurrency=12").stderr, "")

    def test_numbers_that_are_none(self):
        for option in ["--repeat=0", "--repeat=-1", "--concurrency=x", "--rate=0", "--rate=nan", "--rate=", "--repeat="]:
            with self.subTest(option=option):
                result = run_server(option, spec="inet:1@127.0.0.1")
                self.assertRegex(result.stderr, option.split("=")[0] + ": not a number ")
                self.assertEqual((result.stdout, result.status), ("", 1))
        self.assertEqual(run_server("--repeat=2", "-t2", spec="inet:1@127.0.0.1").status, 1)

    def test_a_full_disk(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([SERVER, "-s", self.client().spec, "--repeat=2"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual((done.returncode, done.stderr), (1, "cannot write to standard output: No space left on device\n"))

    def test_a_closed_standard_output(self):
        spec = self.client().spec
        for options in [], ["--repeat=2"], ["--json"]:
            with self.subTest(options=options):
                done = subprocess.run(["sh", "-c", 'exec "$0" "$@" >&-', SERVER, "-s", spec, *options],
                                      stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
                self.assertEqual((done.returncode, done.stderr), (1, "cannot write to standard output: Bad file descriptor\n"))


class Json(Folder):
    def test_a_result_with_all_that_the_milter_changed(self):
        client = self.client("--add-header=X-A:caf\u00e9", "--add-recipient=<n@example.com>", "--delete-recipient=<receiver@example.org>",
                             "--change-from=<new@example.net>", "--replace-body=new", "--quarantine=odd")
        told = json.loads(client.server("--json", "--header=Subject:hi").stdout)
        self.assertEqual((told["status"], told["quarantine_reason"]), ("quarantine", "odd"))
        message = told["message"]
        self.assertEqual((message["sender"], message["sender_changed"]), ("<new@example.net>", True))
        self.assertEqual(message["recipients"], [{"address": "<receiver@example.org>", "is": "removed"},
                                                 {"address": "<n@example.com>", "is": "added"}])
        self.assertEqual(message["headers"][0], {"name": "Subject", "value": "hi", "is": "kept"})
        self.assertEqual(message["headers"][-1], {"name": "X-A", "value": "caf\u00e9", "is": "added"})
        self.assertEqual((message["body_replaced"], message["body"]), (True, "new"))

    def test_bytes_that_are_no_text_are_still_json(self):
        client = self.client("--quarantine=x")
        bad = b"a\xffb\xc3\x28\xed\xa0\x80\xe2\x82\xac"
        done = subprocess.run([SERVER, "-s", client.spec, "--json", b"--header=X:" + bad], stdout=subprocess.PIPE)
        fields = json.loads(done.stdout.decode("utf-8"))["message"]["headers"]
        self.assertEqual(fields[0]["value"], "a\ufffdb\ufffd(\ufffd\ufffd\ufffd\u20ac")

    def test_refusals_failures_and_scripts(self):
        told = json.loads(self.client("--reply-at=helo=550 5.7.1 no").server("--json").stdout)
        self.assertEqual((told["status"], told["reply"]), ("reject", "550 5.7.1 no"))
        failed = self.client("--close-at=helo").server("--json")
        self.assertEqual(failed.status, 1)
        self.assertEqual(json.loads(failed.stdout), {"failure": "connection lost at helo: the milter closed the connection"})
        script = self.folder / "s"
        script.write_text("mta helo x\nexpect reject\n")
        told = json.loads(self.client().server("--json", f"--script={script}").stdout)
        self.assertEqual((told["script"], told["result"], told["answers"], told["compared"]), (str(script), "otherwise", 2, 1))
        self.assertTrue(told["complaint"].startswith(f"{script}:2: "))


if __name__ == "__main__":
    unittest.main()
