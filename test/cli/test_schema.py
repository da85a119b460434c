"""The JSON Schema of the configuration (docs/configuration-json.md): it refuses what the program refuses, and nothing else."""
import copy
import json
import os
import pathlib
import re
import subprocess
import unittest

import jsonschema

from manager import ManagerTest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What only a whole configuration, or a parser of regular expressions, networks and addresses, can tell.
ONLY_THE_PROGRAM_KNOWS = re.compile(
    r"no regular expression|no IP address|invalid host address|applicable condition should be one of|a second milter|no port")
# What is only carried along: the program takes, and leaves away, what is not of the right type there.
CARRIED = re.compile(r"/(locations?|why|detector|connection_spec|spec_from|warning|description)(/|$)|^/files|"
                     r"^/hooks/.*/name|/applicable_conditions/\d+/condition$|/(name_servers|expected|replaced)$")
VALUES = [None, True, False, 0, 1, 3.7, -0.5, -1, 511, 512, 65536, 2**32, 2**41, 1e300, "", "x", "true", "a\0b", "default|+info", "-error|none",
          "bogus|error", "Temporary_Failure", "quarantine", "GLIB", "Post-Fix", "postfix", "local0", "unix:/x", "unix:" + "x" * 108, "inet:25",
          "inet:65536@h", "inet:@h", "inet6:1@[::1]", "inet:2x", "smtp:25", [], ["A"], [3], [{"name": "A"}], [{}], {}, {"connect": ["j", "{x}"]},
          {"end-of-header": "i, j"}, {"lunch": []}, {"helo": ["a b"]}, {"helo": 3}, {"ruby": "#<Object>"}]
WHOLE = {
    "manager": {"n_workers": 2, "daemon": False, "connection_spec": "inet:10025@[127.0.0.1]"}, "log": {"level": "+info"},
    "milters": [{"name": "m", "connection_spec": "unix:/m", "fallback_status": "reject", "locations": {"define_milter": "f:1"},
                 "applicable_conditions": ["A", {"name": "A", "condition": 0, "location": None}], "extra_macros": {"connect": ["j"]}},
                {"name": "off", "enabled": False}],
    "conditions": [{"name": "A", "description": None, "location": "f:2", "locations": {}, "replaced": False, "rules": [
        {"at": "mail", "set": {"a": "b", "c": {"macro": "d"}}, "when": {"not": {"postfix": True}}, "unset_only": True},
        {"at": "connect", "location": "f:3", "stop": {"any": [
            {"always": False}, {"all": [{"authenticated": True}, {"client_in": ["192.0.2.0/24"]}]}, {"client_family": "inet6"},
            {"client": "remote", "local": ["192.0.2.0/24"], "remote": []}, {"recipients": "any", "is": ["x"]}, {"macro": "i", "is": []},
            {"host": ["a", {"text": "b", "exact": True}, {"domain": "c", "negate": True}, {"texts": ["d"], "result": False},
                      {"regexp": "x", "options": "im", "location": "f:4"}]}, {"header": "Subject", "is": [{"cidr": "192.0.2.1"}]},
            {"size_over": 5}, {"time": {"from": "22:00", "to": "06:00", "days": ["mon", "Sunday"]}}, {"sessions_at_least": 3},
            {"child": "m", "said": ["reject"]}]}}]},
        {"name": "asks", "rules": [{"stop": {"ask": 3, "location": "f:9"}}, {"stop": {"dnsbl": {
            "services": [{"domain": "x", "expected": "127.0.0.2"}], "name_servers": ["192.0.2.53"], "timeout": 5}}}]}],
    "hooks": {"connection_checkers": [{"name": "n", "ask": 3, "location": "f:1"}, {"name": "o", "kind": "native", "location": "f:1"}], "maintained": []},
    "detection": [{"name": "x", "outcome": "not found", "why": "", "looked_at": [{"path": "/x", "found": False}]}],
    "files": ["f"], "locations": {"manager.n_workers": "f:1"}, "complaints": []}
OTHERS = [None, True, -1, 0.5, "", "odd", [3], {"odd": 1}]


