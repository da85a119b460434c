"""Which files are loaded, and what a redefinition of a milter does (configuration 1.1, 1.2, 2.2, 5.1)."""
import os
import pathlib
import re
import unittest

from manager import ManagerTest

MILTER = 'define_milter("{0}") {{|milter| milter.connection_spec = "unix:/{0}" }}\n'


class Load(ManagerTest):
    def define(self, name, path):
        self.write(MILTER.format(name), path)

    def loaded(self, text):
        self.write(text)
        return self.milters()

    def test_a_file_relative_to_the_configuration_directory(self):
        self.define("a", "c/sub/a.conf")
        self.assertEqual(self.loaded('load("sub/a.conf")'), ["a"])

    def test_paths_are_relative_to_the_load_path_and_not_to_the_loading_file(self):
        self.define("a", "c/a.conf")
        self.define("wrong", "c/sub/a.conf")
        self.write('load("a.conf")', "c/sub/outer.conf")
        self.assertEqual(self.loaded('load("sub/outer.conf")'), ["a"])

    def test_an_absolute_path_and_an_absolute_pattern(self):
        self.define("a", "elsewhere/a.conf")
        self.define("b", "elsewhere/b.conf")
        self.assertEqual(self.loaded(f'load("{self.folder}/elsewhere/a.conf")'), ["a"])
        self.assertEqual(self.loaded(f'load("{self.folder}/elsewhere/*.conf")'), ["a", "b"])

    def test_a_directory_means_its_files_and_not_those_below_it(self):
        for name in ("b", "a", "sub/c"):
            self.define(name, f"c/dir/{name}.conf")
        self.assertEqual(self.loaded('load("dir")'), ["a", "b"])

    def test_a_pattern_matches_sorted_in_every_directory_of_the_load_path(self):
        for name in ("c/x/2", "c/x/1", "d/x/3"):
            self.define(name, f"{name}.conf")
        self.write('load("x/*.conf")')
        done = self.run_manager("-c", "c", "--check-config", environment={"MILTER_MANAGER_CONFIG_DIR": "d"})
        self.assertEqual([line.split('"')[1] for line in done.stdout.splitlines() if line.startswith("Milter ")],
                         ["c/x/1", "c/x/2", "d/x/3"])

    def test_a_file_is_taken_from_the_first_directory_only(self):
        self.define("first", "c/x.conf")
        self.define("second", "d/x.conf")
        self.define("only there", "d/y.conf")
        self.write('load("x.conf"); load("y.conf")')
        done = self.run_manager("-c", "c", "--check-config", environment={"MILTER_MANAGER_CONFIG_DIR": "d"})
        self.assertIn('"first"', done.stdout)
        self.assertIn('"only there"', done.stdout)
        self.assertNotIn('"second"', done.stdout)

    def test_the_main_file_is_the_first_regular_one_of_the_load_path(self):
        (self.folder / "c" / "milter-manager.conf").mkdir(parents=True)
        self.define("other", "d/milter-manager.conf")
        done = self.run_manager("-c", "c", "--check-config", environment={"MILTER_MANAGER_CONFIG_DIR": "d"})
        self.assertIn("Read: d/milter-manager.conf\n", done.stdout)

    def test_load_returns_the_paths(self):
        self.define("a", "c/a.conf")
        self.loaded('raise load("a.conf").inspect unless load("a.conf") == ["c/a.conf"]')

    def test_a_file_may_be_loaded_twice_but_not_within_itself(self):
        self.write("$times = ($times || 0) + 1\n", "c/a.conf")
        self.loaded('load("a.conf")\nload("a.conf")\nraise $times.to_s unless $times == 2\n')
        self.assertEqual(self.complaints('manager.n_workers = 1\nload("milter-manager.conf")\n'), [
            "c/milter-manager.conf:2: Milter::Manager::ConfigurationLoader::RecursiveLoad: c/milter-manager.conf is "
            "being loaded already; the rest of this file was not evaluated"])

    def test_load_if_exist_says_whether(self):
        self.define("a", "c/a.conf")
        self.assertEqual(self.loaded(f"""
            raise "1" unless load_if_exist("a.conf") == true
            raise "2" unless load_if_exist("missing.conf") == false
            raise "3" unless load_if_exist("{self.folder}/missing.conf") == false
            raise "4" unless load_if_exist("missing/*.conf") == false
            """), ["a"])

    def test_load_if_exist_does_not_hide_what_is_missing_inside(self):
        self.write('load("missing.conf")\n', "c/a.conf")
        lines = self.complaints('load_if_exist("a.conf")\n')
        self.assertEqual(len(lines), 1)
        self.assertRegex(lines[0], r"^c/a.conf:1: \S*NonexistentPath: missing.conf doesn't exist\. ")

    def test_local_variables_end_with_their_file_and_instance_variables_and_methods_stay(self):
        self.write("mine = 1\n@ours = 2\ndef helper; 3; end\nLIMIT = 4\n", "c/a.conf")
        self.loaded('load("a.conf")\nraise "1" if defined?(mine)\nraise "2" unless @ours + helper + LIMIT == 9\n'
                    'raise "3" unless __FILE__ == "c/milter-manager.conf" && __LINE__ == 4\n'
                    'raise "4" unless ConfigurationLoader == Client::ConfigurationLoader && instance_of?(Manager::ConfigurationLoader)\n')

    def test_custom_directory_is_the_last_of_the_load_path(self):
        self.define("mine", "custom/x.conf")
        self.assertEqual(self.loaded(
            f'manager.custom_configuration_directory = "{self.folder}/custom"\nload("x.conf")\n'), ["mine"])

    def test_root_runs_no_code_of_a_directory_of_somebody_else(self):
        self.define("theirs", "custom/x.conf")
        root = os.geteuid() == 0
        if root:
            os.chown(self.folder / "custom", 1, 1)
        self.write(f'manager.custom_configuration_directory = "{self.folder}/custom"\nload_if_exist("x.conf")\n')
        done = self.run_manager("-c", "c", "--check-config")
        self.assertEqual((done.returncode, '"theirs"' in done.stdout), (0, not root))
        self.assertEqual(done.stderr, f"[warning] {self.folder}/custom: nothing is loaded from there: root runs no code of "
                         "a directory that is not root's\n" if root else "")

    def test_a_custom_file_in_xml_is_read_after_the_main_file_and_another_one_is_not_looked_at(self):
        self.define("a", "c/a.conf")
        self.write("not xml\n", "c/milter-manager.custom.conf")
        self.assertEqual(self.loaded('load("a.conf")'), ["a"])
        self.write("<configuration><milters><milter><name>a</name><enabled>false</enabled></milter>"
                   "</milters></configuration>", "c/milter-manager.custom.conf")
        self.assertEqual(self.loaded('load("a.conf")'), [])
        self.assertEqual(self.shown()["a: milter.enabled"], ("false", "c/milter-manager.custom.conf:1"))
        self.write("<configuration><manager><max-connectoins>3</max-connectoins></manager></configuration>",
                   "c/milter-manager.custom.conf")
        self.assertEqual(self.complaints(), [
            "c/milter-manager.custom.conf:1: unknown setting manager.max_connectoins; the nearest known name is "
            "manager.max_connections"])

    def test_load_default_loads_the_file_of_the_platform_if_there_is_one(self):
        self.define("a", "c/defaults/debian.conf")
        self.assertEqual(self.loaded('package.platform = "debian"\nload_default\n'), ["a"])
        for platform in ('"beos"', "nil"):
            self.assertEqual(self.loaded(f"package.platform = {platform}\nload_default\n"), [])

    def test_the_shipped_configuration_is_right(self):
        shipped = pathlib.Path(__file__).resolve().parents[2] / "conf"
        done = self.run_manager("-c", str(shipped), "--check-config")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_what_the_shipped_configuration_shows_in_comments_is_right_too(self):
        shipped = pathlib.Path(__file__).resolve().parents[2] / "conf" / "milter-manager.conf"
        code = [re.sub("^# ?", "", line) for line in shipped.read_text().splitlines()
                if re.match(r"# (\w+\.\w+ =|define_milter|  milter\.|end$)", line)]
        self.assertGreater(len(code), 20)
        load = 'load("applicable-conditions/*.conf")\n'
        environment = {"MILTER_MANAGER_CONFIG_DIR": str(shipped.parent)}
        before = self.shown(load, environment=environment)
        after = self.shown(load + "\n".join(code), environment=environment)
        self.assertIn("clamav", after)
        for name, (value, _) in before.items():
            self.assertEqual(after[name][0], value, name)


