"""Bad configurations: all complaints together, each with its place, and nothing starts (configuration 0)."""
import pathlib
import re
import unittest

from manager import CONFIG_ERROR, ManagerTest

MAIN = "c/milter-manager.conf"
REST = "; the rest of this file was not evaluated"


class Mistakes(ManagerTest):
    def test_all_bad_values_are_told_at_once_in_the_order_of_the_lines(self):
        self.assertEqual(self.complaints("""\
manager.n_workers = 5000
manager.fallback_status = "drop"
log.level = "error|bogus"
manager.unix_socket_mode = "0660"
define_milter("m") do |milter|
  milter.connection_spec = "foo"
  milter.fallback_status = nil
  milter.reading_timeout = -1
end
define_milter("n") {|milter| milter.description = "no socket" }
manager.n_workrs = 1
"""), [
            f"{MAIN}:1: manager.n_workers is 5000; an integer from 0 to 1000, or nil is allowed",
            f'{MAIN}:2: manager.fallback_status is "drop"; one of ["accept", "reject", "temporary-failure", "discard"], '
            "or nil is allowed",
            f'{MAIN}:3: log.level is "error|bogus": unknown level "bogus"; "default", "all", "none" or names joined by '
            '"|" of ["critical", "error", "warning", "message", "info", "debug", "trace", "statistics", "profile"], or '
            "nil is allowed",
            f'{MAIN}:4: manager.unix_socket_mode is "0660"; an integer from 0 to 0777, or nil is allowed',
            f'{MAIN}:6: define_milter("m"): milter.connection_spec is "foo": spec doesn\'t have colon: <foo>; '
            "unix:PATH, inet:PORT, inet:PORT@HOST, inet:PORT@[ADDRESS] or inet6:... is allowed",
            f'{MAIN}:7: define_milter("m"): milter.fallback_status is nil; one of ["accept", "reject", '
            '"temporary-failure", "discard", "shutdown", "quarantine"] is allowed',
            f'{MAIN}:8: define_milter("m"): milter.reading_timeout is -1; a number of seconds from 0 to 1000000000 is '
            "allowed",
            f'{MAIN}:10: define_milter("n"): no connection_spec; an enabled milter needs one',
            f"{MAIN}:11: unknown setting manager.n_workrs; the nearest known name is manager.n_workers",
        ])

    def test_the_lines_that_the_manual_shows(self):
        page = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "manual" / "configuration.md").read_text()
        shown = re.search(r"^```\n(/etc/milter-manager/.*?)^```$", page, re.M | re.S)[1].replace("/etc/milter-manager", "c")
        self.assertEqual(self.complaints("\n\nmanager.n_workers = 5000" + 6 * "\n" + "manager.max_conections = 3\n"), shown.splitlines())

    def test_an_exception_ends_its_file_only(self):
        self.write('manager.max_headers = 0\nraise "boom\\nsecond line"\nmanager.max_edits = 0\n', "c/inner.conf")
        lines = self.complaints('load("inner.conf")\nmanager.n_workers = -1\n')
        self.assertEqual(sorted(lines), sorted([
            "c/inner.conf:1: manager.max_headers is 0; an integer from 1 to 4294967295, or nil is allowed",
            "c/inner.conf:2: RuntimeError: boom second line" + REST,
            f"{MAIN}:2: manager.n_workers is -1; an integer from 0 to 1000, or nil is allowed"]))

    def test_every_kind_of_exception_is_a_complaint_with_its_line(self):
        for code, expected in {
            "bogus": "NameError: undefined local variable or method `bogus'",
            "UnknownConstant.new": "NameError: uninitialized constant",
            "manager.bogus": "NoMethodError: undefined method `bogus'",
            'require "no/such/library"': "LoadError: cannot load such file",
            'File.read("/no/such/file")': "Errno::ENOENT: No such file or directory",
            "exit": "SystemExit: exit",
            "def deep; deep; end; deep": "SystemStackError: stack level too deep",
            'define_milter("x") {|milter| milter.bogus }': "NoMethodError: undefined method `bogus'",
            "define_milter('x')": "LocalJumpError: no block given",
            "manager.n_workers = = 3": "SyntaxError: syntax error, unexpected '='",
        }.items():
            with self.subTest(code):
                lines = self.complaints(f"# first\n{code}\n")
                self.assertEqual(len(lines), 1, lines)
                self.assertTrue(lines[0].startswith(f"{MAIN}:2: {expected}"), lines[0])
                self.assertTrue(lines[0].endswith(REST), lines[0])

    def test_a_missing_file_is_told_where_it_is_asked_for(self):
        for path in ("missing.conf", "/missing/*.conf", "/missing.conf"):
            lines = self.complaints(f'\n\nload("{path}")\n')
            self.assertEqual(len(lines), 1)
            self.assertTrue(lines[0].startswith(
                f"{MAIN}:3: Milter::Manager::ConfigurationLoader::NonexistentPath: {path} doesn't exist."), lines[0])

    def test_no_main_file_at_all(self):
        lines = self.complaints()
        self.assertEqual(len(lines), 1)
        self.assertRegex(lines[0], r'^milter-manager.conf: path milter-manager.conf doesn\'t exist in load path '
                                   r'\(\["c", ".*"\]\); --config-dir names the directory where it is$')

    def test_objects_of_built_in_conditions_need_their_files(self):
        self.assertEqual(self.complaints("\ns25r.add_whitelist(/x/)\n")[0].split("' for")[0],
                         f"{MAIN}:2: NameError: undefined local variable or method `s25r")

    def test_values_that_json_does_not_have_are_refused_where_they_matter(self):
        self.assertEqual(self.complaints("manager.pid_file = Object\nmanager.max_connections = 0.0 / 0\n"
                                         "log.path = \"\\xff\"\nmanager.daemon = Object.new\n"), [
            f"{MAIN}:1: manager.pid_file is Object; a text, or nil is allowed",
            f"{MAIN}:2: manager.max_connections is NaN; an integer from 0 to 4294967295, or nil is allowed",
            f'{MAIN}:3: log.path is "\\xFF"; a text, or nil is allowed'])

    def test_check_config_and_a_start_refuse_the_same(self):
        self.write("manager.n_workers = 5000\n")
        expected = f"{MAIN}:1: manager.n_workers is 5000; an integer from 0 to 1000, or nil is allowed\n"
        for task in ([], ["--check-config"], ["--show-config"]):
            done = self.run_manager("-c", "c", *task)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (CONFIG_ERROR, "", expected))


if __name__ == "__main__":
    unittest.main()
