#!/usr/bin/env python3
"""milter-test-client: what it prints (tools B), its options, its end."""

import os
import signal
import socket
import stat
import time
import unittest

from programs import Folder, Peer, agreement, free_port, only, packet, run_client

OFFER = ("negotiate: version=<6>, action=<add-headers|change-body|add-envelope-recipient|delete-envelope-recipient|"
         "change-headers|quarantine|change-envelope-from|add-envelope-recipient-with-parameters|set-symbol-list>, "
         "step=<no-connect|no-helo|no-envelope-from|no-envelope-recipient|no-body|no-headers|no-end-of-header|"
         "no-reply-header|no-unknown|no-data|skip|envelope-recipient-rejected|no-reply-connect|no-reply-helo|"
         "no-reply-envelope-from|no-reply-envelope-recipient|no-reply-data|no-reply-unknown|no-reply-end-of-header|"
         "no-reply-body|header-value-with-leading-space>\n")


class Mta:
    """An MTA packet by packet; for classes of tests."""

    def mta(self, client):
        """A connection to it, negotiated."""
        connection = socket.socket(socket.AF_UNIX)
        self.addCleanup(connection.close)
        connection.connect(client.spec.removeprefix("unix:"))
        peer = Peer(connection)
        peer.send(packet(b"O", bytes.fromhex("00000006000001ff001fffff")))
        self.agreed = peer.expect(b"O")
        return peer

    def ask(self, peer, code, payload=b""):
        peer.send(packet(code, payload))
        return peer.read()


