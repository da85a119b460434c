#!/usr/bin/env python3
"""milter-report-statistics on processes that the test has started, and knows."""
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.environ["MILTER_REPORT_STATISTICS"]
LINE = re.compile(r"([ \d:]{8}) ([ \d]{6,}) ([ \d]+ kB) ([ \d]+ kB) ([ \d.]{5,}) ([ \d:.]{8,}) ([ \d-]{5,}) (.*)")


class ReportStatistics(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name)

    @contextlib.contextmanager
    def process(self, *words, program="watched"):
        """A program of that name which holds 5 files, and waits."""
        shell = self.home / program
        if not shell.exists():
            shell.symlink_to(sys.executable)
        code = "import sys; held = [open('/dev/null') for _ in range(5)]; print(flush=True); sys.stdin.read()"
        with subprocess.Popen([shell, "-c", code, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
            started.stdout.readline()
            yield started
            started.stdin.close()

    def reports(self, *options, count=1):
        """The header and so many lines; it ends at SIGINT with status 0."""
        with subprocess.Popen([PROGRAM, *map(str, options)], stdout=subprocess.PIPE, text=True) as program:
            lines = [program.stdout.readline().rstrip("\n") for _ in range(count + 1)]
            program.send_signal(signal.SIGINT)
            program.stdout.read()
        self.assertEqual(0, program.returncode)
        return lines

    def test_a_line_says_what_proc_says(self):
        with self.process("a word") as one:
            header, line = self.reports("watched")
            self.assertEqual("    Time    PID       VSS       RSS  %CPU CPU time   #FD command", header)
            found = LINE.fullmatch(line)
            self.assertTrue(found, line)
            self.assertRegex(found[1], r"^\d\d:\d\d:\d\d$")
            self.assertEqual(one.pid, int(found[2]))
            resident = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{one.pid}/status").read_text())[1])
            self.assertAlmostEqual(resident, int(found[4].split()[0]), delta=resident // 10)
            self.assertEqual(len(os.listdir(f"/proc/{one.pid}/fd")), int(found[7]))
            self.assertTrue(found[8].startswith(str(self.home / "watched")) and found[8].endswith(" a word"), found[8])

    def test_each_interval_has_its_report(self):
        with self.process() as one:
            lines = self.reports("--interval=0.05", "--pid", one.pid, count=4)[1:]
            self.assertEqual([one.pid] * 4, [int(LINE.fullmatch(line)[2]) for line in lines])
            self.assertEqual(["", "0.0"], [LINE.fullmatch(line)[5].strip() for line in lines[:2]])

    def test_filters_must_all_fit(self):
        with self.process("Blue", "box"), self.process("blue") as wanted:
            lines = self.reports("watched", "--filter=BLUE", "--filter=^(?!.*box)", "--interval=0.01", count=2)[1:]
            self.assertEqual({wanted.pid}, {int(LINE.fullmatch(line)[2]) for line in lines})

    def test_pid_files_are_looked_for_in_depth(self):
        with self.process() as one:
            (self.home / "run/deep").mkdir(parents=True)
            (self.home / "run/deep/x.pid").write_text(f"{one.pid}\n")
            (self.home / "run/broken.pid").write_text("none")
            self.assertEqual(one.pid, int(LINE.fullmatch(self.reports("--pid-directory", self.home / "run")[1])[2]))

    def test_what_libtool_puts_before_a_name_is_none_of_it(self):
        with self.process(program="lt-watched") as one:
            self.assertEqual(one.pid, int(LINE.fullmatch(self.reports("watched")[1])[2]))

    def test_nothing_found(self):
        self.assertRegex(self.reports("no-such-program")[1], r"^\d\d:\d\d:\d\d not found$")

    def test_a_command_line_cannot_write_on_the_terminal(self):
        with self.process("\x1b[2J\n"):
            self.assertTrue(self.reports("watched")[1].endswith(" ?[2J?"))

    def test_trouble_is_named(self):
        for options, says in (([], "usage: "), (["x", "--interval=0"], "--interval"), (["--pid=x"], "--pid: not the number"),
                              (["x", "--filter=("], "--filter: "), (["--intervall=1"], "--interval")):
            done = subprocess.run([PROGRAM, *options], capture_output=True, text=True, check=False, timeout=10)
            self.assertEqual(1, done.returncode, options)
            self.assertIn(says, done.stderr)
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "x"], stdout=full, stderr=subprocess.PIPE, check=False, timeout=10)
        self.assertEqual(1, done.returncode)
        self.assertIn(b"No space left on device", done.stderr)


if __name__ == "__main__":
    unittest.main()
