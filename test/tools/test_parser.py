#!/usr/bin/env python3
"""A parser of milter-test-server's output as other programs have one (tools A.7) reads what it prints: written from
that clause alone, not from the program."""

import re
import unittest

from programs import Folder

TITLE = re.compile(r"^(Envelope|Header|Body):-+$")


def parse(text):
    """The result as a driver sees it: status, seconds, and the lines of each section as (sign, text)."""
    lines = text.split("\n")
    status = re.fullmatch(r"status: (\S+)( .*)?", lines[0])
    elapsed = re.fullmatch(r"elapsed-time: ([\d.e+-]+) seconds", lines[1])
    sections, current = {}, None
    for line in lines[2:]:
        if title := TITLE.match(line):
            current = sections.setdefault(title[1], [])
        elif current is not None:
            current.append(line)
    signed = {name: [(line[0], line[2:]) for line in found if line[:2] in ("  ", "+ ", "- ")]
              for name, found in sections.items() if name != "Body"}
    assert all(len(signed[name]) == len(sections[name]) for name in signed), sections
    return status[1], (status[2] or "").strip(), float(elapsed[1]), signed, "\n".join(sections.get("Body", []))


class Parser(Folder):
    def read(self, *options, client=()):
        result = self.client(*client).server("--output-message", "--color=no", *options)
        self.assertEqual((result.status, result.stderr), (0, ""))
        return parse(result.stdout)

    def test_a_message_that_is_left_alone(self):
        status, reply, seconds, signed, body = self.read("-h", "Subject:hi", "-b", "text")
        self.assertEqual((status, reply, body), ("pass", "", "text\n"))
        self.assertGreater(seconds, 0)
        self.assertEqual(signed["Envelope"], [(" ", "MAIL FROM:<sender@example.com>"), (" ", "RCPT TO:<receiver@example.org>")])
        self.assertEqual(signed["Header"], [(" ", "Subject: hi"), (" ", "From: <sender@example.com>"),
                                            (" ", "To: <receiver@example.org>")])

    def test_all_kinds_of_changes(self):
        status, _, _, signed, body = self.read(client=[
            "--change-from=<new@example.net>", "--add-recipient=<n@example.com>", "--delete-recipient=<receiver@example.org>",
            "--add-header=X-A:1", "--replace-body=other"])
        self.assertEqual((status, body), ("pass", "other\n"))
        self.assertEqual(signed["Envelope"], [("-", "MAIL FROM:<sender@example.com>"), ("+", "MAIL FROM:<new@example.net>"),
                                              ("-", "RCPT TO:<receiver@example.org>"), ("+", "RCPT TO:<n@example.com>")])
        self.assertEqual(signed["Header"][-1], ("+", "X-A: 1"))

    def test_refusals_and_a_quarantine(self):
        status, reply, _, signed, _ = self.read(client=["--reply-at=envelope-recipient=451 4.7.1 Greylisted, try later"])
        self.assertEqual((status, reply), ("temporary-failure", "[451]<4.7.1>(Greylisted, try later)"))
        self.assertEqual(signed["Envelope"][1], ("-", "RCPT TO:<receiver@example.org>"))
        self.assertEqual(self.read(client=["--quarantine=odd"])[0], "quarantine")


if __name__ == "__main__":
    unittest.main()
