#!/usr/bin/env python3
"""milter-performance-check against a scripted SMTP server: what it says there, and what it prints of the answers."""
import base64
import csv
import hashlib
import hmac
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

PROGRAM = os.environ["MILTER_PERFORMANCE_CHECK"]
PATIENCE_S = 30

SUMMARY = re.compile(r"""Total:
      N mails: +(\d+)
 Elapsed time: +(\d+\.\d\d) \(sec\)
   Throughput: +(\d+\.\d\d) \(mails/sec\)

Per mail:
          Max: +(\d+\.\d\d) \(sec\)
          Min: +(\d+\.\d\d) \(sec\)
      Average: +(\d+\.\d\d) \(sec\)

Status:
 Temporary failure: +(\d+) \( *(\d+\.\d\d)%\)
            Reject: +(\d+) \( *(\d+\.\d\d)%\)
             Error: +(\d+) \( *(\d+\.\d\d)%\)
""")


class Session:
    """One connection: what the client said, the message, and when it was there."""

    def __init__(self):
        self.lines: list[str] = []
        self.message = b""
        self.began, self.ended = time.monotonic(), 0.0
        self.encrypted = False
        self.wrapped = None

    def said(self, verb: str) -> list[str]:
        return [line for line in self.lines if line.upper().startswith(verb)]


class Server:
    """answers: by the first word of a command, a text or a function of the line; "" closes. offers: lines of EHLO's reply."""

    def __init__(self, answers=None, offers=("8BITMIME",), tls=None):
        self.answers, self.offers, self.tls = answers or {}, offers, tls
        self.sessions: list[Session] = []
        self.most_at_once, self._there, self._lock = 0, set(), threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=500)
        self.port = self._listening.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self):
        self._accepting.start()
        return self

    def __exit__(self, *_):
        self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join(PATIENCE_S)  # only then the list below is whole, and each thread in it started
        self._listening.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _accept(self):
        while True:
            try:
                peer, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(peer,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, peer: socket.socket):
        session = Session()
        with self._lock:
            self.sessions.append(session)
            self._there.add(session)
            self.most_at_once = max(self.most_at_once, len(self._there))
        try:
            self._talk(peer, session)
        except OSError:
            pass
        finally:
            self._left(session)
            session.ended = time.monotonic()
            for one in (peer, session.wrapped):
                if one:
                    one.close()

    def _left(self, session: Session):
        with self._lock:
            self._there.discard(session)

    def _answer(self, verb: str, line: str, otherwise: str):
        answer = self.answers.get(verb, otherwise)
        return answer(line) if callable(answer) else answer

    def _talk(self, peer, session):
        file = peer.makefile("rwb")
        def say(text):
            if text:
                file.write(text if isinstance(text, bytes) else (text + "\r\n").encode())
                file.flush()
            return bool(text)
        if not say(self._answer("greeting", "", "220 ready")):
            return
        while line := file.readline():
            text = line.decode().rstrip("\r\n")
            session.lines.append(text)
            verb = text.split(" ")[0].split(":")[0].upper()
            otherwise = "250 ok"
            if verb == "EHLO":
                offers = [one for one in self.offers if one != "STARTTLS" or not session.encrypted]
                otherwise = "\r\n".join(f"250-{one}" for one in ["mx.example.test", *offers]) + "\r\n250 HELP"
            elif verb == "QUIT":
                otherwise = "221 bye"
                self._left(session)  # with the answer the client is free to come again
            elif verb == "DATA":
                otherwise = "354 go on"
            elif verb == "STARTTLS":
                otherwise = "220 go on"
            answer = self._answer(verb, text, otherwise)
            if answer == "" or not say(answer) or verb == "QUIT":
                return
            if verb == "DATA" and answer.startswith("354"):
                pieces = []
                while (line := file.readline()) != b".\r\n":
                    if not line:
                        return
                    pieces.append(line)
                session.message = b"".join(pieces)
                if not say(self._answer("message", "", "250 taken")):
                    return
            if verb == "STARTTLS" and answer.startswith("220"):
                peer = session.wrapped = self.tls.wrap_socket(peer, server_side=True)
                file = peer.makefile("rwb")
                session.encrypted = True