def is_flag(value):
    return value is None or isinstance(value, bool)


def nodes(part, path=()):
    yield path
    for key, one in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield from nodes(one, path + (key,))


def changed(whole, path, to):
    """A copy of `whole` with another value at `path`."""
    if not path:
        return to
    made = copy.deepcopy(whole)
    part = made
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = to
    return made


class Schema(ManagerTest):
    @classmethod
    def setUpClass(cls):
        done = subprocess.run([os.environ["MILTER_MANAGER"], "--config-schema"], capture_output=True, text=True, check=True, timeout=60)
        cls.schema = json.loads(done.stdout)
        cls.validator = jsonschema.Draft202012Validator(cls.schema)

    def complaints_of(self, given):
        """What the program says of a configuration; a list of lines."""
        self.write(json.dumps(given), "x.json")
        done = self.run_manager("--config-file", "x.json", "--show-config", environment={"PATH": "/none"})
        self.assertIn(done.returncode, (0, 78), done.stderr)
        self.assertEqual(done.returncode == 78, done.stdout == "", done.stderr)
        return done.stderr.splitlines() if done.returncode == 78 else []

    def compare(self, given, what):
        """Whether schema and program take it; they must agree, but where the schema cannot know."""
        fits, lines = self.validator.is_valid(given), self.complaints_of(given)
        if fits and lines:
            self.assertTrue(all(ONLY_THE_PROGRAM_KNOWS.search(line) for line in lines), f"{what} fits the schema, but: {lines}")
        return fits, not lines

    def test_it_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(self.schema)
        self.assertEqual(self.schema["$schema"], "https://json-schema.org/draft/2020-12/schema")

    def test_of_every_setting_it_takes_the_values_that_the_program_takes(self):
        sections = {name: part["properties"] for name, part in self.schema["properties"].items() if "properties" in part and name != "hooks"}
        milter = {name: part for name, part in self.schema["properties"]["milters"]["items"]["properties"].items()
                  if name not in ("name", "locations")}
        taken, refused = set(), set()
        for value in VALUES:
            given = {section: {name: value for name in names} for section, names in sections.items()}
            given["conditions"] = [{"name": "A"}]
            given["milters"] = [{"name": "m", **{name: value for name in milter}}]
            lines = self.complaints_of(given)
            by_program = {name for line in lines for name in re.findall(r"x\.json: (?:define_milter\(\"m\"\): )?(\w+\.\w+) is ", line)}
            by_schema = {f"{'milter' if at[0] == 'milters' else at[0]}.{at[-1]}" for at in
                         ([part for part in error.absolute_path if not isinstance(part, int)][:2] for error in self.validator.iter_errors(given))}
            for name in [f"{section}.{name}" for section, names in sections.items() for name in names] + [f"milter.{name}" for name in milter]:
                section, short = name.split(".")
                part = (milter if section == "milter" else sections[section])[short]
                if {"type": "boolean"} in part.get("anyOf", []) and not is_flag(value):
                    self.assertIn(name, by_schema, value)
                    self.assertNotIn(name, by_program, value) # as in Ruby
                    continue
                with self.subTest(f"{name} = {value!r}"):
                    self.assertEqual(name in by_schema, name in by_program, lines)
                (refused if name in by_schema else taken).add(name)
        self.assertEqual(len(taken), len(milter) + sum(map(len, sections.values())))
        self.assertGreater(len(refused), 60)

    def test_a_changed_part_is_refused_by_both_or_by_neither(self):
        self.assertEqual(self.compare(WHOLE, "the whole"), (True, True))
        agreed = 0
        for path in nodes(WHOLE):
            name = "".join(f"/{key}" for key in path)
            for other in () if CARRIED.search(name) else OTHERS:
                if name == "/manager/daemon" and not is_flag(other):
                    continue # as in Ruby
                given = changed(WHOLE, path, other)
                if given == WHOLE:
                    continue
                with self.subTest(f"{name} = {other!r}"):
                    fits, taken = self.compare(given, f"{name} = {other!r}")
                    self.assertTrue(fits or not taken, "the program takes it, and the schema refuses it")
                    agreed += fits == taken and not fits
        self.assertGreater(agreed, 300)

    def test_a_name_too_many_is_refused_by_both(self):
        for path in nodes(WHOLE):
            part = WHOLE
            for key in path:
                part = part[key]
            name = "".join(f"/{key}" for key in path)
            if isinstance(part, dict) and not re.search(r"/locations|/detection/|/hooks/|/set|/extra_macros|/time$|/dnsbl|/applicable_conditions/", name):
                with self.subTest(name):
                    self.assertEqual(self.compare(changed(WHOLE, path, {**part, "odd": 1}), name), (False, False))

    def test_what_is_missing_is_refused_by_both(self):
        for given in ({"milters": [{}]}, {"milters": [{"name": "m"}]}, {"milters": [{"name": "m", "enabled": True}]}, {"conditions": [{}]},
                      {"conditions": [{"name": ""}]}, {"hooks": {"maintained": [{}]}}, {"detection": [{}]}, {"complaints": [{"what": "x"}]}):
            self.assertEqual(self.compare(given, given), (False, False))

    def test_the_configurations_of_the_tests_of_the_language_fit(self):
        kept = self.folder / "snapshots"
        kept.mkdir()
        for test in sorted((ROOT / "test" / "language").glob("test_*.rb")):
            done = subprocess.run(["ruby", "-I", ROOT / "ruby", "-I", test.parent, test], capture_output=True, text=True,
                                  timeout=100, env={**os.environ, "MILTER_KEEP_SNAPSHOTS": str(kept)})
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        taken = 0
        snapshots = [json.loads(path.read_text()) for path in sorted(kept.iterdir())]
        self.assertGreater(len(snapshots), 200)
        for one in snapshots:
            if self.validator.is_valid(one):
                taken += 1
            else:
                self.assertNotEqual(self.complaints_of(one), [], one)
        self.assertGreater(taken, 150)

    def evaluated(self, *arguments):
        """The JSON that the Ruby half hands to the program."""
        self.write(f"""request = $stdin.read
File.write("#{{__dir__}}/request", request)
system("ruby", "-EUTF-8", "{ROOT}/ruby/evaluate.rb", in: "#{{__dir__}}/request", 3 => ["#{{__dir__}}/json", "w"]) or raise "no evaluation"
IO.for_fd(3, "w").write(File.read("#{{__dir__}}/json"))
""", "library/evaluate.rb")
        done = self.run_manager(*arguments, "--check-config", environment={"MILTER_MANAGER_RUBYLIB": str(self.folder / "library")})
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads((self.folder / "library" / "json").read_text())

    def test_the_configuration_that_is_shipped_fits(self):
        shipped = self.evaluated("-c", str(ROOT / "conf"))
        self.assertIn("S25R", [one["name"] for one in shipped["conditions"]])
        self.assertEqual(list(self.validator.iter_errors(shipped)), [])
        self.write(re.search(r"^```ruby\n(.*?)^```$", (ROOT / "docs" / "manual" / "configuration.md").read_text(), re.M | re.S)[1])
        first = self.evaluated("-c", "c")
        self.assertEqual(len(first["milters"]), 2)
        self.assertEqual(self.compare(first, "the first example"), (True, True))

    def test_the_examples_of_the_manual_fit(self):
        blocks = re.findall(r"^```json\n(.*?)^```$", (ROOT / "docs" / "configuration-json.md").read_text(), re.M | re.S)
        self.assertGreater(len(blocks), 0)
        for block in blocks:
            self.assertEqual(self.compare(json.loads(block), block), (True, True))

    def test_the_manual_names_every_form_of_an_expression_and_of_a_pattern(self):
        page = (ROOT / "docs" / "configuration-json.md").read_text()
        for form in self.schema["$defs"]["expression"]["anyOf"]:
            self.assertIn(f'`{{"{form["required"][0]}": ', page)
        for form in self.schema["$defs"]["pattern"]["anyOf"][1:]:
            self.assertIn(f'`{{"{form["required"][0]}": ', page)


if __name__ == "__main__":
    unittest.main()
