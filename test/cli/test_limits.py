"""A configuration that does not end, eats memory or floods is ended with a clear message; nothing stays behind."""
import os
import time
import unittest

from manager import ManagerTest

MAIN = "c/milter-manager.conf"
SHORT = {"MILTER_MANAGER_EVALUATION_TIMEOUT_MS": "500"}


class Limits(ManagerTest):
    def one_complaint(self, text, environment=None):
        lines = self.complaints(text, environment=environment)
        self.assertEqual(len(lines), 1, lines)
        return lines[0]

    def test_an_endless_loop_is_ended_and_its_line_is_told(self):
        for code in ("loop {}", "sleep", "`sleep 100`"):
            with self.subTest(code):
                self.assertEqual(self.one_complaint(f"\n{code}\nmanager.n_workers = 1\n", SHORT),
                                 f"{MAIN}:2: Milter::Manager::DeadlinePassed: the configuration was not evaluated "
                                 "within 0.5 s; the rest of this file was not evaluated")

    def test_no_further_file_is_loaded_after_the_time_is_over(self):
        self.write("sleep\n", "c/a.conf")
        self.assertRegex(self.one_complaint('load("a.conf")\nload("a.conf")\n', SHORT), "^c/a.conf:1: ")

    def test_a_loop_that_rescues_everything_is_killed(self):
        began = time.monotonic()
        self.assertEqual(self.one_complaint("begin; sleep; rescue Exception; retry; end\n", SHORT),
                         "milter-manager.conf: the configuration was not evaluated within 0.5 s and was ended; look for "
                         "a loop or for something that it waits for")
        self.assertLess(time.monotonic() - began, 30)

    def test_memory_is_limited(self):
        self.assertIn("NoMemoryError: failed to allocate memory",
                      self.one_complaint('all = []\nloop { all << "a" * 10_000_000 }\n'))

    def test_printing_is_limited(self):
        lines = self.complaints('loop { puts "a" * 100 }\n')
        self.assertEqual(lines[-1], "milter-manager.conf: the configuration printed more than 1048576 bytes and was "
                                    "ended")
        self.assertLess(sum(map(len, lines)), 10_000)

    def test_the_size_of_the_settings_is_limited(self):
        self.assertEqual(self.one_complaint('manager.pid_file = "x" * 20_000_000\n'),
                         "milter-manager.conf: the settings of the configuration are more than 16777216 bytes; its "
                         "evaluation was ended")

    def test_ruby_that_ends_early_is_told_with_its_status_and_words(self):
        lines = self.complaints('$stderr.puts "bye"\nexit!(3)\n')
        self.assertEqual(lines, ["bye", "milter-manager.conf: ruby ended with status 3 before the configuration was "
                                        "evaluated; what it printed says why"])
        self.assertIn("ruby was ended by signal 9 (Killed)", self.one_complaint("Process.kill(:KILL, $$)\n"))

    def test_what_it_starts_ends_with_it(self):
        pid_file = self.folder / "pid"
        self.shown(f"""
            pid = spawn("sleep 100")
            File.write("{pid_file}", pid.to_s)
            """)
        self.assertRaises(ProcessLookupError, self.wait_gone, int(pid_file.read_text()))

    def wait_gone(self, pid):
        for _ in range(500):
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as state:
                if state.read().rsplit(")", 1)[1].split()[0] == "Z":
                    raise ProcessLookupError
            time.sleep(0.01)

    def test_standard_input_and_the_environment_of_the_caller_are_not_its_own(self):
        shown = self.shown('manager.pid_file = ENV.keys.sort.join(",")\nlog.path = $stdin.read\n', environment={
            "SECRET": "x", "RUBYOPT": "-w", "TZ": "UTC", "MILTER_MANAGER_CONFIG_DIR": "c"})
        names = shown["manager.pid_file"][0].strip('"').split(",")
        self.assertNotIn("SECRET", names)
        self.assertNotIn("RUBYOPT", names)
        self.assertLessEqual({"HOME", "MILTER_MANAGER_CONFIG_DIR", "PATH", "TZ"}, set(names))
        self.assertEqual(shown["log.path"][0], '""')

    def test_without_ruby_it_says_what_to_install(self):
        self.write("")
        done = self.run_manager("-c", "c", "--check-config", environment={"PATH": str(self.folder)})
        self.assertEqual((done.returncode, done.stdout, done.stderr), (
            78, "", "milter-manager.conf: ruby is not installed, and milter-manager.conf is a Ruby program: install the "
                    'package "ruby", or use --config-file with a configuration in JSON\n'))


if __name__ == "__main__":
    unittest.main()
