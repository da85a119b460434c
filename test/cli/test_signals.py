"""Signals at odd times: before it serves, during a reload, in storms; what changes and what needs a restart."""
import pathlib
import signal
import time
import unittest

from test_reload import PATIENCE, Running


class Signals(Running):
    def begin(self, text):
        """Started, and its configuration is being read: the file says so, and waits for `go`."""
        self.reading, self.go = self.folder / "reading", self.folder / "go"
        self.environment = {"MILTER_MANAGER_TEST_READING": str(self.reading), "MILTER_MANAGER_TEST_GO": str(self.go)}
        self.configure('open(ENV["MILTER_MANAGER_TEST_READING"], "a") {|file| file.puts Process.pid }\n'
                       'sleep 0.01 until File.exist?(ENV["MILTER_MANAGER_TEST_GO"])\n' + text)
        self.launch(environment=self.environment)
        self.until(lambda: self.reads() == 1, "it reads the configuration")

    def reads(self):
        return len(self.reading.read_text().splitlines()) if self.reading.exists() else 0

    def is_gone(self, pid):
        stat = pathlib.Path(f"/proc/{pid}/stat")
        try:
            return stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True

    def wait_for(self, condition):
        """Also when the manager has ended."""
        end = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def test_hup_and_usr1_before_it_serves_take_effect_once_it_does(self):
        self.begin(self.INFO)
        for _ in range(5):
            self.process.send_signal(signal.SIGHUP)
            self.process.send_signal(signal.SIGUSR1)
        self.go.touch()
        self.until(lambda: self.lines("reloaded"), "it has read the configuration again")
        self.assertEqual((len(self.lines("reloaded")), len(self.lines("log_reopened")), self.reads()), (1, 1, 2))
        self.stop()

    def test_term_before_it_serves_ends_it_and_its_ruby_and_leaves_nothing(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                self.begin(f'manager.pid_file = "{self.folder}/pid"\n')
                (ruby,) = self.reading.read_text().split()
                self.process.send_signal(number)
                self.assertEqual(self.process.wait(PATIENCE), -number)
                self.wait_for(lambda: self.is_gone(ruby))
                self.assertEqual([(self.folder / name).exists() for name in ("socket", "pid")], [False, False])
                self.reading.unlink()

    def test_term_during_a_reload_does_not_wait_for_it(self):
        self.start(self.INFO)
        self.configure(self.INFO + "sleep\n")
        self.process.send_signal(signal.SIGHUP)
        self.until(lambda: self.lines("reloading"), "the reload has begun")
        self.stop()
        self.assertEqual((self.lines("reloaded"), self.lines("reload_failed")), ([], []))
        self.assertFalse((self.folder / "socket").exists())

    def test_a_storm_of_hup_is_a_few_reloads_and_the_last_file_wins(self):
        self.start(self.INFO + "manager.n_workers = 3\n")
        for number in range(100):
            if number % 10 == 9:
                self.configure(self.INFO + f"manager.n_workers = 3\nmanager.max_connections = {number}\n")
            self.process.send_signal(signal.SIGHUP)
        self.until(lambda: any("value=99 " in line for line in self.lines("setting_changed")), "the last file")
        self.until(lambda: len(self.lines("reloaded")) == len(self.lines("reloading")), "the last reload has ended")
        self.assertLessEqual(len(self.lines("reloaded")), 10)
        self.session()
        self.stop()

    def test_a_storm_of_usr1_loses_no_line(self):
        log = self.folder / "m.log"
        self.start(self.INFO + f'log.path = "{log}"\n', log=log)
        for number in range(100):
            log.rename(self.folder / f"m.log.{number}")
            count = number + 1
            self.process.send_signal(signal.SIGUSR1)
            self.until(log.exists, "the new file")
        self.until(lambda: self.lines("log_reopened", log), "the last one")
        for _ in range(100):
            self.process.send_signal(signal.SIGUSR1)
        self.session()
        self.stop()
        text = "".join(one.read_text() for one in self.folder.glob("m.log*"))
        self.assertEqual(text.count("listening"), 1)
        self.assertGreater(text.count("log_reopened"), count)
        self.assertEqual(text.count("stopped"), 1)

    def test_each_number_of_threads_is_started_and_all_of_them_see_a_reload(self):
        for threads in (1, 2, 3):
            with self.subTest(threads):
                text = self.INFO + f"manager.n_workers = {threads}\n"
                self.start(text)
                tasks = pathlib.Path(f"/proc/{self.process.pid}/task")
                # Besides the main one, and the one for what takes its time to end.
                self.until(lambda: len(list(tasks.iterdir())) == 2 + threads, "its threads run")
                self.reload(text + "manager.max_connections = 1\n")
                first = self.client()
                self.assertEqual(first.recv(4096)[4:5], b"O")
                second = self.client()
                second.settimeout(0.2)
                self.assertRaises(TimeoutError, second.recv, 1)  # whichever thread would take it
                first.close()
                second.settimeout(PATIENCE)
                self.assertEqual(second.recv(4096)[4:5], b"O")
                second.close()
                self.stop()

    def test_what_only_a_restart_changes_is_said(self):
        self.start(self.INFO)
        self.reload(self.INFO + 'security.effective_group = "nogroup"\nmanager.max_file_descriptors = 512\n'
                    "security.privilege_mode = true\nmanager.n_workers = 7\n")
        said = {line.split("setting=")[1].split()[0] for line in self.lines("restart_needed")}
        self.assertEqual(said, {"security.effective_group", "manager.max_file_descriptors", "security.privilege_mode",
                                "manager.n_workers"})
        self.stop()

    def test_what_has_no_effect_needs_no_restart(self):
        self.start(self.INFO)
        self.reload(self.INFO + 'manager.event_loop_backend = "libev"\nmanager.packet_buffer_size = 7\n')
        self.assertEqual(self.lines("restart_needed"), [])
        self.stop()


if __name__ == "__main__":
    unittest.main()
