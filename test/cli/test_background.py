"""--daemon and manager.daemon (tools F.2): who starts it is answered when it serves, or told why it does not."""
import os
import pathlib
import signal
import socket
import subprocess
import time
import unittest

from manager import PROGRAM, ManagerTest

PATIENCE = 60  # seconds
OFFER = bytes.fromhex("0000000d" "4f" "00000006" "000001ff" "001fffff")


class Background(ManagerTest):
    def configure(self, text=""):
        self.folder.chmod(0o777)  # started as root, it becomes nobody
        self.write('log.use_syslog = false\nlog.level = "all"\nlog.path = "log"\nsecurity.effective_user = "nobody"\n'
                   'manager.custom_configuration_directory = "%s"\nmanager.connection_spec = "unix:%s/socket"\n'
                   'manager.pid_file = "pid"\n%s' % (self.folder, self.folder, text))

    def begin(self, *arguments):
        """Of the process that was started: all that it was given, paths too, begins in its directory."""
        surroundings = {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"),
                        **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}}
        done = subprocess.run([PROGRAM, "-c", "c", *arguments], cwd=self.folder, env=surroundings, timeout=PATIENCE,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode == 0:
            self.pid = int((self.folder / "pid").read_text())  # it is there already
            self.addCleanup(self.end)
        return done

    def end(self):
        """Waits for its end, although it is nobody's child here."""
        try:
            watched = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            os.kill(self.pid, signal.SIGTERM)
            self.until(lambda: not self.runs(), "it ends")
        finally:
            os.close(watched)

    def runs(self):
        try:
            return self.stat().split()[0] != "Z"
        except FileNotFoundError:
            return False

    def stat(self):
        return pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2]

    def until(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), end, f"not in time: {what}")
            time.sleep(0.01)

    def log(self):
        return (self.folder / "log").read_text()

    def serves_away_from_us(self, done):
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        with socket.socket(socket.AF_UNIX) as client:  # at once: nobody has to wait for it any more
            client.settimeout(PATIENCE)
            client.connect(str(self.folder / "socket"))
            client.sendall(OFFER)
            self.assertEqual(client.recv(4096)[4:5], b"O")
        parent, group, session, terminal = self.stat().split()[1:5]
        self.assertNotEqual(session, str(self.pid))  # it leads none, so it never gets a terminal
        self.assertNotEqual(session, str(os.getsid(0)))
        self.assertEqual(terminal, "0")
        self.assertNotEqual(parent, str(os.getpid()))
        self.assertEqual(os.readlink(f"/proc/{self.pid}/cwd"), "/")
        self.assertEqual([os.readlink(f"/proc/{self.pid}/fd/{n}") for n in range(3)], ["/dev/null"] * 3)
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        self.assertIn("Umask:\t0022\n", status)
        self.assertEqual((self.folder / "log").stat().st_mode & 0o777, 0o644)
        self.assertIn(" listening ", self.log())

    def test_the_option_brings_it_into_the_background(self):
        self.configure()
        self.serves_away_from_us(self.begin("--daemon"))
        self.end()
        self.assertEqual(sorted(os.listdir(self.folder)), ["c", "log"])
        self.assertIn(" stopped", self.log())

    def test_the_setting_does_too_and_its_ruby_process_is_its_own(self):
        self.configure('manager.daemon = true\ndefine_applicable_condition("Own") do |condition|\n'
                       '  condition.define_connect_stopper {|context, host, address| true }\nend\n'
                       'define_milter("a") do |milter|\n  milter.connection_spec = "unix:/nonexistent/a"\n'
                       '  milter.applicable_conditions = ["Own"]\nend\n')
        self.serves_away_from_us(self.begin())
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        names = [pathlib.Path(f"/proc/{child}/comm").read_text() for child in children]
        self.assertEqual([name for name in names if name.startswith("ruby")], ["ruby\n"], names)

    def test_a_reload_finds_the_files_of_the_directory_that_it_was_started_in(self):
        self.configure()
        self.serves_away_from_us(self.begin("--daemon"))
        self.configure('manager.max_connections = 7\nlog.path = "other"\n')
        os.kill(self.pid, signal.SIGHUP)
        self.until(lambda: (self.folder / "other").exists() and " reloaded " in (self.folder / "other").read_text(),
                   "it has loaded the files again")

    def test_no_daemon_wins_over_the_files(self):
        self.configure('manager.daemon = true\n')
        process = subprocess.Popen([PROGRAM, "-c", "c", "--no-daemon"], cwd=self.folder, stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.until(lambda: (self.folder / "pid").exists(), "it serves")
        self.assertEqual((self.folder / "pid").read_text(), f"{process.pid}\n")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_why_it_does_not_serve_is_said_to_whoever_started_it(self):
        for text, status, said in (
                ('manager.pid_file = "/nonexistent/pid"\n', 1, "failed to create PID file: /nonexistent/pid: No such file or directory"),
                ('manager.connection_spec = "unix:/nonexistent/socket"\n', 1, "failed to listen: cannot bind unix:/nonexistent/socket"),
                ("manager.n_workers = 5000\n", 78, "manager.n_workers is 5000")):
            for arguments, more in ((["--daemon"], ""), ([], "manager.daemon = true\n")):
                with self.subTest(said=said, arguments=arguments):
                    self.configure(text + more)
                    done = self.begin(*arguments)
                    self.assertEqual((done.returncode, done.stdout), (status, ""))
                    self.assertIn(said, done.stderr)
                    self.assertFalse((self.folder / "socket").exists())
                    self.assertFalse((self.folder / "pid").exists())


if __name__ == "__main__":
    unittest.main()
