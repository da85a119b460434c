#!/usr/bin/env python3
"""milter-test-client: behaviour by script, the report as JSON, statistics, and what it records."""

import json
import time
import unittest
from pathlib import Path

from programs import Folder, packet, run_client
from test_client import Mta

class Script(Mta, Folder):
    def scripted(self, text, *options):
        path = self.folder / "script"
        path.write_text(text)
        return self.client(f"--script={path}", *options)

    def test_the_example_of_the_manual_page(self):
        page = (Path(__file__).resolve().parents[2] / "docs/man/milter-test-client.1").read_text()
        script = page[page.index("# Greylists one sender"):]
        client = self.scripted(script[:script.index(".fi\n")].replace("\\e", "\\"))
        self.assertEqual(client.server("-f", "grey@x").answer, "temporary-failure [451]<4.7.1>(come again)")
        begun = time.monotonic()
        self.assertEqual(client.server("-r", "postmaster@x").answer, "accept")
        self.assertGreaterEqual(time.monotonic() - begun, 0.2)
        message = client.server("--output-message", "--color=no").stdout
        self.assertIn("Quarantine reason: <suspicious>\n", message)
        self.assertIn("+ X-First: line 1\n+ \tline 2\n", message)
        self.assertIn("+ X-Checked: yes\n", message)
        peer = self.mta(client)
        self.assertEqual(self.agreed, bytes.fromhex("00000006" "00000121" "00000402" "00000003") + b"i {auth_authen}\0")
        self.assertEqual(self.ask(peer, b"M", b"<a@b>\0"), (b"c", b""))
        peer.send(packet(b"E"))
        self.assertEqual([peer.read()[0] for _ in range(5)], [b"p", b"h", b"i", b"q", b"c"])
        self.assertNotIn("helo:", client.stop().stdout)

    def test_every_change_and_the_first_rule_that_fits(self):
        client = self.scripted("""\
at end-of-message
  change-header 2 X-A: new
  delete-header 1 X-B
  replace-body two\\r\\nlines\\r\\n
  add-recipient <new@x>
  add-recipient <more@x> NOTIFY=NEVER
  delete-recipient <old@x>
  change-sender <> SIZE=1
at end-of-message
  reject
""")
        peer = self.mta(client)
        peer.send(packet(b"E"))
        read = [peer.read() for _ in range(8)]
        self.assertEqual(read, [(b"m", b"\0\0\0\2X-A\0new\0"), (b"m", b"\0\0\0\1X-B\0\0"), (b"+", b"<new@x>\0"),
                                (b"2", b"<more@x>\0NOTIFY=NEVER\0"), (b"-", b"<old@x>\0"), (b"e", b"<>\0SIZE=1\0"),
                                (b"b", b"two\r\nlines\r\n"), (b"c", b"")])

    def test_every_answer_by_its_word(self):
        for word, answer in [("accept", b"a"), ("reject", b"r"), ("temporary-failure", b"t"), ("discard", b"d"), ("skip", b"s"),
                             ("continue", b"c"), ("reply 554 5.0.0 no", b"y")]:
            with self.subTest(word=word):
                peer = self.mta(self.scripted(f"at body x\n  {word}\n"))
                self.assertEqual(self.ask(peer, b"B", b"text x")[0], answer)
                self.assertEqual(self.ask(self.mta(self.scripted(f"at body x\n  {word}\n")), b"B", b"plain")[0], b"c")

    def test_trouble_by_script(self):
        peer = self.mta(self.scripted("at helo\n  garbage\n  raw p\n  bytes \\x00\\x00\n  close\n"))
        self.assertEqual(self.ask(peer, b"H", b"x\0"), (b"Z", b""))
        self.assertEqual(peer.read(), (b"p", b""))
        self.assertIsNone(peer.read())
        peer = self.mta(self.scripted("at helo\n  hang\n"))
        peer.send(packet(b"H", b"x\0"))
        peer.connection.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            peer.read()
        self.assertNotEqual(self.scripted("at negotiate\n  close\n").server().status, 0)
        self.assertEqual(self.scripted("at negotiate\n  delay 0.1\n").server().answer, "pass")

    def test_agreements_by_options(self):
        client = self.client("--no-action=change-body", "--no-action=quarantine", "--macros=helo={tls_version}")
        self.mta(client)
        self.assertEqual(self.agreed, bytes.fromhex("00000006" "000001dd" "00000400" "00000001") + b"{tls_version}\0")

    def test_mistakes_have_their_line(self):
        path = self.folder / "bad"
        for text, complaint in [
                ("\nat bogus\n", "2: no stage has this name: <bogus>"),
                ("  reject\n", '1: an indented line belongs to an "at" line, and there is none'),
                ("at helo\n  refuse\n", "2: there is no such word: <refuse>"),
                ("at helo\n  discard\n", "2: discard is not possible at this stage"),
                ("at helo\n  skip\n", "2: skip is not possible at this stage"),
                ("at negotiate\n  reject\n", "2: reject is not possible at this stage"),
                ("at rcpt\n  add-header X: y\n", "2: add-header is possible at end-of-message only"),
                ("at end-of-message\n  insert-header X: y\n", "2: insert-header cannot be read: <X: y>"),
                ("at helo\n  delay soon\n", "2: Cannot parse double value “soon” for delay"),
                ("at helo\n  reply 250 fine\n", "2: a reply text that"),
                ("agree steps=x\n", "1: no flag has this name: <x>"), ("agree version\n", "1: not a part of an agreement: <version>"),
                ("macros header i\n", "1: no stage with a list of macros has this name: <header>"),
                ("reject\n", "1: a line begins with at, agree or macros, or is indented: <reject>"),
                ("at helo\0\n", "1: this is no text")]:
            with self.subTest(text=text):
                path.write_text(text)
                result = run_client(f"--script={path}")
                self.assertEqual((result.stdout, result.status), ("", 1))
                if "a reply text that" in complaint:
                    self.assertRegex(result.stderr, rf"^{path}:2: .*: <250 fine>\n$")
                else:
                    self.assertEqual(result.stderr, f"{path}:{complaint}\n")

    def test_files_that_are_no_script(self):
        garbage = self.folder / "garbage"
        garbage.write_bytes(bytes(range(256)) * 100)
        sparse = self.folder / "sparse"
        with open(sparse, "wb") as file:
            file.truncate(10 << 30)
        for path, complaint in [("/none/x", "--script: /none/x: No such file or directory"),
                                (self.folder, f"--script: {self.folder}: Is a directory"),
                                (sparse, f"--script: {sparse}: larger than 1048576 bytes"), (garbage, f"{garbage}:1: this is no text")]:
            result = run_client(f"--script={path}")
            self.assertEqual((result.stderr, result.stdout, result.status), (complaint + "\n", "", 1))


