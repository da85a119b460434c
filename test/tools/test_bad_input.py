#!/usr/bin/env python3
"""Bad input to each program: a file that is missing, a directory, garbage or 10 GB; a standard output or error that is
closed or full. Each time a clear line, a status, and no crash."""
import json
import os
import re
import resource
import socket
import stat
import subprocess
import threading
import time
import unittest
from pathlib import Path

import test_log_analyzer as analyzer
import test_performance_check as check
from programs import CLIENT, PATIENCE, SERVER, Folder, free_port

MANAGER = os.environ["MILTER_MANAGER"]
CONTROLLER = os.environ["MILTER_MANAGER_CONTROLLER"]
CHECK = os.environ["MILTER_PERFORMANCE_CHECK"]
ANALYZER = os.environ["MILTER_MANAGER_LOG_ANALYZER"]
STATISTICS = os.environ["MILTER_REPORT_STATISTICS"]
ALL = [SERVER, CLIENT, CHECK, ANALYZER, STATISTICS, MANAGER, CONTROLLER]
NOT_REACHABLE, CONFIG_ERROR = 3, 78
MEMORY = 1 << 30  # bytes of address space: who reads a file of 10 GB whole does not fit


class BadInput(Folder):
    def setUp(self):
        super().setUp()
        self.here = Path.cwd()
        self.addCleanup(os.chdir, self.here)
        os.chdir(self.folder)  # names in complaints are short
        Path("directory").mkdir()
        # No colon in its first line, which would make a header field of it.
        Path("garbage").write_bytes(bytes(one for one in range(255, -1, -1) if one != ord(":")) * 1000)
        with open("sparse", "wb") as file:
            file.truncate(10 << 30)
        # Through a link: who replaces its output file would replace a device of the host.
        Path("full").symlink_to("/dev/full")
        Path("none.json").write_text("{}")

    def run_it(self, *words, memory=True, **how):
        limit = None if "MILTER_SANITIZED" in os.environ or not memory else \
            lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | how
        return subprocess.run([str(word) for word in words], timeout=PATIENCE, check=False, preexec_fn=limit, **how)

    def in_a_shell(self, redirection, *words):
        """Standard output or error as the redirection says; what is left of both."""
        return self.run_it("sh", "-c", f'exec "$@" {redirection}', "sh", *words)

    def until(self, condition):
        end = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.005)


