"""The options of milter-manager (tools E, F.1)."""
import json
import pathlib
import re
import unittest

from manager import ManagerTest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Options(ManagerTest):
    def mistake(self, *arguments):
        done = self.run_manager(*arguments)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        first, blank, usage = done.stderr.split("\n", 2)
        self.assertEqual(blank, "")
        self.assertIn("Usage: milter-manager", usage)
        return first

    def test_version(self):
        version = re.search(r"project\(milter-manager VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
        done = self.run_manager("--version")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, f"milter-manager {version}\n", ""))

    def test_help_names_every_option_of_the_manual_page_and_the_other_way_round(self):
        done = self.run_manager("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        page = (ROOT / "docs" / "man" / "milter-manager.1").read_text().replace("\\-", "-")
        in_help = set(re.findall(r"--[a-z][a-z-]+", done.stdout.split("Options:")[1]))
        in_page = set(re.findall(r"--[a-z][a-z-]+", page[page.index(".SH OPTIONS"):page.index(".SH FILES")]))
        self.assertEqual(in_help, in_page)
        self.assertGreater(len(in_help), 25)

    def test_an_unknown_option_names_the_nearest(self):
        self.assertEqual(self.mistake("--show-confg"),
                         "Unknown option --show-confg; the nearest known one is --show-config")
        self.assertEqual(self.mistake("--n-worker=3"), "Unknown option --n-worker; the nearest known one is --n-workers")

    def test_words_that_are_no_options(self):
        self.assertEqual(self.mistake("start"), "Unknown argument start: there are only options")
        self.assertIn("--pid-file", self.mistake("--pid-file"))

    def test_bad_values_are_mistakes_of_the_command_line(self):
        self.assertEqual(self.mistake("--n-workers=5000"),
                         "--n-workers: manager.n_workers is 5000; an integer from 0 to 1000, or nil is allowed")
        self.assertIn("spec doesn't have colon: <foo>", self.mistake("-s", "foo"))
        self.assertIn('unknown level "bogus"', self.mistake("--log-level", "bogus"))
        self.assertIn('one of ["glib", "libev"]', self.mistake("--event-loop-backend=epoll"))
        for option in ("--n-workers", "--packet-buffer-size", "--user-id", "--group-id"):
            self.assertEqual(self.mistake(option, "abc"), f'{option}: "abc" is not an integer')
        self.assertEqual(self.mistake("--unix-socket-mode=u+x"),
                         '--unix-socket-mode: set mode must be "=", not "+": "u+x"')
        self.assertEqual(self.mistake("--unix-socket-mode=999"), '--unix-socket-mode: "999" has no "="')
        self.assertIn("0 to 0777", self.mistake("--unix-socket-mode=1777"))

    def test_options_win_over_the_files_and_have_no_place(self):
        files = ('manager.connection_spec = "unix:/file"\nmanager.n_workers = 1\nmanager.daemon = true\n'
                 'log.level = "none"\nlog.use_syslog = false\nsecurity.effective_user = "file"\n')
        shown = self.shown(files, "-s", "unix:/option", "--n-workers", "2", "--no-daemon", "-v", "--syslog",
                           "--syslog-facility=local1", "-u", "option", "-g", "5", "--pid-file=/p", "--log-path", "-",
                           "--unix-socket-mode=u=rw,g=r", "--unix-socket-group=mail", "--event-loop-backend=libev",
                           "--packet-buffer-size=7", "--max-pending-finished-sessions=8")
        for name, value in {
            "manager.connection_spec": '"unix:/option"', "manager.n_workers": "2", "manager.daemon": "false",
            "log.level": '"critical|error|warning|message|info|debug|trace|statistics|profile"',
            "log.use_syslog": "true", "log.syslog_facility": '"local1"', "security.effective_user": '"option"',
            "security.effective_group": '"5"', "manager.pid_file": '"/p"', "log.path": '"-"',
            "manager.unix_socket_mode": "0640", "manager.unix_socket_group": '"mail"',
            "manager.event_loop_backend": '"libev"', "manager.packet_buffer_size": "7",
            "manager.max_pending_finished_sessions": "8",
        }.items():
            self.assertEqual(shown[name], (value, "default"), name)

    def test_the_last_of_several_options_wins(self):
        for arguments, level in ((("-v", "-q"), '"none"'), (("-q", "--log-level=error"), '"error"'),
                                 (("--log-level=error", "-q"), '"none"'),
                                 (("--log-level=error", "--log-level=info"), '"info"')):
            self.assertEqual(self.shown("", *arguments)["log.level"][0], level)
        self.assertEqual(self.shown("", "--daemon", "--no-daemon")["manager.daemon"][0], "false")
        self.assertEqual(self.shown("", "--user=a", "--user-id=7")["security.effective_user"][0], '"7"')
        self.assertEqual(self.shown("", "--socket-group-name=a")["manager.unix_socket_group"][0], '"a"')

    def test_modes_by_letters(self):
        for mode, shown in (("u=rwx,g=rx,o=x", "0751"), ("a=r", "0444"), ("ug=rw", "0660"), ("0", "0"), ("660", "0660")):
            self.assertEqual(self.shown("", f"--unix-socket-mode={mode}")["manager.unix_socket_mode"][0], shown)

    def test_an_option_cures_a_bad_value_of_a_file_only_in_the_file(self):
        self.assertEqual(len(self.complaints("manager.n_workers = 5000\n", "--n-workers=2")), 1)

    def test_a_missing_configuration_directory_is_no_error_of_its_own(self):
        self.write("", "d/milter-manager.conf")
        done = self.run_manager("-c", "missing", "--check-config", environment={"MILTER_MANAGER_CONFIG_DIR": "d"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class ConfigFile(ManagerTest):
    def check(self, text, *arguments):
        self.write(text, "x.json")
        done = self.run_manager("--config-file", "x.json", "--show-config", *arguments, environment={"PATH": "/none"})
        return done.returncode, done.stdout, done.stderr.splitlines()

    def test_json_needs_no_ruby(self):
        status, out, err = self.check(json.dumps({
            "manager": {"n_workers": 3}, "milters": [{"name": "a", "connection_spec": "unix:/a"}]}), "--pid-file=/p")
        self.assertEqual((status, err), (0, []))
        self.assertIn("# x.json\nmanager.n_workers = 3\n", out)
        self.assertIn('manager.pid_file = "/p"\n', out)
        self.assertIn('\n# x.json\ndefine_milter("a") do |milter|\n', out)

    def test_all_that_is_wrong_is_told(self):
        self.assertEqual(self.check('{"manager": {"n_workers": "3"}, "milter": []}'), (78, "", [
            'x.json: manager.n_workers is "3"; an integer from 0 to 1000, or nil is allowed',
            'x.json: unknown part "milter"; the nearest known name is milters']))
        status, out, err = self.check('{\n "manager": {,}}')
        self.assertEqual((status, out), (78, ""))
        self.assertRegex(err[0], "^x.json:2:1[34]: not JSON: ")

    def test_a_file_that_is_not_there(self):
        done = self.run_manager("--config-file", "missing.json", "--show-config")
        self.assertEqual((done.returncode, done.stderr),
                         (78, "missing.json: cannot be read; a readable file is allowed\n"))


if __name__ == "__main__":
    unittest.main()
