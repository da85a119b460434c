#!/usr/bin/env python3
"""Where the lines of the log go and what they look like, by environment, files and command line (logs 1, 2)."""
import json
import os
import pathlib
import signal
import subprocess
import time
import unittest

from manager import PROGRAM, ManagerTest

STAMP = r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\]: "
INFO = {"MILTER_LOG_LEVEL": "+info"}


class LogTest(ManagerTest):
    def lines(self, text="", *arguments, environment=None, name="stderr"):
        """What a daemon that is started and stopped has written to stderr or to that file."""
        user = f'log.use_syslog = false\nsecurity.effective_user = "{os.getuid()}"\nmanager.connection_spec = "unix:s"\n'
        self.write(user + text)
        clean = {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home")} | (environment or {})
        socket = self.folder / "s"
        socket.unlink(missing_ok=True)
        outputs = [self.folder / "stdout", self.folder / "stderr"]
        with open(outputs[0], "wb") as out, open(outputs[1], "wb") as err:
            one = subprocess.Popen([PROGRAM, "-c", "c", *arguments], cwd=self.folder, env=clean, stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=err)
            deadline = time.monotonic() + 60
            while not socket.exists():
                self.assertIsNone(one.poll(), outputs[1].read_text())
                self.assertLess(time.monotonic(), deadline, "it does not listen")
                time.sleep(0.01)
            one.send_signal(signal.SIGTERM)
            self.assertEqual(one.wait(60), 0, outputs[1].read_text())
        return (self.folder / name).read_text().splitlines()

    def has(self, word, *given, **more):
        return any(word in line for line in self.lines(*given, **more))


class Environment(LogTest):
    def test_the_level_counts_unless_the_file_or_the_command_line_says_one(self):
        self.assertFalse(self.has("info listening"))
        self.assertTrue(self.has("info listening", environment=INFO))
        self.assertFalse(self.has("info listening", 'log.level = "-statistics"\n', environment=INFO))
        self.assertFalse(self.has("info listening", "", "--log-level", "error", environment=INFO))
        self.assertTrue(self.has("info listening", 'log.level = "error"\n', "--log-level", "all"))

    def test_the_path_counts_unless_the_file_or_the_command_line_says_one(self):
        where = INFO | {"MILTER_LOG_PATH": "log"}
        self.assertTrue(self.has("info listening", environment=where, name="log"))
        self.assertEqual(self.lines(environment=where), [])
        self.assertTrue(self.has("info listening", 'log.path = "other"\n', environment=where, name="other"))
        self.assertTrue(self.has("info listening", "", "--log-path", "third", environment=where, name="third"))
        self.assertTrue(self.has("info listening", environment=INFO | {"MILTER_LOG_PATH": "-"}, name="stdout"))

    def test_items_stand_in_front(self):
        for value, expected in (("none", "info stopped"), ("level|pid", r"\[info\] \[\d+\]: info stopped"),
                                ("default", STAMP + "info stopped"), ("name", r"\[milter-manager\]: info stopped")):
            self.assertRegex(self.lines(environment=INFO | {"MILTER_LOG_ITEM": value})[-1], f"^{expected}$")

    def test_colours_are_there_on_demand_only(self):
        for value, coloured in (("", False), ("default", False), ("none", False), ("console", True)):
            lines = self.lines(environment=INFO | {"MILTER_LOG_COLORIZE": value, "TERM": "xterm"})
            self.assertEqual({line.startswith("\x1b[37;46m") and line.endswith("\x1b[0m") for line in lines}, {coloured}, value)

    def test_what_is_not_understood_is_a_warning_and_changes_nothing(self):
        lines = self.lines(environment={"MILTER_LOG_LEVEL": "bogus", "MILTER_LOG_ITEM": "x", "MILTER_LOG_COLORIZE": "red",
                                        "MILTER_LOG_SYSLOG_LEVEL": "y", "MILTER_LOG_SYSLOG_FACILITY": "z"})
        self.assertEqual([line.split()[3] for line in lines if "warning environment_ignored" in line],
                         [f"setting=MILTER_LOG_{name}" for name in
                          ("LEVEL", "SYSLOG_LEVEL", "ITEM", "SYSLOG_FACILITY", "COLORIZE")])
        self.assertRegex(lines[0], STAMP + r"warning environment_ignored setting=MILTER_LOG_LEVEL value=bogus "
                         r'error="unknown flag names: \[<bogus>\]\(<MilterLogLevelFlags>\)"$')

    def test_of_the_journal_lines_have_a_priority_and_no_time(self):
        self.write("")
        (self.folder / "stderr").touch()
        # The file is opened anew, and is the same one: its number stays.
        status = os.stat(self.folder / "stderr")
        lines = self.lines(environment=INFO | {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        self.assertEqual(lines[-1], "<6>info stopped")
        other = self.lines(environment=INFO | {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"})
        self.assertRegex(other[-1], STAMP + "info stopped$")


class Format(LogTest):
    def test_json_is_an_object_a_line(self):
        lines = [json.loads(line) for line in self.lines('log.format = "json"\nlog.level = "+info"\n')]
        self.assertEqual([(one["level"], one["event"]) for one in lines],
                         [("info", "listening"), ("info", "capacity"), ("info", "stopping"), ("info", "stopped")])
        self.assertEqual((lines[0]["endpoint"], lines[0]["children"]), ("unix:s", "0"))
        self.assertRegex(lines[0]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertEqual(lines[-2]["text"], "no new sessions; those in flight may finish")

    def test_another_format_is_refused(self):
        self.assertIn("log.format", self.complaints('log.format = "xml"\n')[0])


class Reference(ManagerTest):
    def test_is_the_page_of_the_project(self):
        done = self.run_manager("--log-reference")
        page = pathlib.Path(__file__).resolve().parents[2] / "docs/log-keys.md"
        self.assertEqual((done.returncode, done.stdout), (0, page.read_text()))


if __name__ == "__main__":
    unittest.main()
