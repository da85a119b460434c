"""What milter-manager does as a process: pid file, settings without an effect, reasons not to start."""
import os
import select
import signal
import socket
import subprocess
import time
import unittest

from manager import PROGRAM, ManagerTest

PATIENCE = 30  # seconds


class Serve(ManagerTest):
    def start(self, text):
        directory = self.folder
        (directory / "milter-manager.conf").write_text(
            'log.use_syslog = false\nlog.level = "all"\nsecurity.effective_user = "%d"\n'
            'manager.custom_configuration_directory = "%s"\nmanager.connection_spec = "unix:%s/socket"\n%s'
            % (os.getuid(), directory, directory, text))
        process = subprocess.Popen([PROGRAM, "--config-dir", str(directory)], stderr=subprocess.PIPE, bufsize=0, cwd=directory)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def until_it_listens(self, process):
        """The lines of the log up to `listening`."""
        lines = []
        while True:
            ready, _, _ = select.select([process.stderr], [], [], PATIENCE)
            line = process.stderr.readline().decode() if ready else ""
            self.assertTrue(line, f"it does not listen: {lines}")
            lines.append(line)
            if " listening " in line:
                return lines

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_the_pid_file_is_there_while_it_runs(self):
        path = self.folder / "pid"
        process = self.start(f'manager.pid_file = "{path}"\n')
        self.until_it_listens(process)
        self.assertEqual(path.read_text(), f"{process.pid}\n")
        self.assertEqual(path.stat().st_mode & 0o777, 0o644 & ~self.umask())
        self.stop(process)
        self.assertEqual(sorted(os.listdir(self.folder)), ["milter-manager.conf"])

    def umask(self):
        mask = os.umask(0o22)
        os.umask(mask)
        return mask

    def test_the_log_is_appended_to_its_file(self):
        path = self.folder / "log"
        path.write_text("old\n")
        process = self.start(f'log.path = "{path}"\nmanager.pid_file = "{self.folder}/pid"\n')
        self.stop_when(process, lambda: " listening " in path.read_text())
        self.assertTrue(path.read_text().startswith("old\n["), path.read_text())

    def stop_when(self, process, holds):
        end = time.monotonic() + PATIENCE
        while not holds():
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        self.stop(process)

    def test_a_log_that_cannot_be_opened_and_a_host_that_is_unknown_are_reasons_not_to_start(self):
        for text, told in ((f'log.path = "{self.folder}"\n', f"log file {self.folder}: "),
                           ('manager.connection_spec = "inet:0@no.such.invalid"\n', "inet:0@no.such.invalid: no.such.invalid: ")):
            process = self.start(text)
            self.assertEqual(process.wait(PATIENCE), 1)
            self.assertIn(told, process.stderr.read().decode())

    def test_a_pid_file_of_another_process_stays(self):
        path = self.folder / "pid"
        process = self.start(f'manager.pid_file = "{path}"\n')
        self.until_it_listens(process)
        path.write_text("1\n")
        self.stop(process)
        self.assertEqual(path.read_text(), "1\n")

    def test_a_pid_file_that_cannot_be_written_is_an_error(self):
        process = self.start('manager.pid_file = "/nonexistent/pid"\n')
        _, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 1)
        self.assertIn("failed to create PID file: /nonexistent/pid: No such file or directory", errors.decode())

    def test_a_milter_whose_files_are_not_understood_is_a_warning_and_no_reason_not_to_start(self):
        for path, text in (("lib/systemd/system/opendkim.service", "[Service]\n"), ("etc/opendkim.conf", "Socket nowhere\n")):
            (self.folder / "root" / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / "root" / path).write_text(text)
        process = self.start(f'DebianDetector.new(configuration, "opendkim", root: "{self.folder}/root").apply(self)\n')
        warnings = [line for line in self.until_it_listens(process) if " detection_skipped:" in line]
        self.assertEqual(len(warnings), 1)
        self.assertIn(f"{self.folder}/root/etc/opendkim.conf:1: the socket", warnings[0])
        self.assertIn("opendkim takes no part", warnings[0])
        self.stop(process)

    def test_an_interval_without_a_connection_checker_is_a_warning_with_its_line(self):
        process = self.start('manager.connection_check_interval = 3\n')
        log = "".join(self.until_it_listens(process))
        self.stop(process)
        self.assertIn("milter-manager.conf:6: manager.connection_check_interval has no effect without a connection checker", log)

    def test_max_connections_lets_the_next_client_wait_for_its_turn(self):
        offer = bytes.fromhex("0000000d4f000000060000 01ff001fffff".replace(" ", ""))
        process = self.start("manager.max_connections = 2\nmanager.n_workers = 2\n")
        self.until_it_listens(process)
        clients = [socket.socket(socket.AF_UNIX) for _ in range(6)]
        for one in clients:
            self.addCleanup(one.close)
            one.settimeout(PATIENCE)
            one.connect(str(self.folder / "socket"))
            one.sendall(offer)
        waiting = set(clients)
        while waiting:
            answered, _, _ = select.select(list(waiting), [], [], PATIENCE)
            self.assertTrue(answered, f"{len(waiting)} clients wait for ever")
            served = [one for one in waiting if select.select([one], [], [], 0.2)[0]]
            self.assertLessEqual(len(served), 2)
            for one in served:
                self.assertEqual(one.recv(4096)[4:5], b"O")
                one.close()
                waiting.remove(one)
        self.stop(process)

    def test_a_socket_that_cannot_be_opened_names_it(self):
        process = self.start('manager.connection_spec = "unix:/nonexistent/socket"\n')
        _, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 1)
        self.assertIn("failed to listen: cannot bind unix:/nonexistent/socket: No such file or directory", errors.decode())


if __name__ == "__main__":
    unittest.main()
