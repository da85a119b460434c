"""What HUP and USR1 do, as an administrator sees it: the log, what takes effect, what needs a restart, what is wrong
(configuration 1.3)."""
import grp
import os
import re
import select
import signal
import socket
import subprocess
import time
import unittest

from manager import PROGRAM, ManagerTest

PATIENCE = 60  # seconds
OFFER = bytes.fromhex("0000000d" "4f" "00000006" "000001ff" "001fffff")
GOODBYE = bytes.fromhex("00000001" "51")


class Milter:
    """Listens, and counts who comes; says nothing."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        os.chmod(path, 0o666)
        self.socket.listen()

    def visitors(self):
        count = 0
        while select.select([self.socket], [], [], 0)[0]:
            self.socket.accept()[0].close()
            count += 1
        return count


class Running(ManagerTest):
    """A manager that serves, and its log."""

    def configure(self, text):
        self.write('log.use_syslog = false\nsecurity.effective_user = "%d"\n'
                   'manager.custom_configuration_directory = "%s"\nmanager.connection_spec = "unix:%s/socket"\n%s'
                   % (os.getuid(), self.folder, self.folder, text))

    def start(self, text, *arguments, environment=None, log=None):
        self.configure(text)
        self.launch(*arguments, environment=environment)
        self.until(lambda: (self.folder / "socket").exists() and self.lines("listening", log), "it listens")

    def launch(self, *arguments, environment=None):
        self.log = self.folder / "stderr"
        surroundings = {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"),
                        **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}}
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen([PROGRAM, "-c", "c", *arguments], stderr=output, cwd=self.folder,
                                            stdin=subprocess.DEVNULL, env=surroundings | (environment or {}))
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)

    def until(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            self.assertIsNone(self.process.poll(), self.log.read_text())
            self.assertLess(time.monotonic(), end, f"not in time: {what}\n{self.log.read_text()}")
            time.sleep(0.01)

    def lines(self, event, log=None):
        """`level event...` of each such line, without its time."""
        text = (log or self.log).read_text() if (log or self.log).exists() else ""
        return [line.partition("]: ")[2] for line in text.splitlines() if re.search(rf"\]: \w+ {event}\b", line)]

    def reload(self, text=None, expect="reloaded", log=None):
        if text is not None:
            self.configure(text)
        count = len(self.lines(expect, log))
        self.process.send_signal(signal.SIGHUP)
        self.until(lambda: len(self.lines(expect, log)) > count, expect)
        return self.lines(expect, log)[-1]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(PATIENCE), 0)

    def client(self):
        one = socket.socket(socket.AF_UNIX)
        self.addCleanup(one.close)
        one.settimeout(PATIENCE)
        one.connect(str(self.folder / "socket"))
        one.sendall(OFFER)
        return one

    def session(self):
        """From the offer to its end."""
        with self.client() as one:
            self.assertEqual(one.recv(4096)[4:5], b"O")
            one.sendall(GOODBYE)
            self.assertEqual(one.recv(4096), b"")

    INFO = 'log.level = "+info"\n'


class Reload(Running):
    def test_each_change_is_named_with_its_value_and_place(self):
        self.start(self.INFO)
        said = self.reload(self.INFO + 'manager.max_connections = 7\ndatabase.password = "secret"\n'
                           'define_milter("one") {|milter| milter.connection_spec = "inet:1@localhost"}\n')
        self.assertEqual(said, "info reloaded count=3 children=1")
        file = "c/milter-manager.conf"
        self.assertEqual(self.lines("setting_changed"), [
            f"info setting_changed setting=manager.max_connections value=7 path={file}:6",
            rf'info setting_changed setting=database.password value="\"********\"" path={file}:7',
            f'info setting_changed setting="milter one" value=added path={file}:8'])
        self.assertEqual(self.reload(), "info reloaded count=0 children=1")
        self.reload(self.INFO)
        self.assertEqual(self.lines("setting_changed")[3:], [
            "info setting_changed setting=manager.max_connections value=0 path=default",
            "info setting_changed setting=database.password value=nil path=default",
            'info setting_changed setting="milter one" value=removed path=""'])
        self.stop()

    def test_what_needs_a_restart_is_said_with_its_place_and_the_rest_takes_effect(self):
        self.start(self.INFO + "manager.n_workers = 2\nmanager.max_connections = 1\n")
        first, second = self.client(), self.client()
        self.assertEqual(first.recv(4096)[4:5], b"O")
        for _ in range(2):  # also at the next one: it is still so
            said = self.reload(self.INFO + f'manager.n_workers = 3\nmanager.pid_file = "{self.folder}/pid"\n'
                               "manager.max_connections = 2\n")
            warnings = self.lines("restart_needed")
            self.assertEqual(len(warnings), 2)
            self.assertIn("warning restart_needed setting=manager.pid_file", warnings[0])
            self.assertIn("warning restart_needed setting=manager.n_workers value=3 path=c/milter-manager.conf:6: ", warnings[1])
            self.log.write_text("")
        self.assertEqual(said, "info reloaded count=0 children=0")
        self.assertEqual(second.recv(4096)[4:5], b"O")  # while the first one is still there
        self.assertFalse((self.folder / "pid").exists())
        self.reload(self.INFO + "manager.n_workers = 2\n")
        self.assertEqual(self.lines("restart_needed"), [])
        first.close()
        second.close()
        self.stop()

    def test_a_limit_where_there_was_none_counts_for_those_who_come(self):
        self.start(self.INFO + "manager.n_workers = 2\n")
        old = [self.client(), self.client()]
        for one in old:
            self.assertEqual(one.recv(4096)[4:5], b"O")
        self.reload(self.INFO + "manager.n_workers = 2\nmanager.max_connections = 2\n")
        third = self.client()
        self.assertEqual(select.select([third], [], [], 0.3)[0], [])
        old[0].close()
        self.assertEqual(third.recv(4096)[4:5], b"O")
        for one in (old[1], third):
            one.close()
        self.stop()

    def test_level_and_path_of_the_log_change(self):
        self.start(self.INFO)
        other = self.folder / "other.log"
        self.reload(self.INFO + f'log.path = "{other}"\n', log=other)
        self.session()
        self.assertEqual(self.lines("reloaded"), [])
        quiet = f'log.path = "{other}"\nputs "read"\n'  # the default level has no info
        self.assertEqual(self.reload(quiet, "configuration_printed", other), "warning configuration_printed: read")
        self.configure('manager.n_workers = -1\n')
        self.reload(expect="reload_failed", log=other)
        self.assertEqual(len(self.lines("reloaded", other)), 1)
        self.reload(self.INFO)
        self.assertEqual(len(self.lines("stopping", other)), 0)
        self.stop()
        self.assertEqual(len(self.lines("stopping")), 1)

    def test_a_log_that_cannot_be_opened_changes_nothing(self):
        self.start(self.INFO)
        (self.folder / "directory").mkdir()
        self.reload(self.INFO + f'log.path = "{self.folder}/directory"\nmanager.max_connections = 7\n', "reload_failed")
        (wrong,) = self.lines("configuration_wrong")
        self.assertIn("error configuration_wrong path=c/milter-manager.conf:6: log file", wrong)
        self.assertEqual(self.lines("setting_changed"), [])
        self.assertEqual(self.reload(self.INFO), "info reloaded count=0 children=0")
        self.stop()

    def test_a_configuration_that_could_not_serve_is_wrong(self):
        self.start(self.INFO)
        self.reload(self.INFO + "manager.connection_spec = nil\n", "reload_failed")
        self.assertIn("manager.connection_spec", self.lines("configuration_wrong")[0])
        self.stop()

    def test_files_that_are_gone_are_said(self):
        self.start(self.INFO, environment={"MILTER_MANAGER_CONFIG_DIR": str(self.folder / "none")})
        self.write('load("absent.conf")\n')
        self.reload(expect="reload_failed")
        self.assertIn("absent.conf", self.lines("configuration_wrong")[0])
        self.stop()

    def test_the_command_line_wins_again(self):
        self.start("", "--log-level", "+info")
        self.assertEqual(self.reload('log.level = "none"\nmanager.chunk_size = 1000\n'), "info reloaded count=1 children=0")
        self.assertEqual(self.reload(), "info reloaded count=0 children=0")
        self.stop()

    def test_each_option_wins_again_over_what_the_files_say_now(self):
        user = str(os.getuid())
        self.start("", "-s", f"unix:{self.folder}/socket", "--log-level=+info", f"--log-path={self.folder}/stderr", "--syslog-facility=local1",
                   "--no-daemon", "-u", user, "-g", str(os.getgid()), "--unix-socket-mode=600", "--n-workers=1",
                   "--event-loop-backend=glib", "--packet-buffer-size=1", "--max-pending-finished-sessions=1",
                   f"--pid-file={self.folder}/pid", f"--unix-socket-group={grp.getgrgid(os.getgid()).gr_name}")
        self.reload('manager.connection_spec = "unix:/file"\nlog.level = "none"\nlog.path = "/nonexistent/log"\n'
                    'log.syslog_facility = "local2"\nmanager.daemon = true\nsecurity.effective_user = "file"\n'
                    'security.effective_group = "file"\nmanager.unix_socket_mode = 0666\nmanager.n_workers = 7\n'
                    'manager.event_loop_backend = "libev"\nmanager.packet_buffer_size = 7\nmanager.pid_file = "/file"\n'
                    'manager.max_pending_finished_sessions = 7\nmanager.unix_socket_group = "file"\n')
        self.assertEqual(self.lines("restart_needed") + self.lines("setting_changed"), [])
        self.session()
        self.stop()

    def test_what_the_configuration_prints_is_logged(self):
        self.start(self.INFO)
        self.reload(self.INFO + 'puts "one"\n$stderr.puts "two\\tparts"\n')
        self.assertEqual(self.lines("configuration_printed"),
                         ["warning configuration_printed: one", "warning configuration_printed: two\\x09parts"])
        self.stop()

    def test_a_json_configuration_is_read_again(self):
        file = self.folder / "m.json"
        text = '{"log": {"use_syslog": false, "level": "+info"}, "security": {"effective_user": "%d"},' \
               '"manager": {"connection_spec": "unix:%s/socket"%s}}'
        file.write_text(text % (os.getuid(), self.folder, ""))
        self.start("", "--config-file", "m.json")
        file.write_text(text % (os.getuid(), self.folder, ', "max_connections": 7'))
        self.assertEqual(self.reload(), "info reloaded count=1 children=0")
        file.write_text("{")
        self.reload(expect="reload_failed")
        file.unlink()
        self.reload(expect="reload_failed")
        self.stop()

    def test_usr1_opens_the_log_file_anew(self):
        path = self.folder / "m.log"
        self.start(self.INFO)
        self.reload(self.INFO + f'log.path = "{path}"\n', log=path)
        path.rename(self.folder / "m.log.1")
        self.process.send_signal(signal.SIGUSR1)
        self.until(lambda: self.lines("log_reopened", path), "the new file")
        self.assertEqual(self.lines("log_reopened", self.folder / "m.log.1"), [])
        self.stop()

    def test_a_reader_of_the_log_that_is_gone_ends_nothing(self):
        self.configure('log.level = "all"\n')
        self.log = self.folder / "stderr"
        self.log.write_text("")
        self.process = subprocess.Popen([PROGRAM, "-c", "c"], stderr=subprocess.PIPE, cwd=self.folder,
                                        env={"PATH": os.environ["PATH"], "HOME": str(self.folder / "home")})
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        self.assertTrue(any(b" listening " in line for line in self.process.stderr))
        self.process.stderr.close()
        self.session()
        self.process.send_signal(signal.SIGHUP)
        self.session()
        self.stop()

    def test_a_detected_milter_is_no_longer_used_after_chkconfig_del(self):
        root = self.folder / "root"
        script = "#!/bin/bash\n#\n# chkconfig: - 79 21\n# description: greylisting\n# config: /etc/mail/greylist.conf\n"
        self.write(script, "root/etc/rc.d/init.d/milter-greylist")
        self.write(f'socket "{self.folder}/greylist"\nracl greylist default\n', "root/etc/mail/greylist.conf")
        (root / "etc/init.d").symlink_to("rc.d/init.d")
        links = []
        for level in range(7):
            links.append(root / f"etc/rc.d/rc{level}.d" / f"{'S80' if level in (2, 3, 4, 5) else 'K20'}milter-greylist")
            links[-1].parent.mkdir()
            links[-1].symlink_to("../init.d/milter-greylist")
            (root / f"etc/rc{level}.d").symlink_to(f"rc.d/rc{level}.d")
        greylist = Milter(self.folder / "greylist")
        self.addCleanup(greylist.socket.close)
        self.start(self.INFO + "manager.negotiation_timeout = 0.1\n"
                   'RedHatDetector.new(configuration, "milter-greylist").apply(self)\n',
                   environment={"MILTER_MANAGER_DETECTION_ROOT": str(root)})
        self.session()
        self.assertEqual(greylist.visitors(), 1)
        self.assertEqual(self.reload(), "info reloaded count=0 children=1")
        for one in links:
            one.unlink()
        self.assertEqual(self.reload(), "info reloaded count=1 children=0")
        (change,) = self.lines("setting_changed")
        self.assertIn('setting="milter.enabled of milter-greylist" value=false', change)
        for _ in range(4):
            self.session()
        self.assertEqual(greylist.visitors(), 0)
        self.stop()


if __name__ == "__main__":
    unittest.main()
