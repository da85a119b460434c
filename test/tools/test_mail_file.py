#!/usr/bin/env python3
"""milter-test-server --mail-file (tools A.4)."""

import hashlib
import os
import unittest

from programs import Folder, answering, only, run_server


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


class MailFile(Folder):
    def send(self, content, *options):
        """What the milter got: the envelope, the header fields, the body."""
        path = self.folder / "mail"
        path.write_bytes(content)
        log = []
        self.result = self.milter(answering({}, log=log)).server("-m", str(path), *options)
        self.assertEqual((self.result.stderr, self.result.status), ("", 0))
        self.sender = next(p for c, p in log if c == b"M").rstrip(b"\0").decode()
        self.recipients = [p.rstrip(b"\0").decode() for c, p in log if c == b"R"]
        self.headers = [tuple(p[:-1].split(b"\0")) for c, p in log if c == b"L"]
        self.chunks = [p for c, p in log if c == b"B"]
        self.body = b"".join(self.chunks)

    def refused(self, content):
        path = self.folder / "mail"
        path.write_bytes(content)
        result = run_server("-m", str(path), spec="unix:/none/sock")
        self.assertEqual((result.stdout, result.status), ("", 1))
        return result.stderr

    def test_line_feeds(self):
        self.send(b"From: <a@b>\nTo: <c@d>\nSubject: x\n\nline 1\nline 2\n")
        self.assertEqual((self.sender, self.recipients), ("<a@b>", ["<c@d>"]))
        self.assertEqual(self.headers, [(b"From", b"<a@b>"), (b"To", b"<c@d>"), (b"Subject", b"x")])
        self.assertEqual(self.body, b"line 1\nline 2\n")

    def test_carriage_returns(self):
        self.send(b"From: <a@b>\r\nTo: <c@d>\r\nX: y\r\n z\r\n\r\nline 1\r\nline 2")
        self.assertEqual(self.headers[2], (b"X", b"y\r\n z"))
        self.assertEqual(self.body, b"line 1\r\nline 2")

    def test_folded_and_empty_values_and_one_blank(self):
        self.send(b"From: a@b\nTo:c@d\nX: 1\n\t2\n 3\nEmpty:\nBlank: \nTwo:  blanks\n\n")
        self.assertEqual(self.headers[1:], [(b"To", b"c@d"), (b"X", b"1\n\t2\n 3"), (b"Empty", b""), (b"Blank", b""),
                                            (b"Two", b" blanks")])
        self.assertEqual(self.chunks, [])

    def test_the_first_line_of_an_mbox_is_passed_over(self):
        self.send(b"From someone Mon Jan  1 00:00:00 2024\nFrom: a@b\nTo: c@d\n\nx")
        self.assertEqual(self.headers, [(b"From", b"a@b"), (b"To", b"c@d")])

    def test_repeated_names_keep_their_order(self):
        self.send(b"From: a@b\nTo: c@d\nReceived: 2\nReceived: 1\n\nx", "-h", "X:1", "-h", "X:2")
        self.assertEqual(self.headers[2:], [(b"Received", b"2"), (b"Received", b"1"), (b"X", b"1"), (b"X", b"2")])

    def test_addresses_are_lists_of_rfc_5322(self):
        for field, recipients in [("b@y, c@z", ["<b@y>", "<c@z>"]), ('"A <x>" <a@x>', ["<a@x>"]),
                                  ("Team: a@x, B <b@x>;, c@x", ["<a@x>", "<b@x>", "<c@x>"]),
                                  ("a@x (a comment, with <b@x>)", ["<a@x>"]), ('"quoted, name"@x', ['<"quoted, name"@x>']),
                                  ("a @ x . org", ["<a@x.org>"]), ("<@relay:a@x>", ["<a@x>"]),
                                  ("a@[IPv6:::1], b@x", ["<a@[IPv6:::1]>", "<b@x>"]), ("root", ["<root>"]),
                                  (r'"a\"b"@x', [r'<"a\"b"@x>']),
                                  ("a@x,\n b@x", ["<a@x>", "<b@x>"]), ("a@x,, b@x", ["<a@x>", "<b@x>"])]:
            with self.subTest(field=field):
                self.send(f"From: s@x\nTo: {field}\n\nx".encode())
                self.assertEqual(self.recipients, recipients)

    def test_names_of_headers_are_known_in_any_case(self):
        self.send(b"from: A <a@b>\nTO: c@d\n\nx")
        self.assertEqual((self.sender, self.recipients), ("<a@b>", ["<c@d>"]))
        self.assertEqual([name for name, _ in self.headers], [b"from", b"TO"])

    def test_the_null_sender(self):
        self.send(b"From: <>\nTo: c@d\n\nx")
        self.assertEqual(self.sender, "<>")

    def test_the_envelope_of_the_command_line_wins(self):
        self.send(b"From: a@b\nTo: c@d\n\nx", "-f", "f@x", "-r", "r@x")
        self.assertEqual((self.sender, self.recipients), ("<f@x>", ["<r@x>"]))
        self.assertEqual(self.headers, [(b"From", b"a@b"), (b"To", b"c@d")])

    def test_a_body_of_the_command_line_wins(self):
        self.send(b"From: a@b\nTo: c@d\n\nof the file", "-b", "of the line")
        self.assertEqual(self.body, b"of the line")

    def test_missing_fields_are_added_at_the_end(self):
        self.send(b"Subject: x\n\nx", "-h", "Y:z")
        self.assertEqual(self.headers, [(b"Subject", b"x"), (b"Y", b"z"), (b"From", b"<sender@example.com>"),
                                        (b"To", b"<receiver@example.org>")])

    def test_a_body_of_any_bytes(self):
        every = bytes(range(256)) * 3
        self.send(b"From: a@b\nTo: c@d\nX: \xe4\xff\n\n" + every)
        self.assertEqual(self.body, every)
        self.assertEqual(self.headers[2], (b"X", b"\xe4\xff"))

    def test_pieces_are_at_most_65535_bytes(self):
        for size in (65535, 65536, 200_000):
            self.send(b"From: a@b\nTo: c@d\n\n" + b"x" * size)
            self.assertEqual(len(self.body), size)
            self.assertEqual(max(map(len, self.chunks)), 65535)

    def test_five_megabytes_arrive_whole_through_both_programs(self):
        body = os.urandom(5 * 1024 * 1024)
        path = self.folder / "mail"
        path.write_bytes(b"From: a@b\nTo: c@d\n\n" + body)
        for options in ([], ["--step=no-reply-body"]):
            client = self.client("--body-checksum", "--no-report-request", *options)
            result = client.server("-m", str(path), "--output-message")
            self.assertEqual((result.answer, result.status), ("pass", 0))
            shown = result.stdout.encode("utf-8", "surrogateescape").split(b"Body:" + b"-" * 34 + b"\n", 1)[1]
            self.assertEqual(hashlib.sha256(shown).digest(), hashlib.sha256(body + b"\n").digest())
            self.assertEqual(client.stop().stdout, f"body-checksum: length={len(body)} fnv1a64={fnv1a(body)}\n")

    def test_a_line_without_a_colon_is_an_error(self):
        self.assertEqual(self.refused(b"From: a@b\nno header here\n\nx"), "invalid header: <no header here>\n")
        self.assertEqual(self.refused(b" folded from the start\n\nx"), "invalid header: < folded from the start>\n")

    def test_a_missing_file_is_an_error(self):
        result = run_server("-m", "/none/mail", spec="unix:/none/sock")
        self.assertEqual((result.stderr, result.status), ("/none/mail does not exist.\n", 1))

    def test_what_is_no_mail_is_an_error(self):
        binary, sparse = self.folder / "binary", self.folder / "sparse"
        binary.write_bytes(b"\x00\x1b[2J\xff" * 50000)
        with open(sparse, "wb") as file:
            file.truncate(10 * 2**30)
        for path, text in [(self.folder, f"{self.folder}: Is a directory\n"),
                           (sparse, f"{sparse}: a mail has at most 1 GiB here\n")]:
            with self.subTest(path=path):
                result = run_server("-m", str(path), spec="unix:/none/sock")
                self.assertEqual((result.stdout, result.stderr, result.status), ("", text, 1))
        result = run_server("-m", str(binary), spec="unix:/none/sock")
        self.assertTrue(result.stderr.startswith(r"invalid header: <\x00\x1b[2J"), result.stderr[:200])
        self.assertLess(len(result.stderr), 500)
        self.assertEqual((result.stdout, result.status), ("", 1))


if __name__ == "__main__":
    unittest.main()