class Redefinition(ManagerTest):
    FIRST = """\
define_milter("a") do |milter|
  milter.connection_spec = "unix:/a"
  milter.description = "old"
  milter.fallback_status = "reject"
  milter.evaluation_mode = true
  milter.reading_timeout = 3
  milter.command_options = "-x"
end
define_milter("b") {|milter| milter.connection_spec = "unix:/b" }
"""

    def test_it_keeps_every_attribute_and_moves_to_the_end(self):
        shown = self.shown(self.FIRST + 'define_milter("a") do |milter|\n  milter.description += " and new"\nend\n')
        self.assertEqual(self.milters(), ["b", "a"])
        here = "c/milter-manager.conf:"
        self.assertEqual(shown["a"], here + "10")
        self.assertEqual(shown["a: milter.description"], ('"old and new"', here + "11"))
        self.assertEqual(shown["a: milter.connection_spec"], ('"unix:/a"', here + "2"))
        self.assertEqual(shown["a: milter.fallback_status"], ('"reject"', here + "4"))
        self.assertEqual(shown["a: milter.evaluation_mode"], ("true", here + "5"))
        self.assertEqual(shown["a: milter.reading_timeout"], ("3.0", here + "6"))
        self.assertEqual(shown["a: milter.command_options"], ('"-x"', here + "7"))

    def test_a_block_that_raises_leaves_the_old_definition(self):
        self.write(self.FIRST + """
begin
  define_milter("a") {|milter| milter.description = "new"; raise "no" }
rescue RuntimeError
end
""")
        shown = self.shown()
        self.assertEqual(shown["a: milter.description"][0], '"old"')
        self.assertEqual(self.milters(), ["a", "b"])

    def test_remove_milter(self):
        self.write(self.FIRST + 'remove_milter("a")\nremove_milter("unknown")\nraise unless defined_milters == ["b"]\n')
        self.assertEqual(self.milters(), ["b"])


if __name__ == "__main__":
    unittest.main()
