#!/usr/bin/env python3
"""milter-test-server --script: sessions as text, played against a milter; what differs is named by FILE:LINE."""

import os
import re
import subprocess
import unittest
from pathlib import Path

from programs import SERVER, Folder, agreement, answering, packet, run_server

GREETING = """mta connect mx.example.net 192.0.2.1
mta helo client.example
"""
MESSAGE = """mta mail <a@example.net>
mta rcpt <b@example.com>
mta data
mta header Subject: hello
mta end-of-headers
mta body one\\r\\n
mta end-of-message
"""


class Script(Folder):
    def write(self, text, name="session.txt"):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def play_to(self, milter, text):
        """The result, once the milter has seen the end."""
        return milter.server(f"--script={self.write(text)}")

    def play(self, text, *options, spec):
        return run_server(f"--script={self.write(text)}", *options, spec=spec)

    def assert_as_expected(self, result, answers, compared):
        self.assertEqual((result.status, result.stderr), (0, ""))
        self.assertEqual(result.stdout, f"{self.folder}/session.txt: as expected; {answers} answers, {compared} compared\n")

    def assert_fails(self, result, status, line, text):
        self.assertTrue(result.stderr.startswith(f"{self.folder}/session.txt:{line}: {text}"), result.stderr)
        self.assertIn(f"{self.folder}/session.txt: failed; ", result.stdout)
        self.assertEqual(result.status, status)


class Conversations(Script):
    def test_everything_a_session_has_arrives_in_order(self):
        log = []
        milter = self.milter(answering({}, log=log))
        result = self.play_to(milter, "# all of it\nmta offer v6 actions=all steps=all\nexpect agree v6 actions=all\n"
                           "mta macros C j=mx {daemon_name}=d\n" + GREETING + "mta macros M i=ABC\n" + MESSAGE +
                           "expect continue\nmta mail <c@example.net>\nmta rset\nmta unknown NOOP\nmta quit\n"
                           "expect closed\n")
        self.assert_as_expected(result, 12, 3)
        self.assertEqual([one[0] for one in log],
                         [b"D", b"C", b"H", b"D", b"M", b"R", b"T", b"L", b"N", b"B", b"E", b"M", b"A", b"U", b"Q"])
        self.assertEqual(log[0][1], b"Cj\0mx\0{daemon_name}\0d\0")
        self.assertEqual(log[9][1], b"one\r\n")

    def test_several_messages_and_several_connections_at_the_same_time(self):
        client = self.client("--add-header=X-A:1", "--reject-at=envelope-recipient=bad")
        second = "".join(f"mta2 {line[4:]}\n" for line in GREETING.splitlines())
        result = self.play(GREETING + second + MESSAGE + "expect add-header X-A:1\nexpect continue\n"
                           "mta2 mail <z@example.net>\nmta2 rcpt <bad@example.com>\nexpect reject\n" + MESSAGE +
                           "expect like add-header X-*\nexpect continue\nmta quit\nmta connects\n" + GREETING,
                           spec=client.spec)
        self.assert_as_expected(result, 25, 5)

    def test_the_blocks_of_the_scenarios_are_understood(self):
        client = self.client("--add-header=X-A:1", "--quarantine=odd")
        result = self.play(GREETING + MESSAGE + "----\nmta <- add-header X-A:1\nmta <- quarantine odd\nmta <- continue\n\nmta quit\n----\nmta: closed\n",
                           spec=client.spec)
        self.assert_as_expected(result, 10, 4)

    def test_half_packets_and_pauses(self):
        client = self.client("--reject-at=envelope-from=a@example.net")
        result = self.play(GREETING + "mta half mail <a@example.net>\npass 20ms\nmta rest\nexpect reject\n",
                           spec=client.spec)
        self.assert_as_expected(result, 4, 1)

    def test_what_the_milter_does_not_want_is_not_sent(self):
        log = []
        milter = self.milter(answering({}, begin=agreement(steps=0x20 | 0x80), log=log))
        result = self.play_to(milter, GREETING + MESSAGE + "mta quit\n")
        self.assertEqual(result.status, 0, result.stderr)
        self.assertEqual([one[0] for one in log], [b"C", b"H", b"M", b"R", b"T", b"N", b"B", b"E", b"Q"])

    def test_a_skip_ends_the_body(self):
        log = []
        milter = self.milter(answering({"B": packet(b"s")}, log=log))
        result = self.play_to(milter, GREETING + MESSAGE.replace("mta body one\\r\\n\n", "mta body one\nexpect skip\nmta body two\n"))
        self.assert_as_expected(result, 10, 1)
        self.assertEqual([one[1] for one in log if one[0] == b"B"], [b"one"])


