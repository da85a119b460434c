#!/usr/bin/env python3
"""The parts of tool/demonstration: which milters of the host it finds, and how it reads and shows what happened."""
import os
import pathlib
import socket
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tool"))

from demo import found, programs, result


class Found(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def listening(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        return listener.getsockname()[1]

    def test_a_host_without_milters_has_none(self):
        self.assertEqual(found.milters(self.root), [])

    def test_sockets_are_read_from_each_package_s_own_file(self):
        port, unix = self.listening(), self.root / "clamav.ctl"
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(unix))
        listener.listen()
        self.write("etc/opendkim.conf", f"## Socket socketspec\n#Socket\tinet:1@x\nSocket\t\tinet:{port}@127.0.0.1\n")
        self.write("etc/pyspf-milter/pyspf-milter.conf", f"Socket = inet:{port}@localhost\n")
        self.write("etc/clamav/clamav-milter.conf", f"PidFile /x\nMilterSocket {unix}\n")
        self.write("etc/default/spamass-milter", '# SOCKET="x"\nOPTIONS="-u spamass-milter"\n')
        self.write("etc/default/amavisd-milter", "MILTERSOCKET=$RUNDIR/amavis.sock\n")
        self.write("etc/dkimpy-milter/dkimpy-milter.conf", "# Socket local:/run/x\n")
        self.assertEqual(found.milters(self.root), [
            ("pyspf-milter", f"inet:{port}@localhost", True),
            ("opendkim", f"inet:{port}@127.0.0.1", True),
            ("clamav-milter", f"unix:{unix}", True),
            ("spamass-milter", "unix:/run/spamass/spamass.sock", False),
        ])

    def test_spamass_milter_listens_in_the_folder_of_postfix_when_there_is_one(self):
        self.write("etc/default/spamass-milter", "")
        self.write("usr/sbin/postfix", "")
        os.chmod(self.root / "usr/sbin/postfix", 0o755)
        self.assertEqual(found.milters(self.root)[0].endpoint, "unix:/var/spool/postfix/spamass/spamass.sock")

    def test_spellings_of_sockets(self):
        for text, expected in (("local:/run/a", "unix:/run/a"), ("unix:/run/a", "unix:/run/a"), ("/run/a", "unix:/run/a"),
                               ("inet:8891@localhost", "inet:8891@localhost"), ("inet:8891", "inet:8891@localhost"),
                               ("inet6:8891@[::1]", "inet6:8891@[::1]"), ("local:$RUNDIR/a", None), ("what", None)):
            self.assertEqual(found.endpoint(text), expected, text)


class Result(unittest.TestCase):
    LOG = ("[2026-11-22T10:00:00.000001Z]: message session_began session=1\n"
           "[2026-11-22T10:00:00.000002Z]: message message_done session=1 queue_id=i verdict=pass decided_by=none"
           ' children="header:continue:3ms, eicar:continue:1ms"\n'
           "[2026-11-22T10:00:01.000000Z]: message message_done session=2 queue_id=i verdict=reject decided_by=eicar"
           ' children="header:continue:12ms, eicar:reject:1ms"\n')

    def test_answers_of_the_test_server_are_read(self):
        answer = result.answer_of("status: reject [550]<5.7.1>(Go away)\nelapsed-time: 0.004274 seconds\n")
        self.assertEqual(answer, ("reject", 0.004274, "550 5.7.1 Go away"))
        self.assertEqual(result.answer_of("status: pass\nelapsed-time: 1e-05 seconds\n"), ("pass", 1e-05, ""))
        self.assertIsNone(result.answer_of("Failed to connect to inet:1@x: Connection refused\n"))

    def test_the_table_says_per_mail_and_child_what_happened(self):
        clean, eicar = result.messages(self.LOG)
        body = result.rows("clean", result.Answer("pass", 0.01, ""), clean)
        body += result.rows("EICAR", result.Answer("reject", 0.01, "550 5.7.1 Go away"), eicar)
        self.assertEqual(result.table(body), "\n".join((
            "mail   child   said      ms  final verdict",
            "-----  ------  --------  --  -----------------------------------",
            "clean  header  continue   3  pass",
            "       eicar   continue   1",
            "EICAR  header  continue  12  reject 550 5.7.1 Go away (by eicar)",
            "       eicar   reject     1")))

    def test_names_with_colons_and_quotes_survive(self):
        message = result.fields(r'session=1 children="a\"b:c:accept:0ms"')
        self.assertEqual(result.children(message), [('a"b:c', "accept", "0")])


class Programs(unittest.TestCase):
    LISTEN = "import socket, sys, signal; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); {then}"

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.programs = programs.Programs(folder.name)
        self.addCleanup(self.programs.stop)

    def start(self, then):
        port = programs.free_port()
        return self.programs.start("one", [sys.executable, "-c", self.LISTEN.format(then=then), str(port)], port), port

    def test_a_started_program_listens_and_is_ended_by_term(self):
        process, port = self.start("signal.signal(15, lambda *_: sys.exit(0)); signal.pause()")
        self.assertFalse(programs.is_free(port))
        self.assertEqual(self.programs.stop(), [])
        self.assertEqual(process.returncode, 0)

    def test_a_program_that_ends_badly_is_named_with_its_last_words(self):
        self.start("signal.signal(15, lambda *_: sys.exit('bad luck')); signal.pause()")
        self.assertEqual(self.programs.stop(), ["one ended with status 1: bad luck"])

    def test_a_program_that_does_not_listen_is_reported_at_once_with_its_output(self):
        with self.assertRaisesRegex(programs.Failed, "(?s)one does not listen: .* status 3.*no socket today"):
            self.programs.start("one", ["sh", "-c", "echo no socket today; exit 3"], programs.free_port())


if __name__ == "__main__":
    unittest.main()
