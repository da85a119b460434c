#!/usr/bin/env python3
"""milter-test-server --output-message (tools A.6)."""

import struct
import unittest

from programs import Folder, answering, packet


def number(value):
    return struct.pack(">I", value)


class OutputMessage(Folder):
    def after(self, edits, *options, color="--color=no"):
        milter = self.milter(answering({"E": b"".join(edits) + packet(b"c")}))
        result = milter.server("--output-message", color, *options)
        self.assertEqual((result.stderr, result.status), ("", 0))
        self.assertEqual(result.stdout.splitlines()[2], "")
        return result.stdout.split("\n\n", 1)[1]

    def headers(self, edits, *options):
        text = self.after(edits, "-h", "From:f", "-h", "To:t", *options)
        return text.split("Header:" + "-" * 32 + "\n")[1].split("Body:")[0]

    def test_the_sample(self):
        text = self.after([packet(b"-", b"<receiver@example.org>\0"), packet(b"+", b"add@example.com\0"),
                           packet(b"m", number(1) + b"X-A\0changed\0"), packet(b"h", b"X-M\0line1\n\tline2\0"),
                           packet(b"b", b"BODY "), packet(b"b", b"TEXT")],
                          "-h", "From:<sender@example.com>", "-h", "To:x", "-h", "X-A: 1")
        self.assertEqual(text, """\
Envelope:------------------------------
  MAIL FROM:<sender@example.com>
- RCPT TO:<receiver@example.org>
+ RCPT TO:<add@example.com>
Header:--------------------------------
  From: <sender@example.com>
  To: x
- X-A:  1
+ X-A: changed
+ X-M: line1
+ \tline2
Body:----------------------------------
BODY TEXT
""")

    def test_a_message_without_changes(self):
        self.assertEqual(self.after([], "-b", "text\n"), """\
Envelope:------------------------------
  MAIL FROM:<sender@example.com>
  RCPT TO:<receiver@example.org>
Header:--------------------------------
  From: <sender@example.com>
  To: <receiver@example.org>
Body:----------------------------------
text

""")

    def test_the_default_body(self):
        self.assertTrue(self.after([]).endswith("La de da de da 1.\nLa de da de da 2.\nLa de da de da 3.\n"
                                                "La de da de da 4.\n"))

    def test_a_changed_sender(self):
        self.assertIn("- MAIL FROM:<sender@example.com>\n+ MAIL FROM:<new@x>\n",
                      self.after([packet(b"e", b"new@x\0RET=HDRS\0")]))
        self.assertIn("  MAIL FROM:<sender@example.com>\n", self.after([packet(b"e", b"<sender@example.com>\0")]))

    def test_recipients_with_parameters(self):
        self.assertIn("+ RCPT TO:<a@x>\n", self.after([packet(b"2", b"<a@x>\0NOTIFY=NEVER\0")]))

    def test_inserted_headers(self):
        insert = lambda at, name: packet(b"i", number(at) + name + b"\0v\0")
        self.assertEqual(self.headers([insert(0, b"First"), insert(2, b"Third"), insert(0x7FFFFFFF, b"Last")]),
                         "+ First: v\n  From: f\n+ Third: v\n  To: t\n+ Last: v\n")

    def test_changed_headers_count_by_name_in_any_case(self):
        change = lambda index, value: packet(b"m", number(index) + b"x-a\0" + value + b"\0")
        fields = ["-h", "X-A:1", "-h", "X-A:2", "-h", "X-A:3"]
        self.assertEqual(self.headers([change(2, b"new")], *fields),
                         "  From: f\n  To: t\n  X-A: 1\n- X-A: 2\n+ x-a: new\n  X-A: 3\n")
        self.assertEqual(self.headers([change(0, b"")], *fields), "  From: f\n  To: t\n- X-A: 1\n  X-A: 2\n  X-A: 3\n")
        self.assertEqual(self.headers([change(2, b""), change(2, b"")], *fields),
                         "  From: f\n  To: t\n  X-A: 1\n- X-A: 2\n- X-A: 3\n")
        self.assertEqual(self.headers([change(9, b"")], *fields), "  From: f\n  To: t\n  X-A: 1\n  X-A: 2\n  X-A: 3\n")
        self.assertEqual(self.headers([change(1, b"v")]), "  From: f\n  To: t\n+ x-a: v\n")

    def test_a_body_can_become_empty(self):
        self.assertTrue(self.after([packet(b"b", b"")]).endswith("Body:" + "-" * 34 + "\n\n"))

    def test_colors_wrap_changed_lines(self):
        text = self.after([packet(b"h", b"X\0y\0"), packet(b"-", b"<receiver@example.org>\0")], color="--color")
        self.assertIn("\x1b[01;32m+ X: y\x1b[00m\n", text)
        self.assertIn("\x1b[01;31m- RCPT TO:<receiver@example.org>\x1b[00m\n", text)
        self.assertIn("\n  MAIL FROM:<sender@example.com>\n", text)

    def test_an_early_answer_shows_the_message_so_far(self):
        client = self.client("--reject-at=data")
        result = client.server("--output-message")
        self.assertEqual(result.answer, "reject")
        self.assertIn("  RCPT TO:<receiver@example.org>\n", result.stdout)

    def test_everything_that_the_client_can_change(self):
        client = self.client("--add-header=X-C:v", "--replace-body=new", "--add-recipient=add@x",
                             "--delete-recipient=<receiver@example.org>", "--change-from=<from@x>")
        result = client.server("--output-message")
        self.assertEqual(result.stdout.split("\n\n", 1)[1], """\
Envelope:------------------------------
- MAIL FROM:<sender@example.com>
+ MAIL FROM:<from@x>
- RCPT TO:<receiver@example.org>
+ RCPT TO:<add@x>
Header:--------------------------------
  From: <sender@example.com>
  To: <receiver@example.org>
+ X-C: v
Body:----------------------------------
new
""")


if __name__ == "__main__":
    unittest.main()