class Differences(Script):
    def test_another_answer_is_shown_beside_the_expected_one(self):
        client = self.client("--add-header=X-A:1", "--add-recipient=<n@example.com>")
        result = self.play(GREETING + MESSAGE + "expect add-header X-A:2\nexpect add-recipient <n@example.com>\nexpect continue\n",
                           spec=client.spec)
        self.assert_fails(result, 2, 10, "the answer to `end-of-message` is another (- expected, + came):\n"
                          "  - add-header X-A:2\n  + add-header X-A:1\n    add-recipient <n@example.com>\n    continue\n")

    def test_a_refusal_that_no_line_expects(self):
        client = self.client("--reject-at=helo")
        self.assert_fails(self.play(GREETING, spec=client.spec), 2, 2,
                          "the answer to `helo client.example` is not continue, and no `expect` names it: reject\n")
        self.assert_as_expected(self.play(GREETING + "expect any\n", spec=client.spec), 3, 1)

    def test_an_answer_that_cannot_come(self):
        milter = self.milter(answering({}, begin=agreement(steps=0x20)))
        self.assert_fails(self.play(GREETING + MESSAGE.replace("hello\n", "hello\nexpect continue\n"), spec=milter.spec),
                          2, 7, "`header Subject: hello` is not sent and has no answer")

    def test_a_milter_that_does_not_close(self):
        client = self.client("--hang-at=helo")
        self.assert_fails(self.play(GREETING, "--reading-timeout=0.2", spec=client.spec), 1, 2,
                          "no answer in time at `helo client.example`\n")

    def test_a_milter_that_misbehaves(self):
        for option, text in [("--close-at=helo", "connection lost at `helo client.example`: the milter closed"),
                             ("--garbage-at=helo", "connection lost at `helo client.example`: the milter sent")]:
            with self.subTest(option=option):
                result = self.play(GREETING, spec=self.client(option).spec)
                self.assertEqual(result.status, 1)
                self.assertRegex(result.stderr, r"session.txt:2: ")
        early = self.milter(answering({"M": packet(b"h", b"X\0y\0") + packet(b"c")}))
        self.assert_fails(self.play(GREETING + MESSAGE, spec=early.spec), 1, 3, "a change before the end of the message: add-header X:y")
        twice = self.milter(answering({"H": packet(b"c") + packet(b"c")}))
        result = self.play(GREETING + "pass 50ms\n" + MESSAGE, spec=twice.spec)
        self.assertRegex(result.stderr, "nobody waits for this of the milter: continue\n")
        self.assertEqual(result.status, 1)

    def test_nobody_there(self):
        self.assert_fails(self.play(GREETING, spec=f"unix:{self.folder}/none"), 1, 1, "Failed to connect to ")


