"""Conditions through the whole program: files, Ruby, JSON, snapshot, and back to text (configuration 6, 8, 12)."""
import json
import pathlib
import unittest

from manager import ManagerTest

SHIPPED = {"MILTER_MANAGER_CONFIG_DIR": str(pathlib.Path(__file__).resolve().parents[2] / "conf")}
CONFIGURATION = """\
define_applicable_condition("Mine \\"a\\"") do |condition|
  condition.description = "first"
  condition.skip_when(client: "192.0.2.0/24")
end
define_applicable_condition("Plain") {|condition| condition.skip_when(daemon_port: 587) }
define_milter("m") do |milter|
  milter.connection_spec = "unix:/m"
  milter.applicable_conditions = ["Plain", "Plain"]
  milter.add_applicable_condition("Mine \\"a\\"")
end
"""
SHOWN = """
# c/milter-manager.conf:1
define_applicable_condition("Mine \\"a\\"") do |condition|
  # c/milter-manager.conf:2
  condition.description = "first"
end

# c/milter-manager.conf:5
define_applicable_condition("Plain") do |condition|
  # default
  condition.description = nil
end

# c/milter-manager.conf:6
define_milter("m") do |milter|
  # c/milter-manager.conf:7
  milter.connection_spec = "unix:/m"
  # default
  milter.description = nil
  # default
  milter.enabled = true
  # default
  milter.fallback_status = "accept"
  # default
  milter.evaluation_mode = false
  milter.applicable_conditions = [
    # default
    "Plain",
    # default
    "Plain",
    # c/milter-manager.conf:9
    "Mine \\"a\\"",
  ]
  # default
  milter.command = nil
"""
BUILT_IN = ["Authenticated", "Unauthenticated", "DNSBL Listed", "Not DNSBL Listed", "Remote Network", "S25R",
            "Sendmail Compatible", "Stress Notify", "No Stress", "Trust"]


def names(text):
    return [line.split('"')[1] for line in text.splitlines() if line.startswith("define_applicable_condition(")]


class Conditions(ManagerTest):
    def test_they_are_shown_between_the_sections_and_the_milters(self):
        status, out, err = self.load(CONFIGURATION)
        self.assertEqual((status, err), (0, ""))
        self.assertIn("database.password = nil\n" + SHOWN, out)

    def test_what_is_shown_is_a_configuration_again(self):
        shown = [line for line in self.load(CONFIGURATION)[1].splitlines() if not line.strip().startswith("#")]
        status, again, err = self.load("\n".join(shown) + "\n")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual([line for line in again.splitlines() if not line.strip().startswith("#")], shown)

    def test_a_block_needs_the_ruby_that_has_it(self):
        (self.folder / "c.json").write_text(json.dumps({
            "conditions": [{"name": "Own", "rules": [{"at": "connect", "stop": {"ask": 0}, "location": "own.conf:7"}]}],
            "milters": [{"name": "m", "connection_spec": "unix:/m", "applicable_conditions": ["Own"]},
                        {"name": "off", "connection_spec": "unix:/m", "applicable_conditions": ["Own"], "enabled": False}]}))
        done = self.run_manager("--config-file", "c.json", "--check-config")
        self.assertEqual(done.returncode, 78)
        self.assertEqual(done.stderr.splitlines(), [
            'own.conf:7: define_milter("m"): the condition "Own" asks a Ruby block, and a configuration in JSON comes without Ruby; '
            'use milter-manager.conf, or say it in words'])

    def test_the_shipped_ones_are_there_in_their_order_with_their_places(self):
        out = self.load('load("applicable-conditions/*.conf")\n', environment=SHIPPED)[1]
        self.assertEqual(names(out), BUILT_IN)
        self.assertRegex(out, r"\n# \S+/conf/applicable-conditions/s25r.conf:\d+\ndefine_applicable_condition\(\"S25R\"\)")

    def test_a_redefined_one_is_shown_once_and_last(self):
        text = "define_applicable_condition(%r) {|condition| }\n"
        milter = 'define_milter("m") {|milter| milter.enabled = false; milter.add_applicable_condition("A") }\n'
        out = self.load(text % "A" + milter + text % "B" + text % "A")[1]
        self.assertEqual(names(out), ["B", "A"])

    def test_check_config_says_which_conditions_a_milter_has(self):
        self.write(CONFIGURATION)
        done = self.run_manager("-c", "c", "--check-config")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn('Milter 1: "m" on unix:/m, fallback accept, if "Plain" and "Plain" and "Mine \\"a\\""\n', done.stdout)

    def test_a_regular_expression_that_is_wrong_in_a_table_is_told_with_its_line(self):
        self.write("# mine\n/(/ ok\n", "c/senders")
        lines = self.complaints('define_applicable_condition("C") {|condition| condition.skip_when(sender: "pcre:senders") }\n')
        self.assertEqual(len(lines), 1)
        self.assertIn("c/senders:2: end pattern with unmatched parenthesis", lines[0])

    def test_an_unknown_stage_or_milter_result_is_told(self):
        lines = self.complaints("""\
define_applicable_condition("C") do |condition|
  condition.skip_when(host: "x", at: :lunch)
  condition.skip_when(result: {"m" => :bogus})
end
""")
        self.assertEqual([line.split(":")[1] for line in lines], ["2", "3"])

    def test_the_log_of_a_configuration_goes_to_standard_error(self):
        status, out, err = self.load('Milter::Logger.error("one\\ntwo")\nMilter::Logger.debug("three")\n')
        self.assertEqual((status, err), (0, "[error] one\n[error] two\n"))
        self.assertTrue(out.startswith("# default\npackage.platform"))


if __name__ == "__main__":
    unittest.main()
