"""What milter-test-server --conformance says of milters that people run: the findings of docs/manual/testing-milters.md."""

import contextlib
import json
import os
import subprocess
import unittest

from support import scratch, watchdog
from support.chain import running_chain
from support.edit_milter import running_edit_milter
from support.opendmarc import running_opendmarc
from support.ports import free_port
from support.process import Process
from support.rspamd import running_rspamd

# By milter: the rules that it breaks.
FINDINGS = {
    "opendkim": set(),
    "opendmarc": set(),
    "clamav-milter": set(),
    "spamass-milter": set(),
    "pymilter": set(),
    "our library": set(),
    "rspamd": {"offer-few-actions", "nothing-unasked", "quit"},
}
# Of no milter is less tried than this.
ALWAYS_TRIED = {"offer", "one-reply", "messages", "abort", "hang-up", "null-sender", "many-headers", "large-body", "single-bytes"}


@contextlib.contextmanager
def running_example(home):
    """The milter in 20 lines of C++."""
    port = free_port()
    spec = f"inet:{port}@127.0.0.1"
    with Process("example", [f"{os.environ['MILTER_EXAMPLES']}/example_add_header", spec], home / "milter.log") as milter:
        milter.ready_when_port_accepts(port)
        yield spec


class Conformance(unittest.TestCase):
    def examine(self, spec):
        done = subprocess.run([os.environ["MILTER_TEST_SERVER"], "--conformance", spec, "--json"], capture_output=True, text=True,
                              timeout=120, check=False)
        self.assertEqual(done.stderr, "")
        rules = {one["rule"]: one for one in json.loads(done.stdout)["rules"]}
        return rules, done.returncode

    def test_each_milter_keeps_the_rules_that_the_manual_says(self):
        home = scratch.subdirectory(self.enterContext(scratch.scratch_directory("conformance")), "all")
        with contextlib.ExitStack() as running:
            def start(manager, name, *more):
                return running.enter_context(manager(scratch.subdirectory(home, name), *more))
            milters = {**start(running_chain, "chain"), "opendmarc": start(running_opendmarc, "opendmarc"),
                       "pymilter": start(running_edit_milter, "edit", "last"), "our library": start(running_example, "library"),
                       "rspamd": start(running_rspamd, "rspamd")}
            for name, breaks in FINDINGS.items():
                with self.subTest(milter=name):
                    rules, status = self.examine(milters[name])
                    broken = {word: one["why"] for word, one in rules.items() if one["result"] == "broken"}
                    self.assertEqual((broken.keys(), status), (breaks, 2 if breaks else 0), broken)
                    not_tried = {word: one["why"] for word, one in rules.items() if one["result"] == "not tried"}
                    self.assertFalse(not_tried.keys() & ALWAYS_TRIED, not_tried)


if __name__ == "__main__":
    watchdog.start()
    unittest.main(verbosity=2)
