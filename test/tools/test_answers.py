#!/usr/bin/env python3
"""milter-test-server: what it prints and returns for each answer of a milter (tools A.2, A.5)."""

import struct
import unittest

from programs import Folder, agreement, answering, packet

ORDER = ["connect", "helo", "envelope-from", "envelope-recipient", "data", "header", "end-of-header", "body",
         "end-of-message"]


class Answers(Folder):
    def said(self, *client_options, server_options=()):
        client = self.client(*client_options)
        result = client.server(*server_options)
        self.assertEqual(client.stop().status, 0)
        return result

    def test_a_milter_without_objections_gives_pass(self):
        result = self.said()
        self.assertRegex(result.stdout, r"\Astatus: pass\nelapsed-time: [0-9.e+-]+ seconds\n\Z")
        self.assertEqual((result.stderr, result.status), ("", 0))

    def test_each_plain_answer_has_its_word_at_every_stage(self):
        for stage in ORDER:
            for option, word in [("--accept-at", "accept"), ("--reject-at", "reject"),
                                 ("--temp-fail-at", "temporary-failure"), ("--discard-at", "discard")]:
                if word == "discard" and stage in ("connect", "helo"):
                    continue
                with self.subTest(stage=stage, option=option):
                    result = self.said(f"{option}={stage}")
                    self.assertEqual(result.answer, word)
                    self.assertEqual((result.stderr, result.status), ("", 0))

    def test_a_reply_code_is_taken_apart(self):
        for reply, answer in [("550 5.7.1 Go away", "reject [550]<5.7.1>(Go away)"),
                              ("451 4.7.1 Greylisted, try later",
                               "temporary-failure [451]<4.7.1>(Greylisted, try later)"),
                              ("550 no ext", "reject [550]<no>(ext)"),
                              ("550 5.7.1 100%% sure", "reject [550]<5.7.1>(100% sure)")]:
            with self.subTest(reply=reply):
                self.assertEqual(self.said(f"--reply-at=envelope-from={reply}").answer, answer)

    def test_a_reply_of_several_lines_keeps_them(self):
        milter = self.milter(answering({"H": packet(b"y", b"550-5.7.1 first\r\n550 5.7.1 second\0")}))
        result = milter.server()
        self.assertEqual(result.stdout.split("elapsed")[0], "status: reject [550]<5.7.1>(first\nsecond)\n")

    def test_quarantine_shows_its_reason(self):
        result = self.said("--quarantine=looks odd")
        self.assertEqual(result.answer, "quarantine")
        self.assertEqual(result.stdout.splitlines()[2], "Quarantine reason: <looks odd>")

    def test_quarantine_followed_by_accept_says_accept(self):
        result = self.said("--quarantine=why", "--accept-at=end-of-message")
        self.assertEqual(result.answer, "accept")
        self.assertIn("Quarantine reason: <why>", result.stdout)

    def test_shutdown_is_abort_and_connection_failure_is_error(self):
        self.assertEqual(self.milter(answering({"M": packet(b"4")})).server().answer, "abort")
        self.assertEqual(self.milter(answering({"M": packet(b"f")})).server().answer, "error")

    def test_skip_at_the_end_is_skip(self):
        self.assertEqual(self.milter(answering({"E": packet(b"s")})).server().answer, "skip")

    def test_a_refused_recipient_is_left_out_and_the_rest_goes_on(self):
        client = self.client("--reject-at=envelope-recipient=bad")
        result = client.server("-r", "bad@example.com", "-r", "good@example.com", "--output-message")
        self.assertEqual(result.answer, "pass")
        self.assertIn("- RCPT TO:<bad@example.com>\n  RCPT TO:<good@example.com>\n", result.stdout)

    def test_the_last_answer_counts_when_no_recipient_is_left(self):
        client = self.client("--temp-fail-at=rcpt=one", "--reply-at=rcpt=550 5.1.1 no")
        result = client.server("-r", "one@x", "-r", "two@x")
        self.assertEqual(result.answer, "reject [550]<5.1.1>(no)")
        self.assertNotIn("\ndata\n", client.stop().stdout)

    def test_an_early_end_is_told_with_abort_and_quit(self):
        log = []
        self.milter(answering({"H": packet(b"r")}, log=log)).server()
        self.assertEqual(b"".join(code for code, _ in log), b"DCDHAQ")
        log = []
        self.milter(answering({"E": packet(b"r")}, log=log)).server()
        self.assertEqual(b"".join(code for code, _ in log), b"DCDHDMDRDTLLDNBDEQ")

    def test_body_skip_leaves_out_the_rest_of_the_body(self):
        log = []
        result = self.milter(answering({"B": packet(b"s")}, log=log)).server("-b", "1", "-b", "2", "-b", "3")
        self.assertEqual(result.answer, "pass")
        self.assertEqual([payload for code, payload in log if code == b"B"], [b"1"])

    def test_stages_that_the_milter_does_not_want_are_not_sent(self):
        log = []
        steps = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x100 | 0x200
        result = self.milter(answering({}, begin=agreement(steps=steps), log=log)).server("--unknown=X")
        self.assertEqual(result.answer, "pass")
        self.assertEqual(b"".join(code for code, _ in log), b"DEQ")

    def test_no_answer_is_waited_for_where_none_comes(self):
        quiet = 0x80 | 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x20000 | 0x40000 | 0x80000
        log = []

        def script(peer):
            peer.expect(b"O")
            peer.send(agreement(steps=quiet))
            while (one := peer.read())[0] != b"E":
                log.append(one[0])
            peer.send(packet(b"r"))
            peer.expect(b"Q")

        result = self.milter(script).server("--unknown=X")
        self.assertEqual(result.answer, "reject")
        self.assertEqual(b"".join(log), b"DCDHDMDRUDTLLDNBD")

    def test_progress_is_patience(self):
        slow = packet(b"p") * 3 + packet(b"c")
        self.assertEqual(self.milter(answering({"H": slow, "E": slow})).server().answer, "pass")

    def test_a_refused_unknown_command_ends_nothing(self):
        self.assertEqual(self.said("--reject-at=unknown", server_options=["--unknown=X"]).answer, "pass")

    def test_macro_lists_replace_the_default_of_their_stage(self):
        log = []
        lists = struct.pack(">I", 3) + b"{mail_addr} i\0" + struct.pack(">I", 1) + b"\0"
        self.milter(answering({}, begin=agreement(lists=lists), log=log)).server()
        told = {payload[:1]: payload[1:] for code, payload in log if code == b"D"}
        self.assertEqual(told[b"R"], b"{mail_addr}\0mail_addr\0i\0i\0")
        self.assertNotIn(b"H", told)

    def test_headers_carry_their_blank_when_that_was_agreed_on(self):
        log = []
        edit = packet(b"h", b"X\0 v\0") + packet(b"c")
        result = self.milter(answering({"E": edit}, begin=agreement(steps=0x100000), log=log)).server(
            "-h", "A:b", "--output-message")
        self.assertIn((b"L", b"A\0 b\0"), log)
        self.assertIn("  A: b\n", result.stdout)
        self.assertIn("+ X: v\n", result.stdout)


if __name__ == "__main__":
    unittest.main()
