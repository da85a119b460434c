#!/usr/bin/env python3
"""milter-test-server: status 1 and a line with the stage when it could not talk to the milter."""

import struct
import threading
import time
import unittest

from programs import Folder, agreement, answering, free_port, packet, run_server

STAGES = ["negotiate", "connect", "helo", "envelope-from", "envelope-recipient", "data", "header", "end-of-header",
          "body", "end-of-message"]


class Trouble(Folder):
    def assert_could_not_talk(self, result, pattern):
        self.assertRegex(result.stderr, pattern)
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.status, 1)

    def test_a_milter_that_closes_is_named_with_the_stage(self):
        for stage in STAGES:
            with self.subTest(stage=stage):
                result = self.client(f"--close-at={stage}").server()
                self.assert_could_not_talk(result,
                                           f"\\Aconnection lost at {stage}: the milter closed the connection\n\\Z")

    def test_a_milter_that_hangs_is_named_with_the_stage(self):
        for stage in STAGES:
            with self.subTest(stage=stage):
                begun = time.monotonic()
                result = self.client(f"--hang-at={stage}").server("--all-timeouts=0.2")
                kind = "end-of-message" if stage == "end-of-message" else "reading"
                self.assert_could_not_talk(result, f"\\A{kind} timeout at {stage}\n\\Z")
                self.assertGreaterEqual(time.monotonic() - begun, 0.2)

    def test_a_milter_that_sends_garbage_is_named_with_the_stage(self):
        for stage in STAGES:
            with self.subTest(stage=stage):
                result = self.client(f"--garbage-at={stage}").server()
                self.assert_could_not_talk(result, f"\\ADecode error at {stage}: unexpected reply was received: Z\n\\Z")

    def test_a_cut_packet_is_noticed(self):
        def script(peer):
            peer.expect(b"O")
            peer.send(b"\0\0\0\x0DO\0\0")

        self.assert_could_not_talk(self.milter(script).server(),
                                   r"\Aconnection lost at negotiate: .*inside a packet\n\Z")

    def test_a_length_of_zero_is_noticed(self):
        self.assert_could_not_talk(self.milter(answering({"H": b"\0\0\0\0"})).server(),
                                   r"\Aconnection lost at helo: .*does not speak the milter protocol")

    def test_nobody_listens(self):
        port = free_port()
        self.assert_could_not_talk(run_server(spec=f"inet:{port}@127.0.0.1"),
                                   r"\AFailed to connect to inet:\d+@\[127\.0\.0\.1\]: Connection refused\n\Z")
        self.assert_could_not_talk(run_server(spec="unix:/none/sock"),
                                   r"\AFailed to connect to unix:/none/sock: No such file or directory\n\Z")

    def test_a_milter_that_wants_a_newer_version(self):
        result = self.milter(answering({})).server("--negotiate-version=2")
        self.assert_could_not_talk(result, r"unsupported newer version is requested at negotiate: 2 < 6\n")

    def test_changes_before_the_end_of_the_message_are_a_violation(self):
        result = self.milter(answering({"H": packet(b"h", b"X\0y\0") + packet(b"c")})).server()
        self.assert_could_not_talk(result, r"\AProtocol error at helo: add-header before the end of the message\n\Z")

    def test_a_decision_out_of_turn_is_a_violation(self):
        result = self.milter(answering({"H": packet(b"c") + packet(b"r")})).server()
        self.assert_could_not_talk(result, r"\AProtocol error at helo: a decision out of turn: reject\n\Z")

    def test_a_continue_too_many_is_noted_only(self):
        result = self.milter(answering({"H": packet(b"c") + packet(b"c")})).server("--name=mta1")
        self.assertEqual((result.answer, result.status), ("pass", 0))
        self.assertEqual(result.stderr, "[mta1] helo: a continue that nobody waits for\n")

    def test_an_answer_of_the_wrong_kind_to_the_negotiation(self):
        self.assert_could_not_talk(self.milter(answering({}, begin=packet(b"c"))).server(),
                                   r"\AProtocol error at negotiate: continue was received\n\Z")

    def test_a_reply_code_of_the_wrong_class_is_a_violation(self):
        result = self.milter(answering({"H": packet(b"y", b"250 fine\0")})).server()
        self.assert_could_not_talk(result, r"\AProtocol error at helo: a reply code that is neither 4xx nor 5xx")

    def test_changes_that_were_not_negotiated_are_noted_and_done(self):
        edit = packet(b"h", b"X\0y\0") + packet(b"c")
        result = self.milter(answering({"E": edit}, begin=agreement(actions=0))).server("--output-message")
        self.assertIn("end-of-message: add-header was not negotiated", result.stderr)
        self.assertIn("+ X: y\n", result.stdout)
        self.assertEqual(result.status, 0)

    def test_a_milter_that_reads_nothing_is_a_writing_timeout(self):
        over = threading.Event()

        def script(peer):
            peer.expect(b"O")
            peer.send(agreement(steps=0x80000))  # no reply to the body
            code = b""
            while code != b"N":
                code = peer.read()[0]
                if code != b"D":
                    peer.send(packet(b"c"))
            over.wait(30)

        mail = self.folder / "mail"
        mail.write_bytes(b"From: a@b\nTo: c@d\n\n" + b"x" * (16 * 1024 * 1024))
        milter = self.milter(script)
        try:
            # Not through milter.server(): the script ends only afterwards.
            result = run_server("--writing-timeout=0.3", "-m", str(mail), spec=milter.spec)
        finally:
            over.set()
        self.assert_could_not_talk(result, r"\Awriting timeout at body\n\Z")

    def test_an_end_of_message_timeout_is_not_the_writing_or_reading_one(self):
        client = self.client("--delay=end-of-message=0.6")
        result = client.server("--reading-timeout=0.2", "--writing-timeout=0.2")
        self.assertEqual((result.answer, result.status), ("pass", 0))
        result = client.server("--end-of-message-timeout=0.2")
        self.assert_could_not_talk(result, r"\Aend-of-message timeout at end-of-message\n\Z")

    def test_a_connection_timeout_is_told(self):
        import socket
        # A queue of one that is full: the kernel answers nobody else.
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            where = listener.getsockname()
            fillers = []
            for _ in range(4):
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(where)
                fillers.append(one)
            try:
                result = run_server("--connection-timeout=0.3", spec=f"inet:{where[1]}@127.0.0.1")
            finally:
                for one in fillers:
                    one.close()
        self.assert_could_not_talk(result, r"\Aconnection timeout at connecting to inet:\d+@\[127\.0\.0\.1\]\n\Z")


if __name__ == "__main__":
    unittest.main()
