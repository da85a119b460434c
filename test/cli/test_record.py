"""Sessions recorded by milter-manager --record, and played again by milter-test-server --replay (tools G)."""
import json
import os
import pathlib
import re
import socket
import stat
import struct
import subprocess
import unittest
from unittest import mock

from controller import MTA, PATIENCE, ControllerTest
from manager import PROGRAM


class Record(ControllerTest):
    def setUp(self):
        super().setUp()
        self.records = self.folder / "records"

    def start_recording(self, *options, children=(), text=""):
        """milter-manager with --record; the milters `children` run by then."""
        self.configure(text, children)
        self.launch("--record", "records", *options)

    def stop(self):
        self.process.terminate()
        self.assertEqual(self.process.wait(PATIENCE), 0, self.log.read_text())

    def send(self, *options):
        done = subprocess.run([MTA, "-s", f"unix:{self.folder}/socket", *options], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def files(self, count):
        """Those that are written, in their order; waits for so many."""
        found = lambda: sorted(self.records.glob("*.session"))
        self.until(lambda: len(found()) == count, f"{count} files")
        return found()

    def replay(self, name, *options):
        done = subprocess.run([MTA, "-s", f"unix:{self.folder}/{name}", "--replay", self.records, *options],
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.stderr, "")
        return done.stdout, done.returncode


class Replay(Record):
    def test_the_same_chain_shows_no_difference_and_a_changed_child_exactly_its_own(self):
        self.milter("same", "--add-header=X-Seen:yes", "--reject-at=rcpt=bad@")
        self.milter("other", "--add-header=X-Seen:no", "--reject-at=rcpt=bad@")
        self.milter("stricter", "--add-header=X-Seen:yes", "--reject-at=rcpt=bad@", "--reject-at=mail=<second@")
        self.start_recording(children=["same"])
        self.send("-f", "first@x", "-r", "good@y", "-r", "bad@y", "--body", "one\r\n.\r\n\x01\\tail ")
        self.send("-f", "second@x", "-r", "good@y", "--unknown", "XCMD  two blanks")
        files = self.files(2)
        self.stop()
        self.launch()  # records nothing
        for through in ("socket", "same"):
            self.assertEqual(self.replay(through), ("2 sessions: 2 as recorded, 0 otherwise, 0 could not be played\n", 0))
        for path in files:  # being a script like any other
            done = subprocess.run([MTA, "-s", f"unix:{self.folder}/same", "--script", path], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        output, status = self.replay("other")
        self.assertEqual(status, 2)
        difference = ("the answer to `end-of-message` is another (- expected, + came):\n"
                      "  - add-header X-Seen:yes\n  + add-header X-Seen:no\n    continue\n")
        self.assertEqual(re.sub(r"(?m)^\S+\.session:\d+: ", "", output),
                         difference * 2 + "2 sessions: 0 as recorded, 2 otherwise, 0 could not be played\n")
        self.assertEqual(self.replay("other", "--replay-ignore=add-header X-Seen:*")[1], 0)
        output, status = self.replay("stricter", "--json", "--concurrency=2", "--rate=1000")
        told = [json.loads(line) for line in output.splitlines()]
        self.assertEqual((told[-1], status), ({"sessions": 2, "as_recorded": 1, "otherwise": 1, "not_played": 0}, 2))
        self.assertEqual([one["complaint"].partition(": ")[2] for one in told if "complaint" in one],
                         ["the answer to `mail <second@x>` is not continue, and no `expect` names it: reject"])

    def test_after_a_difference_the_rest_of_the_session_is_compared_too(self):
        self.milter("one", "--reject-at=mail=<no@")
        self.milter("other", "--reject-at=mail=<never@", "--add-header=X-A:b")
        self.start_recording(children=["one"])
        script = self.write("mta connect h 192.0.2.1\nmta mail <no@x>\nexpect reject\nmta mail <never@x>\nmta rcpt <a@b>\nmta data\n"
                            "mta header A:b\nmta end-of-headers\nmta eom\nmta rset\nmta mail <last@x>\nmta rcpt <a@b>\nmta data\n"
                            "mta end-of-headers\nmta eom\nmta quit\n", "script")
        self.send("--script", script)
        self.files(1)
        output, status = self.replay("other")
        self.assertEqual((re.findall(r"(?m)^\S+:\d+: (.*)$", output), status),
                         (["the answer to `mail <no@x>` is another (- expected, + came):",
                           "the answer to `mail <never@x>` is not continue, and no `expect` names it: reject",
                           "the answer to `end-of-message` is another (- expected, + came):"], 2))

    def test_nothing_to_replay_or_nobody_there_is_said(self):
        for path, why in {self.folder / "none": "No such file or directory", self.folder: r"there is no file \*\.session in it"}.items():
            done = subprocess.run([MTA, "-s", "inet:1@127.0.0.1", "--replay", path], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, rf"^{re.escape(str(path))}: {why}\n$")
        self.records.mkdir()
        (self.records / "a.session").write_text("mta connects\nmta nonsense\n")
        output, status = self.replay("nobody")
        self.assertEqual(status, 1)
        self.assertRegex(output, r"a\.session:2: the MTA cannot say: nonsense\n1 sessions: 0 as recorded, 0 otherwise, 1 could not be played\n")


class Recording(Record):
    def test_directory_and_files_are_private(self):
        self.start_recording()
        self.send()
        path, = self.files(1)
        self.assertEqual([stat.S_IMODE(one.stat().st_mode) for one in (self.records, path)], [0o700, 0o600])
        self.assertRegex(path.read_text(), r"^# recorded by milter-manager at \S+ \S+ UTC, session 1\nmta connects\nmta offer v6 ")
        self.stop()
        self.records.chmod(0o750)
        done = self.run_manager("-c", "c", "--record", "records")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"cannot record to .*records: its mode is 750: others may see into it; chmod 700\n")

    def test_options_that_make_no_sense_are_mistakes(self):
        self.configure()
        for options, why in {("--record-sample=0.5",): "--record-sample is an option of --record",
                             ("--record=r", "--record-sample=2"): '--record-sample: "2" is not a number from 0 to 1',
                             ("--record=r", "--record-mask=all"): '--record-mask: "all" is neither addresses nor bodies',
                             ("--record=r", "--record-max-bytes=-1"): '--record-max-bytes: "-1" is not a number of bytes'}.items():
            done = self.run_manager("-c", "c", *options)
            self.assertEqual((done.returncode, done.stderr.splitlines()[0]), (1, why))

    def test_of_a_sample_every_fourth_session_is_written(self):
        self.start_recording("--record-sample=0.25")
        for _ in range(8):
            self.send()
        self.stop()
        self.assertEqual(len(self.files_now()), 2)

    def files_now(self):
        return sorted(self.records.glob("*.session"))

    def test_the_oldest_files_go_when_there_is_no_more_room(self):
        self.milter("one")
        self.start_recording("--record-max-bytes=30000", children=["one"])
        for number in range(10):
            self.send("--header", f"X-Number:{number}", "--body", "x" * 6000)
        self.stop()
        files = self.files_now()
        self.assertLessEqual(sum(path.stat().st_size for path in files), 30000)
        numbers = [re.search(r"X-Number:(\d)", path.read_text())[1] for path in files]
        self.assertEqual(numbers, ["6", "7", "8", "9"])

    def test_what_is_too_large_for_the_record_is_said_and_mail_goes_on(self):
        self.milter("one")
        self.start_recording("--record-max-bytes=3000", children=["one"])
        self.send("--body", "x" * 6000)
        self.send()
        self.files(1)
        line, = self.lines("session_not_recorded")
        self.assertRegex(line, r"session=1.*it is larger than --record-max-bytes")

    def test_a_directory_that_is_gone_is_said_once_and_mail_goes_on(self):
        self.start_recording()
        self.records.rmdir()
        for _ in range(3):
            self.send()
        self.stop()
        line, = self.lines("record_failed")
        self.assertIn("No such file or directory", line)

    @unittest.skipUnless(os.geteuid() == 0, "only root has a small disk")
    def test_a_full_disk_is_said_once_and_mail_and_the_record_go_on(self):
        self.milter("one")
        self.records.mkdir(mode=0o700)
        disk = self.write('#!/bin/sh\nexec unshare --mount sh -c \'mount -t tmpfs -o size=64k,mode=700 tmpfs records && exec "$0" "$@"\' '
                          f'{PROGRAM} "$@"\n', "on_a_small_disk")
        disk.chmod(0o755)
        with mock.patch("controller.PROGRAM", str(disk)):
            self.start_recording(children=["one"])
        self.records = pathlib.Path(f"/proc/{self.process.pid}/root{self.records}")
        self.send("-f", "first@x")
        first, = self.files(1)
        for _ in range(3):
            self.assertIn("status: pass", self.send("--body", "x" * 60000, "--body", "x" * 60000))
        self.until(lambda: self.lines("record_failed"), "it fails")
        self.send("-f", "second@x")
        self.assertIn("<second@x>", self.files(2)[1].read_text())
        self.assertEqual([one.name for one in self.files(2)], sorted(one.name for one in self.records.iterdir()))
        self.assertIn("<first@x>", first.read_text())
        line, = self.lines("record_failed")
        self.assertIn("No space left on device", line)
        self.send("--body", "x" * 60000, "--body", "x" * 60000)
        self.until(lambda: len(self.lines("record_failed")) == 2, "it is said again")
        self.stop()

    def test_masks_hide_people_and_texts_and_can_still_be_replayed(self):
        self.milter("one", "--add-header=X-Seen:yes", "--add-recipient=<secret@example.com>")
        self.start_recording("--record-mask=addresses,bodies", children=["one"])
        self.send("-f", "jane.doe@example.com", "-r", "john@example.org", "--connect-host=desk.example.net", "--helo-fqdn=[192.0.2.77]",
                  "--connect-address=inet:50443@[192.0.2.77]", "--authenticated-name=jane", "--header=Subject:secret plan",
                  "--body", "meet me\r\nat secret noon\r\n", "--end-of-message-macro=i:QID")
        path, = self.files(1)
        text = path.read_text()
        for word in ("jane", "doe", "john", "desk.example", "192.0.2.77", "secret", "meet", "example.org"):
            self.assertNotIn(word, text)
        self.assertRegex(text, r"(?m)^mta connect host\d+\.example 198\.18\.0\.\d+ 50443$")
        sender = re.search(r"(?m)^mta mail <(user\d+@host\d+\.example)>$", text)[1]
        self.assertIn(f"mta header From:{'x' * len('<jane.doe@example.com>')}\n", text)
        self.assertIn("mta body xxxx xx\\r\\nxx xxxxxx xxxx\\r\\n\n", text)
        self.assertIn("i=QID", text)
        self.assertIn("expect like add-header X-Seen:*\nexpect like add-recipient *\nexpect continue\n", text)
        self.assertNotEqual(sender, "")
        self.stop()
        self.launch()
        self.assertEqual(self.replay("socket"), ("1 sessions: 1 as recorded, 0 otherwise, 0 could not be played\n", 0))

    def test_an_mta_that_does_not_wait_and_one_that_goes_are_recorded_as_they_were(self):
        self.milter("one", "--reject-at=rcpt=bad@")
        self.start_recording(children=["one"])
        packet = lambda code, payload=b"": struct.pack(">I", len(payload) + 1) + code + payload
        with socket.socket(socket.AF_UNIX) as mta:
            mta.settimeout(PATIENCE)
            mta.connect(str(self.folder / "socket"))
            mta.sendall(packet(b"O", struct.pack(">III", 6, 0x1FF, 0)))
            mta.recv(100)
            mta.sendall(packet(b"C", b"h\0U") + packet(b"H", b"me\0") + packet(b"M", b"<a@x>\0") + packet(b"R", b"<bad@x>\0")
                        + packet(b"R", b"<good@x>\0"))
            answers = b""
            while len(answers) < 25:
                answers += mta.recv(100)
            mta.sendall(packet(b"B", b"\0" * 10)[:7])
        path, = self.files(1)
        self.assertEqual(path.read_text().splitlines()[2:],
                         ["mta offer v6 actions=all", "mta connect h", "mta helo me", "mta mail <a@x>", "mta rcpt <bad@x>",
                          "expect reject", "mta rcpt <good@x>"])
        self.assertEqual(self.replay("one")[1], 0)


class Pages(unittest.TestCase):
    def test_the_page_names_every_option(self):
        page = (pathlib.Path(__file__).resolve().parents[2] / "docs/manual/record-and-replay.md").read_text()
        for option in ("--record", "--record-sample", "--record-mask", "--record-max-bytes", "--replay", "--replay-ignore", "--rate",
                       "--concurrency", "--json"):
            self.assertIn(option, page)


if __name__ == "__main__":
    unittest.main()
