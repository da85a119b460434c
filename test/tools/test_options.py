#!/usr/bin/env python3
"""Options of milter-test-server (tools A.1, A.3), each of them used, and complaints about them."""

import struct
import unittest

from programs import Folder, answering, free_port, run_server


class Options(Folder):
    def send(self, *options):
        """The packets that a milter gets."""
        log = []
        self.result = self.milter(answering({}, log=log)).server(*options)
        self.assertEqual((self.result.status, self.result.answer), (0, "pass"), self.result)
        return log

    def payloads(self, code, *options):
        return [payload for one, payload in self.send(*options) if one == code]

    def macros(self, *options):
        """By the letter of the command: a dictionary."""
        found = {}
        for payload in self.payloads(b"D", *options):
            words = payload[1:].decode().split("\0")[:-1]
            found[payload[:1].decode()] = dict(zip(words[::2], words[1::2]))
        return found

    def test_the_negotiation(self):
        offers = []

        def script(peer):
            offers.append(peer.expect(b"O"))
            peer.send(b"\0\0\0\x0DO" + struct.pack(">III", 2, 0, 0))
            while (one := peer.read()) is not None and one[0] != b"Q":
                if one[0] not in (b"D", b"A"):
                    peer.send(b"\0\0\0\1c")

        self.milter(script).server()
        self.milter(script).server("--negotiate-version=2")
        self.assertEqual(offers[0], struct.pack(">III", 6, 0x1FF, 0x1FFFFF))
        self.assertEqual(offers[1], struct.pack(">III", 2, 0x3F, 0x7F))

    def test_a_milter_of_version_2_gets_no_newer_commands(self):
        seen = []

        def script(peer):
            peer.expect(b"O")
            peer.send(b"\0\0\0\x0DO" + struct.pack(">III", 2, 0, 0))
            while (one := peer.read()) is not None and one[0] != b"Q":
                seen.append(one[0])
                if one[0] not in (b"D", b"A"):
                    peer.send(b"\0\0\0\1c")

        self.milter(script).server("--unknown=X")
        self.assertNotIn(b"T", seen)
        self.assertNotIn(b"U", seen)
        self.assertIn(b"E", seen)

    def test_default_macros(self):
        self.assertEqual(self.macros(), {
            "C": {"{daemon_name}": "milter-test-server", "{if_name}": "localhost", "{if_addr}": "127.0.0.1",
                  "j": "mail.example.com"},
            "H": {"{tls_version}": "0", "{cipher}": "0", "{cipher_bits}": "0", "{cert_subject}": "cert_subject",
                  "{cert_issuer}": "cert_issuer"},
            "M": {"{mail_mailer}": "mail_mailer", "{mail_host}": "mail_host", "{mail_addr}": "mail_addr"},
            "R": {"{rcpt_mailer}": "rcpt_mailer", "{rcpt_host}": "rcpt_host", "{rcpt_addr}": "receiver@example.org"},
            "T": {"i": "i"}, "N": {"i": "i"}, "E": {"i": "i"}})

    def test_macros_of_each_stage(self):
        told = self.macros("--connect-macro=a1:x", "--helo-macro={b1}:y:z", "--envelope-from-macro=c1:",
                           "--envelope-recipient-macro=rcpt_host:mine", "--data-macro=i:d", "--end-of-header-macro=i:n",
                           "--end-of-message-macro=e:e")
        self.assertEqual((told["C"]["{a1}"], told["C"]["j"]), ("x", "mail.example.com"))
        self.assertEqual(told["H"]["{b1}"], "y:z")
        self.assertEqual(told["M"]["{c1}"], "")
        self.assertEqual((told["R"]["{rcpt_host}"], told["R"]["{rcpt_mailer}"]), ("mine", "rcpt_mailer"))
        self.assertEqual((told["T"], told["N"], told["E"]), ({"i": "d"}, {"i": "n"}, {"i": "i", "e": "e"}))

    def test_authentication(self):
        told = self.macros("--authenticated-name=n", "--authenticated-type=t", "--authenticated-author=a")["M"]
        self.assertEqual((told["{auth_authen}"], told["{auth_type}"], told["{auth_author}"]), ("n", "t", "a"))

    def test_the_client(self):
        self.assertEqual(self.payloads(b"C"), [b"mx.example.net\x004" + struct.pack(">H", 50443) + b"192.168.123.123\0"])
        self.assertEqual(self.payloads(b"C", "--connect-host=h", "--connect-address=inet6:7@[::1]"),
                         [b"h\x006\0\7::1\0"])
        self.assertEqual(self.payloads(b"C", "--connect-address=unix:/tmp/x"), [b"mx.example.net\0L\0\0/tmp/x\0"])
        self.assertEqual(self.payloads(b"C", "--connect-address=inet:9@localhost"), [b"mx.example.net\x004\0\x09127.0.0.1\0"])

    def test_helo_and_envelope(self):
        self.assertEqual(self.payloads(b"H"), [b"delian\0"])
        self.assertEqual(self.payloads(b"H", "--helo-fqdn=x.example"), [b"x.example\0"])
        self.assertEqual(self.payloads(b"M", "-f", "a@b"), [b"<a@b>\0"])
        self.assertEqual(self.payloads(b"M", "--envelope-from=<a@b>"), [b"<a@b>\0"])
        self.assertEqual(self.payloads(b"M", "--envelope-from="), [b"<>\0"])
        self.assertEqual(self.payloads(b"M", "-f", ""), [b"<>\0"])
        self.assertEqual(self.payloads(b"R", "-r", "a", "--envelope-recipient", "<b>"), [b"<a>\0", b"<b>\0"])

    def test_headers(self):
        self.assertEqual(self.payloads(b"L", "-h", "From:f", "-h", "To:t", "-h", "X: 1", "--header=X:[a,b]"),
                         [b"From\0f\0", b"To\0t\0", b"X\0 1\0", b"X\0[a,b]\0"])
        self.assertEqual(self.payloads(b"L", "-h", "to:t"), [b"to\0t\0", b"From\0<sender@example.com>\0"])

    def test_body(self):
        self.assertEqual(self.payloads(b"B", "-b", "-x", "--body=\\n", "-b", "", "-b", "{}%"), [b"-x", b"\\n", b"{}%"])

    def test_unknown_commands_come_before_data(self):
        codes = b"".join(code for code, _ in self.send("--unknown=FOO bar"))
        self.assertIn(b"RUDT", codes)
        self.assertEqual(self.payloads(b"U", "--unknown=FOO bar"), [b"FOO bar\0"])

    def test_words_that_are_no_options_are_ignored(self):
        self.assertEqual(self.payloads(b"H", "word", "another"), [b"delian\0"])

    def test_timeouts_may_be_none(self):
        self.send("--connection-timeout=-1", "--reading-timeout=2.5", "--writing-timeout=0", "--all-timeouts=20")

    def test_verbose_names_the_packets(self):
        self.send("-v")
        self.assertIn("[milter-test-server] -> helo\n[milter-test-server] <- continue\n", self.result.stderr)

    def test_parallel_sessions_print_whole_results(self):
        client = self.client("--delay=helo=0.2")
        result = client.server("-t", "20")
        self.assertEqual(result.status, 0)
        self.assertRegex(result.stdout, r"\A(status: pass\nelapsed-time: [0-9.e-]+ seconds\n){20}\Z")
        self.assertEqual(client.stop().stdout.count("finished\n"), 20)

    def test_an_expected_status_is_part_of_the_exit_status(self):
        client = self.client("--reject-at=helo")
        self.assertEqual(client.server("--expect=reject").status, 0)
        result = client.server("--expect=pass")
        self.assertEqual((result.status, result.stderr), (2, "the status is reject, expected was pass\n"))

    def test_version_and_help(self):
        result = run_server("--version")
        self.assertRegex(result.stdout, r"\Amilter-test-server \d+\.\d+\.\d+\n\Z")
        self.assertEqual(result.status, 0)
        for option in ("--help", "-?"):
            result = run_server(option)
            self.assertIn("--end-of-message-timeout", result.stdout)
            self.assertEqual((result.stderr, result.status), ("", 0))

    def test_complaints(self):
        spec = f"inet:{free_port()}@127.0.0.1"
        for options, text in [
                ([], "spec should not be NULL"),
                (["-s", "foo"], "spec doesn't have colon: <foo>"),
                (["-s", spec, "--bodi=x"], "Unknown option --bodi (did you mean --body?)"),
                (["-s", spec, "--zzzzzzzzzzz"], "Unknown option --zzzzzzzzzzz"),
                (["-s", spec, "--color=blue"], "Invalid color value: blue"),
                (["-s", spec, "-h", "nocolon"], "headers option should be 'NAME:VALUE'"),
                (["-s", spec, "--helo-macro=x"], "macro name and value delimiter ':' doesn't exist: <x>"),
                (["-s", spec, "--reading-timeout=abc"], "Cannot parse double value “abc” for --reading-timeout"),
                (["-s", spec, "--threads=abc"], "Cannot parse integer value “abc” for --threads"),
                (["-s", spec, "--connect-address=foo"], "spec doesn't have colon: <foo>")]:
            with self.subTest(options=options):
                result = run_server(*options)
                self.assertEqual((result.stderr, result.stdout, result.status), (text + "\n", "", 1))


if __name__ == "__main__":
    unittest.main()