class Files(BadInput):
    def assert_refused(self, words, kinds, status=1):
        """kinds: of file -> the complaint, or nothing when this file is not bad for it."""
        self.assertEqual(set(kinds), {"missing", "directory", "garbage", "sparse"})
        for kind, complaint in kinds.items():
            if complaint is None:
                continue
            with self.subTest(program=Path(words[0]).name, option=words[-1], kind=kind):
                last = [words[-1] + kind] if str(words[-1]).endswith(("=", ":")) else [words[-1], kind]
                done = self.run_it(*words[:-1], *last)
                errors = done.stderr.decode()
                self.assertEqual((done.returncode, done.stdout), (status, b""), errors)
                self.assertRegex(errors, rf"\A(milter-[a-z-]+: )?{complaint}[^\n]*\n\Z")
                self.assertTrue(all(one.isprintable() for one in errors[:-1]), repr(errors))

    def test_the_test_server(self):
        nobody = [SERVER, "-s", "unix:nobody"]
        self.assert_refused([*nobody, "--mail-file"], {
            "missing": "missing does not exist", "directory": "directory: Is a directory",
            "garbage": r"invalid header: <\\xff\\xfe", "sparse": "sparse: a mail has at most 1 GiB here"})
        self.assert_refused([*nobody, "--script"], {
            "missing": "missing: No such file or directory", "directory": "directory: Is a directory",
            "garbage": "garbage:1: neither `mta", "sparse": "sparse: a script has at most 64 MiB"})
        self.assert_refused([*nobody, "--replay"], {
            "missing": "missing: No such file or directory", "directory": r"directory: there is no file \*\.session in it",
            "garbage": "garbage: Not a directory", "sparse": "sparse: Not a directory"})

    def test_recorded_sessions_that_are_none_are_named_and_the_others_played(self):
        Path("records").mkdir()
        Path("records/1.session").symlink_to(Path("garbage").absolute())
        Path("records/2.session").symlink_to(Path("sparse").absolute())
        Path("records/3.session").mkdir()
        Path("records/4.session").write_text("mta connects\nmta offer v6 actions=all steps=all\nmta quit\n")
        done = self.run_it(SERVER, "-s", self.client().spec, "--replay", "records")
        lines = done.stdout.decode().splitlines()
        self.assertEqual(done.returncode, 1)
        self.assertTrue(lines[0].startswith("records/1.session:1: neither `mta"), lines)
        self.assertEqual(lines[1], "records/2.session: a script has at most 64 MiB")
        self.assertRegex(lines[-1], r"^[34] sessions: .*, [23] could not be played$")

    def test_the_test_client(self):
        self.assert_refused([CLIENT, "-s", f"unix:{self.folder}/s", "--script"], {
            "missing": "--script: missing: No such file or directory", "directory": "--script: directory: Is a directory",
            "garbage": "garbage:1: this is no text", "sparse": "--script: sparse: larger than 1048576 bytes"})
        for option, complaint in [("--record", "failed to open file to record to: directory: Is a directory"),
                                  ("--log-path", "failed to open log file: directory: Is a directory"),
                                  ("--pid-file", "directory: Is a directory")]:
            with self.subTest(option=option):
                done = self.run_it(CLIENT, "-s", f"unix:{self.folder}/s", option, "directory")
                self.assertEqual((done.returncode, done.stdout), (1, b""))
                self.assertIn(complaint, done.stderr.decode())
                self.assertFalse(Path("s").exists())

    def test_the_performance_check(self):
        words = [CHECK, "--smtp-server=127.0.0.1", f"--smtp-port={free_port()}", "--n-mails=1"]
        self.assert_refused([*words, "--no-shuffle"], {
            "missing": "missing does not exist", "directory": "there is no file in directory", "garbage": None, "sparse": None})
        self.assert_refused([*words, "--auth-map"], {
            "missing": "--auth-map: cannot read missing: No such file or directory",
            "directory": "--auth-map: cannot read directory: Is a directory",
            "garbage": r"--auth-map: invalid format: garbage:\d+: <\\x", "sparse": "--auth-map: sparse: larger than 1048576 bytes"})
        done = self.run_it(*words, "--report-statistics-data=directory")
        self.assertEqual(done.returncode, 1)
        self.assertIn("directory: Is a directory", done.stderr.decode())

    def test_a_mail_of_10_gb_is_sent_as_far_as_the_server_takes_it(self):
        taken = []

        def serve(listener):
            peer, _ = listener.accept()
            with peer, peer.makefile("rb") as lines:
                peer.sendall(b"220 ready\r\n")
                for line in lines:
                    peer.sendall(b"354 go on\r\n" if line.startswith(b"DATA") else b"250 ok\r\n")
                    if line.startswith(b"DATA"):
                        break
                while sum(taken) < 5_000_000 and (some := lines.read1(1 << 20)):
                    taken.append(len(some))

        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(PATIENCE)
            thread = threading.Thread(target=serve, args=(listener,))
            thread.start()
            done = self.run_it(CHECK, "--smtp-server=127.0.0.1", f"--smtp-port={listener.getsockname()[1]}", "--n-mails=1",
                               "--json", "sparse")
            thread.join(PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((json.loads(done.stdout)["error"], json.loads(done.stdout)["sent"]), (1, 0))
        self.assertGreaterEqual(sum(taken), 5_000_000)

    def test_the_log_analyzer(self):
        for option in ("--log", "--csv"):  # the second: as a word of its own
            self.assert_refused([ANALYZER, "--json", option], {
                "missing": "cannot read missing: No such file or directory", "directory": "cannot read directory: it is a directory",
                "garbage": None, "sparse": None})
        done = self.run_it(ANALYZER, "--json", "garbage")
        self.assertEqual((done.returncode, json.loads(done.stdout)["counted"], done.stderr), (0, 0, b""))
        for option, path in (("--html", "directory"), ("--output-directory", "garbage")):
            done = self.run_it(ANALYZER, option, path)
            self.assertEqual((done.returncode, done.stdout), (1, b""))
            self.assertIn(path, done.stderr.decode())

    def test_report_statistics(self):
        self.assert_refused([STATISTICS, "--pid-directory"], {
            "missing": "--pid-directory: missing: No such file or directory", "directory": None,
            "garbage": "--pid-directory: garbage: Not a directory", "sparse": "--pid-directory: sparse: Not a directory"})
        for kind in ("garbage", "sparse"):
            Path(f"directory/{kind}.pid").symlink_to(Path(kind).absolute())
        Path("directory/directory.pid").mkdir()
        os.mkfifo("directory/pipe.pid")
        Path("directory/mine.pid").write_text(f"{os.getpid()}\n")
        with subprocess.Popen([STATISTICS, "--pid-directory=directory"], stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            line = process.stdout.readline()
            process.terminate()
        self.assertEqual((int(line.split()[1]), process.returncode), (os.getpid(), 0))

    def test_the_manager(self):
        mail = ["--client=192.0.2.1", "--from=a@x", "--to=b@y"]
        self.assert_refused([MANAGER, "--config-file=none.json", "--explain", *mail, "--mail-file"], {
            "missing": "--explain: missing: No such file or directory", "directory": "--explain: directory: ",
            "garbage": r'--explain: garbage: no header field: "\\xff\\xfe', "sparse": "--explain: sparse: is larger than 256 MiB"})
        self.assert_refused([MANAGER, "--check-config", "--config-file"], {
            "missing": "missing: cannot be read", "directory": "directory: cannot be read", "garbage": "garbage:1:1: not JSON",
            "sparse": "sparse: is larger than 16 MiB"}, CONFIG_ERROR)
        self.assert_refused([MANAGER, "--check-config", "--config-dir"], {
            kind: "milter-manager.conf: path milter-manager.conf doesn't exist in load path"
            for kind in ("missing", "directory", "garbage", "sparse")}, CONFIG_ERROR)

    def test_the_controller(self):
        self.assert_refused([CONTROLLER, "ping", "--connection-spec=unix:"], {
            kind: f"cannot reach unix:{kind}: " for kind in ("missing", "directory", "garbage", "sparse")}, NOT_REACHABLE)

    def test_a_controller_whose_manager_says_garbage(self):
        for said, complaint in [(b"\xff\x1b[2J\0\n", "is no answer; is this milter-manager\\?"), (b"", "no answer: it closed the connection"),
                                (b"{}\n", "is no answer; is this milter-manager\\?")]:
            with self.subTest(said=said), socket.socket(socket.AF_UNIX) as listener:
                Path("s").unlink(missing_ok=True)
                listener.bind("s")
                listener.listen()
                listener.settimeout(PATIENCE)

                def answer():
                    peer, _ = listener.accept()
                    with peer:
                        peer.recv(1000)
                        peer.sendall(said)

                thread = threading.Thread(target=answer)
                thread.start()
                done = self.run_it(CONTROLLER, "-s", "unix:s", "status")
                thread.join(PATIENCE)
                self.assertEqual((done.returncode, done.stdout), (NOT_REACHABLE, b""))
                self.assertRegex(done.stderr.decode(), rf"\Amilter-manager-controller: .*{complaint}.*\n\Z")


class Outputs(BadInput):
    """What prints something: with a standard output that takes nothing it says so and ends with status 1."""

    def programs(self):
        milter = self.client("--no-report-request").spec
        Path("session").write_text("mta connects\nmta offer v6 actions=all steps=all\nmta connect h\nexpect continue\nmta quit\n")
        Path("records").mkdir()
        Path("records/a.session").write_text(Path("session").read_text())
        of_server = [[], ["--output-message"], ["--json"], ["--repeat=2"], ["--repeat=2", "--json"], ["-t", "2"], ["--replay=records"]]
        nobody = [CHECK, "--smtp-server=127.0.0.1", f"--smtp-port={free_port()}", "--n-mails=1"]
        of_manager = ["--check-config", "--show-config", "--config-reference", "--config-schema", "--log-reference",
                      "--metrics-reference", "--explain-detection"]
        explain = ["--explain", "--dry", "--client=192.0.2.1", "--from=a@x", "--to=b@y"]
        return [*[[program, option] for program in ALL for option in ("--help", "--version")],
                *[[SERVER, "-s", milter, *options] for options in of_server],
                [SERVER, "--conformance", milter, "--rule=offer"],
                nobody, [*nobody, "--json"], [*nobody, "--report-periodically"],
                [ANALYZER, "--json", "garbage"], [ANALYZER, "--csv", "garbage"], [STATISTICS, f"--pid={os.getpid()}"],
                *[[MANAGER, "--config-file=none.json", option] for option in of_manager],
                [MANAGER, "--config-file=none.json", *explain], [MANAGER, "--config-file=none.json", *explain, "--json"],
                [CONTROLLER, "status", "--help"]]

    def test_full_and_closed(self):
        for words in self.programs():
            for redirection, why in ((">full", "No space left on device"), (">&-", "Bad file descriptor")):
                with self.subTest(program=Path(words[0]).name, options=words[1:], redirection=redirection):
                    done = self.in_a_shell(redirection, *words)
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.assertIn(f"cannot write to standard output: {why}\n", done.stderr.decode())

    def test_no_place_for_errors_either(self):
        for words in self.programs():
            for redirection in (">&- 2>&-", ">full 2>full"):
                with self.subTest(program=Path(words[0]).name, options=words[1:], redirection=redirection):
                    self.assertEqual(self.in_a_shell(redirection, *words).returncode, 1)

    def test_a_complaint_that_nobody_can_read(self):
        for program in ALL:
            for redirection in ("2>&-", "2>full"):
                with self.subTest(program=Path(program).name, redirection=redirection):
                    done = self.in_a_shell(redirection, program, "--no-such-option")
                    self.assertEqual((done.returncode, done.stdout), (2 if program == CONTROLLER else 1, b""))


    def test_what_is_printed_while_it_runs_never_goes_to_a_peer(self):
        # A closed descriptor's number is that of the next socket.
        limit = {"preexec_fn": lambda: os.close(1)}
        user = ["--user=root"] if os.geteuid() == 0 else []
        with subprocess.Popen([CLIENT, "-s", "unix:s", "--pid-file=pid", *user], stderr=subprocess.PIPE, **limit) as client:
            self.until(lambda: Path("pid").exists() or client.poll() is not None)
            self.run_it(SERVER, "-s", "unix:s")
            errors = client.stderr.read().decode()
        self.assertEqual((client.returncode, errors), (1, "cannot write to standard output: Bad file descriptor\n"))
        with check.Server() as server:
            done = subprocess.run([CHECK, "--smtp-server=127.0.0.1", f"--smtp-port={server.port}", "--n-mails=4", "--interval=0.05",
                                   "--report-periodically=0.02"], stderr=subprocess.PIPE, timeout=PATIENCE, check=False, **limit)
        self.assertEqual((done.returncode, len(server.sessions)), (1, 4))
        for session in server.sessions:
            self.assertEqual([line.split()[0] for line in session.lines], ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"])

    def test_a_manager_without_any_output_serves(self):
        user = ["--user=root"] if os.geteuid() == 0 else []

        def close():
            for number in (0, 1, 2):
                os.close(number)

        with subprocess.Popen([MANAGER, "--config-file=none.json", "-s", "unix:s", "--pid-file=pid", "-v", *user],
                              preexec_fn=close) as manager:
            self.until(lambda: Path("pid").exists() or manager.poll() is not None)
            done = [self.run_it(SERVER, "-s", f"unix:{self.folder}/s") for _ in range(3)]
            manager.terminate()
        self.assertEqual(([one.returncode for one in done], manager.returncode), ([0, 0, 0], 0), done)


class FewDescriptors(BadInput):
    def test_a_line_and_a_status(self):
        place, user = f"unix:{self.folder}/s", ["--user=root"] if os.geteuid() == 0 else []
        nobody = [CHECK, "--smtp-server=127.0.0.1", f"--smtp-port={free_port()}", "--n-mails=1"]
        for words in ([SERVER, "-s", place], [SERVER, "-s", place, "-t", "3"], [SERVER, "-s", place, "--repeat=2"], [SERVER, "--conformance", place],
                      [CLIENT, "-s", place, *user], [CLIENT, "-s", place, "--n-workers=2", *user], nobody,
                      [CONTROLLER, "-s", place, "ping"], [MANAGER, "--config-file=none.json", "-s", place, *user]):
            for most in range(4, 8):
                with self.subTest(program=Path(words[0]).name, options=words[1:], descriptors=most):
                    done = self.in_a_shell("", "prlimit", f"--nofile={most}", *words)
                    if "error while loading shared libraries" in done.stderr.decode():
                        continue  # it has not begun
                    self.assertIn(done.returncode, (1, NOT_REACHABLE), done.stderr)
                    self.assertNotIn(b"terminate called", done.stderr)
                    self.assertFalse(Path("s").exists())
                    self.assertTrue(done.stderr.endswith(b"\n") or b"failed" in done.stdout, done)


class FullDisk(BadInput):
    @unittest.skipUnless(os.geteuid() == 0, "only root has a small disk")
    def test_rrd_files(self):
        Path("small").mkdir()
        Path("log").write_text("".join(analyzer.syslog(analyzer.session_end("pass", 1), int(time.time()) - minute * 60)
                                       for minute in range(2, 100)))
        self.run_it(ANALYZER, "--output-directory=fresh", "log")
        # Its own disk, which becomes larger for the second time.
        both = """mount -t tmpfs -o size=200k tmpfs small && ! "$0" --output-directory=small log &&
            mount -o remount,size=20m small && "$0" --output-directory=small log && cp small/*.rrd ."""
        done = self.run_it("unshare", "--mount", "sh", "-c", both, ANALYZER, memory=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr.decode(), r"\Amilter-manager-log-analyzer: rrdtool create \S+\.rrd: there is no file then; "
                                               r"is the disk full\?\n\Z")
        names = sorted(path.name for path in Path("fresh").glob("*.rrd"))
        self.assertEqual(len(names), 3)
        for name in names:
            once, twice = (subprocess.run(["rrdtool", "dump", path], capture_output=True, check=True).stdout
                           for path in (f"fresh/{name}", name))
            self.assertEqual(once, twice)

    def test_what_is_no_file_is_not_replaced_by_one_nor_removed(self):
        user = ["--user=root"] if os.geteuid() == 0 else []
        Path("null").symlink_to("/dev/null")
        with socket.socket(socket.AF_UNIX) as held:
            held.bind("held")
            done = self.run_it(MANAGER, "--config-file=none.json", "-s", "unix:s", "--pid-file=held", *user)
            self.assertEqual((done.returncode, done.stderr.decode()), (1, "milter-manager: failed to create PID file: held: File exists\n"))
            self.assertTrue(stat.S_ISSOCK(os.stat("held").st_mode))
        with subprocess.Popen([CLIENT, "-s", f"unix:{self.folder}/s", "--pid-file=null", *user], stdout=subprocess.DEVNULL) as process:
            self.until(lambda: Path("s").exists() or process.poll() is not None)
            self.run_it(SERVER, "-s", f"unix:{self.folder}/s")
            process.terminate()
        self.assertEqual((process.returncode, Path("null").is_symlink(), Path("s").exists()), (0, True, False))

    def test_files_that_programs_write(self):
        nobody = [CHECK, "--smtp-server=127.0.0.1", f"--smtp-port={free_port()}", "--n-mails=1"]
        for words, complaint in [([ANALYZER, "--html", "full", "garbage"], "cannot write full: No space left on device"),
                                 ([*nobody, "--report-statistics-data=full"], "cannot write full: No space left on device"),
                                 ([CLIENT, "-s", "unix:s", "--pid-file=full"], "full: No space left on device")]:
            with self.subTest(program=Path(words[0]).name):
                done = self.run_it(*words)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(complaint, done.stderr.decode())
                self.assertTrue(Path("full").is_symlink() and stat.S_ISCHR(os.stat("full").st_mode))

    def test_a_page_for_a_pipe_is_written_to_it(self):
        os.mkfifo("pipe")
        with subprocess.Popen([ANALYZER, "--html", "pipe", "garbage"]) as process, open("pipe", encoding="utf-8") as pipe:
            self.assertRegex(pipe.read(), r"(?is)\A<!doctype html>.*</html>\s*\Z")
        self.assertEqual(process.returncode, 0)
        self.assertTrue(stat.S_ISFIFO(os.stat("pipe").st_mode))


if __name__ == "__main__":
    unittest.main()
