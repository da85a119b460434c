#!/usr/bin/env python3
"""Every command of the manual's page about milter-test-client is typed, and does what the page says."""

import re
import shlex
import unittest
from pathlib import Path

from programs import Folder, run_server

PAGE = (Path(__file__).resolve().parents[2] / "docs/manual/test-client.md").read_text()
CHECKED = {"look", "answer", "change", "slow", "silent", "gone", "mad", "script", "record"}


def commands():
    """place -> the words of each command of the page."""
    found = {}
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S):
        for line in block.splitlines():
            words = shlex.split(line)
            found.setdefault(re.search(r"/tmp/(\w+)\.sock", line)[1], []).append(words)
    return found


class Page(Folder):
    def typed(self, place):
        """The client of this place, with its options, on a socket of its own."""
        words = list(commands()[place][0])
        self.assertEqual(words[:2] + words[3:5], ["milter-test-client", "-s", "--user", "root"])
        more = [str(self.folder / word) if word.endswith(".txt") else word for word in words[5:]]
        # The harness names the place and, as root, the user.
        return self.client(*more)

    def setUp(self):
        super().setUp()
        script = re.search(r"`thorough.txt`:\n\n```text\n(.*?)```", PAGE, re.S)[1]
        (self.folder / "thorough.txt").write_text(script)

    def test_no_command_is_left_out(self):
        self.assertEqual(set(commands()), CHECKED)

    def test_what_is_sent_is_printed(self):
        client = self.typed("look")
        server = commands()["look"][1]
        self.assertEqual(server[:2], ["milter-test-server", "-s"])
        self.assertEqual(run_server(*server[3:], spec=client.spec).answer, "pass")
        text = client.stop().stdout
        self.assertIn(re.search(r"```text\n(connect: .*?)```", PAGE, re.S)[1], text)
        self.assertRegex(text, r"body: <hello>\nend-of-message\nmacros:\n  i=i\nfinished\n$")

    def test_answers_and_changes(self):
        client = self.typed("answer")
        self.assertEqual(client.server().answer, "reject [550]<5.7.1>(not you)")
        changed = self.typed("change").server("--output-message", "--color=no").stdout
        for line in ("Quarantine reason: <to be looked at>", "+ RCPT TO:<archive@example.com>", "+ X-Seen: yes"):
            self.assertIn(line + "\n", changed)

    def test_trouble(self):
        for place, complaint in [("slow", "timeout"), ("silent", "timeout"), ("gone", ""), ("mad", "")]:
            with self.subTest(place=place):
                result = self.typed(place).server("--reading-timeout=0.3", "--end-of-message-timeout=0.3")
                self.assertEqual(result.status, 1)
                self.assertIn(complaint, result.stdout + result.stderr)

    def test_the_script(self):
        client = self.typed("script")
        self.assertEqual(client.server("-r", "postmaster@example.com").answer, "accept")
        self.assertIn("+ X-Checked: yes\n", client.server("--output-message", "--color=no").stdout)
        self.assertIn("\n  sessions: 2\n  messages: 1\n", client.stop().stdout)

    def test_the_record(self):
        client = self.typed("record")
        client.server("-f", "a@example.com")
        self.assertEqual(client.stop().stdout, "")
        self.assertIn("\nmta mail <a@example.com>\n", (self.folder / "mails.txt").read_text())


if __name__ == "__main__":
    unittest.main()