class PerformanceCheck(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name)

    def run_it(self, server, *options, status=0, log=b""):
        done = subprocess.run([PROGRAM, "--smtp-server=127.0.0.1", f"--smtp-port={server.port}", *map(str, options)], input=log,
                              capture_output=True, check=False, timeout=2 * PATIENCE_S)
        self.assertEqual(status, done.returncode, done.stderr.decode())
        return done

    def one(self, *options, answers=None, offers=("8BITMIME",), tls=None, log=b"") -> tuple[Session, dict]:
        """One mail; the session that the server saw, and the result."""
        with Server(answers, offers, tls) as server:
            done = self.run_it(server, "--n-mails=1", "--json", *options, log=log)
        self.assertEqual(1, len(server.sessions))
        return server.sessions[0], json.loads(done.stdout)

    def file(self, name: str, text: bytes) -> pathlib.Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
        return path


class Conversation(PerformanceCheck):
    def test_a_generated_mail(self):
        session, result = self.one()
        self.assertEqual(["EHLO localhost.localdomain", "MAIL FROM:<from@example.com>", "RCPT TO:<to@example.com>", "DATA", "QUIT"], session.lines)
        names = re.findall(rb"(?m)^([\w-]+):", session.message.split(b"\r\n\r\n")[0])
        self.assertEqual([b"Return-Path", b"Received", b"MIME-Version", b"Content-Type", b"Content-Transfer-Encoding", b"X-Mailer",
                          b"Message-Id", b"Subject", b"From", b"To", b"Date"], names)
        self.assertIn(b"X-Mailer: milter-performance-check\r\n", session.message)
        self.assertEqual(3, session.message.split(b"\r\n\r\n", 1)[1].count(b"\r\n"))
        self.assertEqual((1, 1), (result["mails"], result["sent"]))

    def test_additional_lines_and_envelope(self):
        session, _ = self.one("--n-additional-lines=7", "--from=a@b", "--recipient=c@d", "--recipient=e@f", "--helo-fqdn=me.example")
        self.assertEqual(7, session.message.count(b"0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n"))
        self.assertEqual(["EHLO me.example", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<e@f>"], session.lines[:4])

    def test_senders_are_taken_in_turn(self):
        with Server() as server:
            self.run_it(server, "--n-mails=4", "--from=a@x", "--from=b@x")
        self.assertEqual([f"MAIL FROM:<{one}@x>" for one in "abab"], [session.said("MAIL")[0] for session in server.sessions])

    def test_a_server_without_ehlo(self):
        session, result = self.one(answers={"EHLO": "502 what?"})
        self.assertEqual(["EHLO localhost.localdomain", "HELO localhost.localdomain"], session.lines[:2])
        self.assertEqual(1, result["sent"])

    def test_login(self):
        def login(line):
            return {"AUTH LOGIN": "334 VXNlcm5hbWU6", base64.b64encode(b"me").decode(): "334 UGFzc3dvcmQ6",
                    base64.b64encode(b"s:e cret").decode(): "235 welcome"}.get(line, "535 no")
        answers = {verb: login for verb in ("AUTH", *(base64.b64encode(one).decode().upper() for one in (b"me", b"s:e cret")))}
        _, result = self.one("--auth-user=me", "--auth-password=s:e cret", answers=answers, offers=("AUTH LOGIN",))
        self.assertEqual(1, result["sent"], result)
        plain = base64.b64encode(b"\0me\0s:e cret").decode()
        session, result = self.one("--auth-user=me", "--auth-password=s:e cret", "--auth-mechanism=plain",
                                   answers={"AUTH": lambda line: "235 ok" if line == f"AUTH PLAIN {plain}" else "535 no"},
                                   offers=("AUTH CRAM-MD5 PLAIN",))
        self.assertEqual(1, result["sent"], session.lines)

    def test_cram_md5_is_the_first_choice(self):
        challenge = b"<1.2@mx.example.test>"
        digest = hmac.new(b"secret", challenge, hashlib.md5).hexdigest()
        answer = base64.b64encode(f"me {digest}".encode()).decode()
        session, result = self.one("--auth-user=me", "--auth-password=secret", offers=("AUTH PLAIN CRAM-MD5",), answers={
            "AUTH": f"334 {base64.b64encode(challenge).decode()}", answer.upper(): "235 ok"})
        self.assertEqual(1, result["sent"], session.lines)
        self.assertIn("AUTH CRAM-MD5", session.lines)

    def test_the_map_of_logins(self):
        with Server({"AUTH": "235 ok"}, ("AUTH PLAIN",)) as server:
            path = self.file("map", f"# all\n\nother:25 x:y\n127.0.0.1:{server.port}\tme:secret\n".encode())
            self.run_it(server, "--n-mails=1", f"--auth-map={path}")
            self.assertIn("AUTH PLAIN " + base64.b64encode(b"\0me\0secret").decode(), server.sessions[0].lines)
            broken = self.file("broken", b"# x\nwhat\n")
            done = self.run_it(server, f"--auth-map={broken}", status=1)
            self.assertIn(f"invalid format: {broken}:2: <what>", done.stderr.decode())

    def test_xclient(self):
        session, result = self.one("--connect-host=a b.example", "--connect-address=192.0.2.7", offers=("XCLIENT NAME ADDR",),
                                   answers={"XCLIENT": "220 ready"})
        self.assertEqual("XCLIENT NAME=a+20b.example ADDR=192.0.2.7", session.lines[1])
        self.assertEqual((2, 1), (len(session.said("EHLO")), result["sent"]))
        _, result = self.one("--connect-address=192.0.2.7")
        self.assertEqual({"the server does not offer XCLIENT to us": 1}, result["failures"])

    def test_starttls(self):
        key, certificate = self.home / "key", self.home / "certificate"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=mx.example.test", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        session, result = self.one(offers=("STARTTLS",), tls=tls)
        self.assertEqual((True, 1, 2), (session.encrypted, result["sent"], len(session.said("EHLO"))))
        session, result = self.one("--starttls=disable", offers=("STARTTLS",), tls=tls)
        self.assertEqual((False, 1), (session.encrypted, result["sent"]))
        _, result = self.one("--starttls=always")
        self.assertEqual({"the server does not offer STARTTLS": 1}, result["failures"])


class Mails(PerformanceCheck):
    def test_a_file_is_sent_as_it_is(self):
        path = self.file("one", b"From mbox\nFrom: \"A, <x>\" <a@x>\nTo: b@y, \"C\" <c@z>\ncc: d@z\nReceived: from host.example (x)\n\n"
                                b".dot\n..two\nno end\r\nlast")
        session, result = self.one(path)
        self.assertEqual(["EHLO host.example", "MAIL FROM:<a@x>", "RCPT TO:<b@y>", "RCPT TO:<c@z>", "RCPT TO:<d@z>"], session.lines[:5])
        self.assertTrue(session.message.endswith(b"\r\n\r\n..dot\r\n...two\r\nno end\r\nlast\r\n"), session.message)
        self.assertEqual(1, result["sent"])

    def test_forced_addresses(self):
        path = self.file("one", b"From: a@x\nTo: b@y\n\nx\n")
        session, _ = self.one(path, "--from=forced@x", "--force-from", "--force-recipient=r1@x", "--force-recipient=r2@x")
        self.assertEqual(["MAIL FROM:<forced@x>", "RCPT TO:<r1@x>", "RCPT TO:<r2@x>"], session.lines[1:4])

    def test_an_address_of_a_mail_is_never_a_command(self):
        path = self.file("one", b"From: \"x\" <a@x\r RCPT TO:evil>\nTo: <b@y>\n\nx\n")
        session, _ = self.one(path)
        self.assertEqual(["RCPT TO:<b@y>"], session.said("RCPT"))

    def test_one_file_is_sent_again_and_again_and_several_once_each(self):
        paths = [self.file(f"d/{name}", b"From: %b@x\n\nx\n" % name[-1:].encode()) for name in ("b", "a", "sub/c")]
        with Server() as server:
            done = self.run_it(server, "--n-mails=5", paths[0])
        self.assertEqual(5, len(server.sessions))
        with Server() as server:
            done = self.run_it(server, self.home / "d")
        self.assertEqual([f"MAIL FROM:<{one}@x>" for one in "abc"], [session.said("MAIL")[0] for session in server.sessions])
        slowest = re.findall(r"(?m)^ ?\d+\.\d\d \(sec\): (.+)$", done.stdout.decode())
        self.assertEqual(sorted(map(str, paths)), sorted(slowest))

    def test_standard_input(self):
        session, _ = self.one("-", log=b"From: in@x\nTo: b@y\n\nhello\n")
        self.assertEqual(["MAIL FROM:<in@x>"], session.said("MAIL"))
        self.assertIn(b"hello\r\n", session.message)

    def test_a_large_file_needs_no_memory(self):
        path = self.file("large", b"From: a@x\nTo: b@y\n\n")
        line = b"x" * 998 + b"\r\n"
        with open(path, "ab") as file:
            for _ in range(20):
                file.write(line * 1000)
        with Server() as server:
            with subprocess.Popen([PROGRAM, "--smtp-server=127.0.0.1", f"--smtp-port={server.port}", "--n-mails=1", "--json", path],
                                  stdout=subprocess.PIPE) as process:
                result = json.loads(process.stdout.read())
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = status
            self.assertEqual((0, 1), (status, result["sent"]))
        self.assertEqual(20_000, server.sessions[0].message.count(line))
        if "MILTER_SANITIZED" not in os.environ:
            self.assertLess(usage.ru_maxrss, 40_000, "KiB")


class Load(PerformanceCheck):
    def test_so_many_at_once(self):
        gate = threading.Barrier(8)
        def greet(_):
            gate.wait(PATIENCE_S)
            return "220 ready"
        with Server({"greeting": greet}) as server:
            self.run_it(server, "--n-mails=64", "--n-concurrent-connections=8")
        self.assertEqual((64, 8), (len(server.sessions), server.most_at_once))

    def test_each_worker_sends_all(self):
        with Server() as server:
            done = self.run_it(server, "--n-mails=10", "--n-workers=3")
        self.assertEqual(30, len(server.sessions))
        self.assertEqual("30", SUMMARY.fullmatch(done.stdout.decode())[1])

    def test_an_interval_and_a_period(self):
        for options in (["--interval=0.1s"], ["--period=0.5 sec"]):
            with Server() as server:
                self.run_it(server, "--n-mails=5", *options)
            starts = sorted(session.began for session in server.sessions)
            self.assertEqual(5, len(starts))
            self.assertGreater(starts[-1] - starts[0], 0.35)

    def test_a_flood_ends_in_time_or_when_it_is_interrupted(self):
        with Server() as server:
            done = self.run_it(server, "--n-mails=2", "--flood=0.3s", "--json")
            self.assertGreater(json.loads(done.stdout)["mails"], 2)
            with subprocess.Popen([PROGRAM, "--smtp-server=127.0.0.1", f"--smtp-port={server.port}", "--flood"], stdout=subprocess.PIPE, text=True) as process:
                before = len(server.sessions)
                while len(server.sessions) < before + 20:
                    time.sleep(0.01)
                process.send_signal(signal.SIGINT)
                self.assertTrue(SUMMARY.fullmatch(process.communicate(timeout=PATIENCE_S)[0]))
            self.assertEqual(0, process.returncode)

    def test_shuffled(self):
        for number in range(30):
            self.file(f"d/{number:02}", b"From: %d@x\n\nx\n" % number)
        with Server() as server:
            self.run_it(server, "--shuffle", self.home / "d")
        order = [session.said("MAIL")[0] for session in server.sessions]
        self.assertEqual(30, len(set(order)))
        self.assertNotEqual(order, sorted(order, key=lambda line: int(re.search(r"\d+", line)[0])))


class Reports(PerformanceCheck):
    def test_what_became_of_the_mails(self):
        counts = iter(range(100))
        def mail(_):
            number = next(counts)
            return "450 4.7.1 later" if number < 2 else "550 5.7.1 no" if number < 6 else "250 ok"
        with Server({"MAIL": mail}) as server:
            done = self.run_it(server, "--n-mails=20", "--report-failure-responses")
        text = done.stdout.decode()
        found = SUMMARY.match(text)
        self.assertTrue(found, text)
        self.assertEqual(("20", "2", "10.00", "4", "20.00", "0", "0.00"), found.group(1, 7, 8, 9, 10, 11, 12))
        self.assertEqual("\nTemporary failures:\n  2 450 4.7.1 later\nRejects:\n  4 550 5.7.1 no\nErrors:\n", text[found.end():])

    def test_files_that_were_refused_are_listed(self):
        paths = [self.file(f"d/{name}", b"From: %b@x\n\nx\n" % name.encode()) for name in ("fine", "later", "never")]
        answers = {"MAIL": lambda line: "450 4.0.0 x" if "later" in line else "550 5.0.0 x" if "never" in line else "250 ok"}
        with Server(answers) as server:
            text = self.run_it(server, self.home / "d").stdout.decode()
        self.assertIn(f"\nRejected mails:\n{paths[2]}\n\nTemporary failed mails:\n{paths[1]}\n\nTotal:\n", text)

    def test_a_refusal_at_each_step(self):
        for verb in ("greeting", "RCPT", "DATA", "message"):
            with self.subTest(step=verb):
                session, result = self.one(answers={verb: "554-5.7.1 two\r\n554 5.7.1 lines"})
                self.assertEqual({"554 5.7.1 two / 5.7.1 lines": 1}, result["failures"])
                self.assertEqual((1, "QUIT"), (result["reject"], session.lines[-1]))

    def test_servers_that_fail(self):
        cases = {"silent": (None, "timeout: nothing within 200 ms"), "closes": ("", "the server closed the connection"),
                 "garbage": (b"\0\xff what\r\n", "this is no SMTP reply"), "endless": (b"250-" + b"x" * 100_000, "a line of the reply is too long"),
                 "many": (b"250-x\r\n" * 1000, "a reply has too many lines")}
        for name, (answer, says) in cases.items():
            for verb in ("greeting", "MAIL"):
                if name == "many" and verb == "greeting":
                    continue  # its code differs
                with self.subTest(server=name, step=verb):
                    holds = threading.Event()
                    def silent(_, holds=holds):
                        holds.wait(PATIENCE_S)
                        return ""
                    with Server({verb: silent if answer is None else answer}) as server:
                        done = self.run_it(server, "--n-mails=1", "--json", "--reading-timeout=0.2")
                        holds.set()
                    result = json.loads(done.stdout)
                    self.assertEqual(1, result["error"])
                    self.assertIn(says, next(iter(result["failures"])))
                    self.assertIn(says, done.stderr.decode())

    def test_a_line_of_csv_for_each_mail(self):
        data = self.home / "data.csv"
        with Server() as server:
            self.run_it(server, "--n-mails=7", f"--report-statistics-data={data}")
        rows = list(csv.reader(data.read_text().splitlines()))
        self.assertEqual(["wall clock time", "response time", "message size"], rows[0])
        self.assertEqual(7, len(rows) - 1)
        now = time.time()
        for wall, response, size in rows[1:]:
            self.assertTrue(now - 60 < float(wall) <= now + 1 and 0 < float(response) < 10 and int(size) > 300, (wall, response, size))

    def test_the_table(self):
        with Server() as server:
            text = self.run_it(server, "--n-mails=5", "--interval=0.1", "--report-periodically=0.15").stdout.decode()
        lines = text[:text.index("Total:")].splitlines()
        self.assertEqual("    Time  Sent mails/s Max(s) Min(s) Avg(s)   4XX   5XX Error", lines[0])
        rows = [re.fullmatch(r"(\d\d:\d\d:\d\d) ([ \d]{5}) ([ \d.]{7}) ([ \d.]{6}) ([ \d.]{6}) ([ \d.]{6})     0     0     0", line) for line in lines[1:]]
        self.assertTrue(len(rows) > 2 and all(rows), lines)
        self.assertEqual(5, sum(int(row[2]) for row in rows))


class Trouble(PerformanceCheck):
    def test_options_that_cannot_be(self):
        cases = {"--period=x": "invalid period format", "--starttls=maybe": "--starttls: <maybe> is none of always, auto, disable",
                 "--auth-mechanism=x": "is none of", "--smtp-port=0": "--smtp-port: not a port", "--n-mails=0": "--n-mails",
                 "--n-mail=3": "--n-mails", "--n-additional-lines=4000000000": "--n-additional-lines: must be", "--auth-map=/none": "cannot read /none"}
        for option, says in cases.items():
            done = subprocess.run([PROGRAM, option], capture_output=True, text=True, check=False, timeout=10)
            self.assertEqual(1, done.returncode, option)
            self.assertIn(says, done.stderr)
        for options in (["--flood", "--period=1"], ["--period=1", "--interval=1"]):
            done = subprocess.run([PROGRAM, *options], capture_output=True, text=True, check=False, timeout=10)
            self.assertIn("can't use with", done.stderr)

    def test_mails_that_cannot_be_read(self):
        (self.home / "empty").mkdir()
        with Server() as server:
            for path, says in ((self.home / "none", "none does not exist."), (self.home / "empty", "there is no file in")):
                self.assertIn(says, self.run_it(server, path, status=1).stderr.decode())
        self.assertEqual([], server.sessions)

    def test_garbage_is_a_mail_too(self):
        path = self.file("garbage", os.urandom(300_000))
        _, result = self.one(path)
        self.assertEqual(1, result["sent"])

    def test_no_place_for_the_output(self):
        with Server() as server:
            done = self.run_it(server, "--n-mails=1", "--report-statistics-data=/dev/full", status=1)
            self.assertIn("cannot write /dev/full: No space left on device", done.stderr.decode())
            with open("/dev/full", "wb") as full:
                done = subprocess.run([PROGRAM, "--smtp-server=127.0.0.1", f"--smtp-port={server.port}", "--n-mails=1"], stdout=full,
                                      stderr=subprocess.PIPE, check=False, timeout=30)
        self.assertEqual(1, done.returncode)


if __name__ == "__main__":
    unittest.main()