class Output(Mta, Folder):
    def test_the_report_as_json(self):
        client = self.client("--json", "--statistics", "--body-checksum", "--reject-at=helo=bad")
        client.server("-b", "TEXT", "-h", "To:x", "--helo-macro=tls_version:1", "--unknown=WIZ")
        client.server("--helo-fqdn=bad")
        peer = self.mta(client)
        self.ask(peer, b"L", b"Subject\0\xff\xe2\x82\xac\x01\0")
        peer.connection.close()
        lines = [json.loads(line) for line in client.stop().stdout.splitlines()]
        first = [line for line in lines if line.get("session") == 1]
        self.assertEqual([line["event"] for line in first],
                         ["negotiate", "connect", "helo", "envelope-from", "envelope-recipient", "unknown", "data", "header", "header",
                          "end-of-header", "body", "end-of-message", "body-checksum", "finished"])
        self.assertEqual((first[1]["host"], first[1]["address"]), ("mx.example.net", "inet:50443@[192.168.123.123]"))
        self.assertEqual(first[2]["macros"]["tls_version"], "1")
        self.assertEqual((first[7]["name"], first[7]["value"]), ("To", "x"))
        self.assertEqual(first[10]["bytes"], "TEXT")
        self.assertEqual(first[12]["length"], "4")
        strange = next(line for line in lines if line.get("name") == "Subject")
        self.assertEqual(strange["value"], "\ufffd€\x01")
        last = lines[-1]
        self.assertEqual((last["event"], last["sessions"], last["messages"], last["aborts"], last["errors"]), ("statistics", 3, 1, 1, 0))
        self.assertEqual((last["received"]["helo"], last["answers"]["reject"], last["body-bytes"]), (2, 1, 4))

    def test_statistics_as_text(self):
        client = self.client("--statistics", "--no-report-request", "--temp-fail-at=data")
        client.server()
        client.server()
        self.assertRegex(client.stop().stdout, r"""^statistics:
  sessions: 2
  messages: 0
  aborts: 2
  errors: 0
  header-bytes: 0
  body-bytes: 0
  received abort: 2
  received connect: 2
  received data: 2
  received envelope-from: 2
  received envelope-recipient: 2
  received finished: 2
  received helo: 2
  received negotiate: 2
  answered continue: 8
  answered temporary-failure: 2
  elapsed-time: \d+\.\d{3} seconds
$""")

    def test_what_an_mta_sends_is_recorded(self):
        path = self.folder / "recorded"
        client = self.client(f"--record={path}", "--no-report-request")
        client.server("-f", "a b@x", "-b", "two\r\nlines\r\n", "-h", "To: x", "--connect-macro=if_name:a b", "--unknown=WIZ 1")
        client.server()
        client.stop()
        text, second = path.read_text().split("# session 2\n")
        self.assertTrue(second.startswith("mta connects\nmta offer "))
        self.assertTrue(text.startswith("# session 1\nmta connects\nmta offer v6 actions=all steps=all\nmta macros C "))
        self.assertIn(" {if_name}=a\\x20b", text)
        lines = [line for line in text.splitlines() if not line.startswith("mta macros")]
        self.assertEqual(lines, ["# session 1", "mta connects", "mta offer v6 actions=all steps=all", "mta connect mx.example.net 192.168.123.123 50443",
                                 "mta helo delian", "mta mail <a\\x20b@x>", "mta rcpt <receiver@example.org>", "mta unknown WIZ 1",
                                 "mta data", "mta header To:\\x20x", "mta header From:<a b@x>", "mta end-of-headers",
                                 "mta body two\\r\\nlines\\r\\n", "mta end-of-message", "mta quit", ""])

    def test_what_was_recorded_is_played_by_the_test_server_and_recorded_the_same(self):
        first, second = self.folder / "first", self.folder / "second"
        client = self.client(f"--record={first}", "--no-report-request")
        client.server("-f", "a b@x", "-r", "b@y", "-r", "c@z", "-b", "two\r\nlines\r\n\x01", "-b", " more ", "-h", "To: x", "--unknown=WIZ 1")
        client.server("--connect-address=inet6:7@[::1]", "-b", "x" * 70000)
        client.server("--connect-address=unix:/tmp/x", "-f", "")
        client.stop()
        other = self.client(f"--record={second}", "--no-report-request", "--statistics")
        played = other.server(f"--script={first}")
        self.assertEqual((played.stderr, played.status), ("", 0))
        self.assertIn("\n  sessions: 3\n  messages: 3\n", other.stop().stdout)
        self.assertEqual(second.read_text(), first.read_text())
        refusing = self.client("--reject-at=rcpt=<c@z>")
        played = refusing.server(f"--script={first}")
        self.assertEqual(played.status, 2)
        self.assertRegex(played.stdout + played.stderr, rf"{first}:\d+: the answer to `rcpt <c@z>` is not continue.*: reject\n")

    def test_output_that_cannot_be_written_ends_it_with_an_error(self):
        for options, stdout, where in [([], "/dev/full", "standard output"),
                                       (["--record=/dev/full", "--no-report-request"], "/dev/null", "the record")]:
            with self.subTest(where=where), open(stdout, "wb") as output:
                client = self.client(*options, stdout=output)
                client.server()
                _, errors = client.process.communicate(timeout=30)
                self.assertEqual((errors.decode(), client.process.returncode),
                                 (f"cannot write to {where}: No space left on device\n", 1))

    def test_a_closed_pipe_ends_it_with_an_error(self):
        client = self.client()
        client.process.stdout.close()
        client.server()
        errors = client.process.stderr.read()
        self.assertEqual((errors.decode(), client.process.wait(30)), ("cannot write to standard output: Broken pipe\n", 1))

    def test_a_place_that_cannot_be_recorded_to(self):
        for path, why in [("/none/x", "No such file or directory"), (str(self.folder), "Is a directory")]:
            result = run_client("-s", f"unix:{self.folder}/s", f"--record={path}")
            self.assertEqual((result.stderr, result.status), (f"failed to open file to record to: {path}: {why}\n", 1))


if __name__ == "__main__":
    unittest.main()