class TestClient(Mta, Folder):
    def test_the_sample(self):
        client = self.client()
        client.server("--unknown=COMMAND", "-b", "TEXT", "-h", "To:x", "--helo-macro=tls_version:1")
        text = client.stop().stdout
        self.assertEqual(text, OFFER + """\
connect: host=<mx.example.net>, address=<inet:50443@[192.168.123.123]>
macros:
  daemon_name=milter-test-server
  if_name=localhost
  if_addr=127.0.0.1
  j=mail.example.com
helo: <delian>
macros:
  tls_version=1
  cipher=0
  cipher_bits=0
  cert_subject=cert_subject
  cert_issuer=cert_issuer
envelope-from: <<sender@example.com>>
macros:
  mail_mailer=mail_mailer
  mail_host=mail_host
  mail_addr=mail_addr
envelope-recipient: <<receiver@example.org>>
macros:
  rcpt_mailer=rcpt_mailer
  rcpt_host=rcpt_host
  rcpt_addr=receiver@example.org
unknown: <COMMAND>
data
macros:
  i=i
header: <To: x>
header: <From: <sender@example.com>>
end-of-header
macros:
  i=i
body: <TEXT>
end-of-message
macros:
  i=i
finished
""")

    def test_abort_is_printed(self):
        client = self.client("--reject-at=data")
        client.server()
        self.assertTrue(client.stop().stdout.endswith("data\nmacros:\n  i=i\nabort\nfinished\n"))

    def test_addresses_of_each_family(self):
        client = self.client()
        for spec in ("inet6:7@[::1]", "unix:/tmp/x"):
            client.server(f"--connect-address={spec}")
        peer = self.mta(client)
        self.assertEqual(self.ask(peer, b"C", b"h\0U"), (b"c", b""))
        self.assertEqual(self.ask(peer, b"C", b"h\x006\0\1IPv6:2001:db8::1\0"), (b"c", b""))
        peer.connection.close()
        text = client.stop().stdout
        for address in ("inet6:7@[::1]", "unix:/tmp/x", "unknown", "inet6:1@[2001:db8::1]"):
            self.assertIn(f"address=<{address}>\n", text)

    def test_data_in_the_end_of_message(self):
        client = self.client("--body-checksum")
        peer = self.mta(client)
        self.assertEqual(self.ask(peer, b"E", b"last"), (b"c", b""))
        peer.send(packet(b"Q"))
        self.assertIsNone(peer.read())
        text = client.stop().stdout
        self.assertIn("end-of-message: <last>\n", text)
        self.assertIn("length=4", text)

    def test_any_bytes_come_out_as_they_are(self):
        client = self.client()
        peer = self.mta(client)
        self.assertEqual(self.ask(peer, b"B", b"\0\xff\x1b[%n\r\n"), (b"c", b""))
        peer.connection.close()
        self.assertIn("body: <\0\udcff\x1b[%n\r\n>\n", client.stop().stdout)

    def test_nothing_is_printed_without_reports(self):
        client = self.client("--no-report-request")
        self.assertEqual(client.server().answer, "pass")
        result = client.stop()
        self.assertEqual((result.stdout, result.stderr, result.status), ("", "", 0))

    def test_the_default_agreement_and_steps_by_name(self):
        for options, steps in [([], "00000400"), (["--step=no-reply-body", "--step=no-helo"], "00080402"),
                               (["--no-step=skip"], "00000000"),
                               (["--step=header-value-with-leading-space"], "00100400")]:
            with self.subTest(options=options):
                self.mta(self.client(*options))
                self.assertEqual(self.agreed.hex(), "00000006" + "000001ff" + steps)

    def test_patterns_choose_when_to_answer(self):
        client = self.client("--reject-at=header=Subject: spam", "--temp-fail-at=connect=192.0.2.", "--discard-at=mail=d@",
                             "--accept-at=helo=friend")
        self.assertEqual(client.server("-h", "Subject:spam and more").answer, "reject")
        self.assertEqual(client.server("-h", "Subject:fine").answer, "pass")
        self.assertEqual(client.server("--connect-address=inet:1@192.0.2.9").answer, "temporary-failure")
        self.assertEqual(client.server("-f", "d@x").answer, "discard")
        self.assertEqual(client.server("--helo-fqdn=my.friend").answer, "accept")

    def test_a_body_is_searched_across_pieces_and_decided_at_the_end(self):
        client = self.client("--reject-body=EICAR", "--reject-body=other")
        self.assertEqual(client.server("-b", "xxEI", "-b", "C", "-b", "ARxx").answer, "reject")
        self.assertEqual(client.server("-b", "EICA", "-b", "xR").answer, "pass")
        self.assertEqual(client.server("-b", "anot", "-b", "her").answer, "reject")
        self.assertEqual(client.stop().stdout.count("end-of-message\n"), 3)

    def test_a_delay_is_kept_and_delays_nobody_else(self):
        client = self.client("--delay=helo=0.5")
        begun = time.monotonic()
        result = client.server("-t", "10")
        taken = time.monotonic() - begun
        self.assertEqual(result.stdout.count("status: pass"), 10)
        self.assertGreaterEqual(taken, 0.5)
        self.assertLess(taken, 4)
        self.assertEqual(self.client("--delay=negotiate=0.1").server().answer, "pass")

    def test_garbage_is_answered_by_closing_and_an_error_line(self):
        client = self.client()
        peer = self.mta(client)
        self.assertIsNone(self.ask(peer, b"Z"))
        result = client.stop()
        self.assertIn("ERROR: ", result.stderr)
        self.assertTrue(result.stdout.endswith("finished\n"))

    def test_changes_that_the_mta_did_not_agree_to_are_left_out_and_noted(self):
        client = self.client("--add-header=X:1", "--add-recipient=a@b")
        self.assertEqual(client.server("--negotiate-version=2", "--output-message").stdout.count("+ "), 2)
        connection = socket.socket(socket.AF_UNIX)
        self.addCleanup(connection.close)
        connection.connect(client.spec.removeprefix("unix:"))
        peer = Peer(connection)
        peer.send(packet(b"O", bytes.fromhex("00000006" "00000001" "001fffff")))
        peer.expect(b"O")
        peer.send(packet(b"E"))
        self.assertEqual(peer.read(), (b"h", b"X\0001\0"))
        self.assertEqual(peer.read(), (b"c", b""))
        connection.close()
        self.assertIn("a change was left out", client.stop().stderr)

    def test_signals_end_it_with_status_0_and_without_traces(self):
        for one in (signal.SIGTERM, signal.SIGINT):
            client = self.client()
            path = client.spec.removeprefix("unix:")
            self.assertTrue(os.path.exists(path))
            self.assertEqual(client.stop(one).status, 0)
            self.assertFalse(os.path.exists(path))
            self.assertEqual(list(self.folder.glob("*.pid")), [])

    def test_a_message_under_way_is_ended_after_the_signal(self):
        client = self.client()
        peer = self.mta(client)
        self.assertEqual(self.ask(peer, b"M", b"<a@b>\0"), (b"c", b""))
        client.process.send_signal(signal.SIGTERM)
        # It does not listen any more once the signal has been seen.
        path = client.spec.removeprefix("unix:")
        while os.path.exists(path):
            time.sleep(0.002)
        self.assertEqual(self.ask(peer, b"R", b"<c@d>\0"), (b"c", b""))
        self.assertEqual(self.ask(peer, b"E"), (b"c", b""))
        self.assertIsNone(peer.read())
        out, _ = client.process.communicate(timeout=30)
        self.assertEqual(client.process.returncode, 0)
        self.assertTrue(out.endswith(b"end-of-message\nfinished\n"))

    def test_a_second_signal_kills(self):
        client = self.client()
        peer = self.mta(client)
        self.ask(peer, b"M", b"<a@b>\0")
        client.process.send_signal(signal.SIGTERM)
        path = client.spec.removeprefix("unix:")
        while os.path.exists(path):
            time.sleep(0.002)
        self.assertEqual(client.stop(signal.SIGTERM).status, -signal.SIGTERM)

    def test_it_listens_on_inet_and_inet6(self):
        port = free_port()
        client = self.client(spec=f"inet:{port}@127.0.0.1")
        self.assertEqual(client.server().answer, "pass")
        if socket.has_ipv6:
            client = self.client(spec=f"inet6:{free_port()}@[::1]")
            self.assertEqual(client.server().answer, "pass")

    def test_the_mode_of_the_socket(self):
        for text, mode in [("600", 0o600), ("u=rw,g=rw", 0o660), ("a=rw", 0o666)]:
            client = self.client(f"--unix-socket-mode={text}")
            self.assertEqual(stat.S_IMODE(os.stat(client.spec.removeprefix("unix:")).st_mode), mode)

    def test_version_and_help(self):
        result = run_client("--version")
        self.assertRegex(result.stdout, r"\A\d+\.\d+\.\d+\n\Z")
        self.assertEqual(result.status, 0)
        self.assertIn("--reject-at", run_client("--help").stdout)

    def test_complaints(self):
        for options, text in [
                (["-s", "foo"], "-s: spec doesn't have colon: <foo>"),
                (["--connection-spec=foo"], "--connection-spec: spec doesn't have colon: <foo>"),
                (["--reject-att=helo"], "Unknown option --reject-att (did you mean --reject-at?)"),
                (["--reject-at=bogus"], "--reject-at: no stage has this name: <bogus>"),
                (["--discard-at=connect"], "--discard-at: not possible at this stage: <connect>"),
                (["--accept-at=unknown"], "--accept-at: not possible at this stage: <unknown>"),
                (["--delay=helo=x"], "Cannot parse double value “x” for --delay"),
                (["--step=bogus"], "--step: no step has this name: <bogus>"),
                (["--add-header=x"], "--add-header: should be 'NAME:VALUE': <x>"),
                (["--unix-socket-mode=u+x"], "--unix-socket-mode: set mode must be '=': '+': <u+x>"),
                (["--unix-socket-mode=999"], "--unix-socket-mode: invalid character: '9': <999>"),
                (["--log-level=bogus"], "--log-level: unknown flag names: [<bogus>](<MilterLogLevelFlags>)"),
                (["--log-level=info|x|y"], "--log-level: unknown flag names: [<x>|<y>](<MilterLogLevelFlags>)"),
                (["--syslog-facility=x"], "--syslog-facility: unknown syslog facility: <x>"),
                (["--n-workers=5000"], "--n-workers: too big: <5000>: parsed=<5000>, max=<1000>"),
                (["--n-workers=-1"], "--n-workers: invalid integer value: <-1>(>-<1)"),
                (["--event-loop-backend=epoll"],
                 "--event-loop-backend: unknown event loop backend: <epoll> available values: [glib|libev]"),
                (["--user-id=abc"], "--user-id: invalid integer value: <abc>(>a<bc)"),
                (["--user-id=99999"], "--user-id: invalid UID: <99999>(99999)"),
                (["--group-id=99999"], "--group-id: invalid GID: <99999>(99999)"),
                (["--packet-buffer-size=abc"], "--packet-buffer-size: invalid integer value: <abc>(>a<bc)"),
                (["--max-pending-finished-sessions=1x"],
                 "--max-pending-finished-sessions: invalid integer value: <1x>(1>x<)"),
                (["--no-action=bogus"], "--no-action: no action has this name: <bogus>"),
                (["--macros=header=i"], "--macros: no stage with a list of macros has this name: <header>")]:
            with self.subTest(options=options):
                result = run_client(*options)
                self.assertEqual((result.stderr, result.stdout, result.status), (text + "\n", "", 1))
        self.assertRegex(run_client("--reply-at=helo=250 fine").stderr, r"\A--reply-at: .*: <250 fine>\n\Z")

    def test_a_place_that_cannot_be_listened_on(self):
        result = run_client("-s", "unix:/none/x.sock")
        self.assertIn("unix:/none/x.sock: No such file or directory", result.stderr)
        self.assertEqual((result.stdout, result.status), ("", 1))


if __name__ == "__main__":
    unittest.main()