class BadScripts(Script):
    def assert_refused(self, path, pattern):
        result = run_server(f"--script={path}", spec="inet:1@127.0.0.1")
        self.assertRegex(result.stderr, pattern)
        self.assertEqual((result.stdout, result.status), ("", 1))

    def test_a_line_that_cannot_be_read_is_named(self):
        for line, text in [("mta says hello", "the MTA cannot say: says hello"), ("hello", "neither `mta"),
                           ("expect nothing", "`expect` takes what a milter can say"), ("pass 3", "not a time like"),
                           ("mta raw", "raw takes one letter"), ("mta rest", "there is no half packet"),
                           ("mta half mail <a@b>\nmta data", "half a packet is sent"),
                           ("mta offer actions=fly", "no action is called fly"),
                           ("mta connects\nexpect continue", "nothing is answered to `connects`")]:
            with self.subTest(line=line):
                number = 2 + line.count("\n")
                self.assert_refused(self.write("mta helo a\n" + line + "\n"),
                                    f"\\A{self.folder}/session.txt:{number}: {re.escape(text)}")
        self.assert_refused(self.write("expect continue\n"), "session.txt:1: `expect` has to follow")

    def test_files_that_are_no_scripts(self):
        self.assert_refused(self.write("# nothing\n"), "nothing is done in it")
        self.assert_refused(self.write(""), "nothing is done in it")
        self.assert_refused(f"{self.folder}/none", "none: No such file or directory")
        self.assert_refused(self.folder, ": Is a directory")
        (self.folder / "binary").write_bytes(bytes(range(256)) * 300)
        self.assert_refused(self.folder / "binary", "binary:1: neither")
        with open(self.folder / "sparse", "wb") as sparse:
            sparse.truncate(10 * 2**30)
        self.assert_refused(self.folder / "sparse", "a script has at most 64 MiB")

    def test_output_that_cannot_be_written(self):
        client = self.client()
        with open("/dev/full", "w") as full:
            done = subprocess.run([SERVER, "-s", client.spec, "--script", self.write(GREETING)], stdout=full,
                                  stderr=subprocess.PIPE, text=True)
        self.assertEqual((done.returncode, done.stderr), (1, "cannot write to standard output: No space left on device\n"))


class Page(Script):
    """docs/manual/testing-milters.md: what stands there is what happens."""

    def blocks(self, chapter):
        page = (Path(__file__).parents[2] / "docs/manual/testing-milters.md").read_text()
        text = page[page.index(f"\n## {chapter}\n") + 1:]
        return re.findall(r"^```\n(.*?)^```", text[:text.find("\n## ")], re.MULTILINE | re.DOTALL)

    def test_its_examples(self):
        one, = self.blocks("One message")
        session, call, difference = self.blocks("A session as text")
        script = self.write(session, "greeting.txt")
        client = self.client("--add-header=X-Scanned:yes", "--reject-at=envelope-from=spammer")
        for line, output in [(one, "status: pass\n"), (call, f"{script}: as expected; 11 answers, 3 compared\n")]:
            program, *words = line.replace("greeting.txt", script).replace("inet:10025@127.0.0.1", client.spec).split()
            self.assertEqual(program, "milter-test-server")
            done = run_server(*words)
            self.assertEqual((done.status, done.stderr), (0, ""))
            self.assertEqual(done.stdout.startswith(output), True, done.stdout)
        failed = run_server(f"--script={script}", spec=self.client().spec)
        self.assertEqual((failed.status, failed.stderr.replace(script, "greeting.txt")), (2, difference))

    def test_the_examples_of_the_manual_page(self):
        page = (Path(__file__).parents[2] / "docs/man/milter-test-server.1").read_text()
        lines = re.search(r"^\.SH EXAMPLES\n\.nf\n(.*?)^\.fi", page, re.MULTILINE | re.DOTALL)[1].splitlines()
        self.assertEqual(len(lines), 3)
        (self.folder / "mail.eml").write_text("From: a@example.com\nTo: b@example.org\n\nhello\n")
        self.write(GREETING)
        client = self.client()
        for line in lines:
            with self.subTest(line=line):
                words = re.sub(r"(?<=-s )\S+", client.spec, line).split()
                words = [str(self.folder / one) if (self.folder / one).is_file() else one for one in words[1:]]
                done = run_server(*words)
                self.assertEqual((done.status, done.stderr), (0, ""))
                self.assertTrue(done.stdout.startswith("status: pass") or ": as expected; 3 answers" in done.stdout)

    def test_its_examples_of_many_sessions(self):
        calls, table = self.blocks("Many sessions")
        script = self.write(self.blocks("A session as text")[0], "greeting.txt")
        client = self.client("--add-header=X-Scanned:yes", "--reject-at=envelope-from=spammer", "--no-report-request")
        heads = []
        for line in calls.splitlines():
            line = line.replace("greeting.txt", script).replace("inet:10025@127.0.0.1", client.spec)
            done = run_server(*line.replace("--rate 10", "--rate 1000").split()[1:])
            self.assertEqual((done.status, done.stderr), (0, ""))
            heads.append([one for one in done.stdout.splitlines() if one.startswith("stage ")])
        head = [one for one in table.splitlines() if one.startswith("stage ")]
        self.assertEqual(heads, [head, [], head])


if __name__ == "__main__":
    unittest.main()
