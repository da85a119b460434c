#!/usr/bin/env python3
"""The three examples, as built with the rest."""

import subprocess
import unittest

from checks import check_greylist, check_list, check_stamp, list_of_senders
from milters import EXAMPLES, PATIENCE, Milters


class Examples(Milters):
    def test_a_header_is_added(self):
        check_stamp(self, self.running("add_header"))

    def test_senders_are_refused_by_a_list(self):
        check_list(self, self.running("refuse_by_list", list_of_senders(self.folder)))

    def test_strangers_are_greylisted(self):
        check_greylist(self, lambda seconds: self.running("greylist", self.folder / "seen.db", seconds))

    def test_a_database_that_fails_costs_a_temporary_failure(self):
        milter = self.running("greylist", self.folder / "seen.db", 0)
        self.assertEqual(milter.answer(), "pass")
        (self.folder / "seen.db").write_bytes(b"no database " * 1000)
        self.assertTrue(milter.answer("-f", "x@y").startswith("temporary-failure"))
        status, errors = milter.stop()
        self.assertEqual(status, 0)
        self.assertIn("database", errors)

    def test_mistakes_are_said(self):
        for name, words, text in [("add_header", ["foo"], "spec doesn't have colon: <foo>\n"),
                                  ("refuse_by_list", ["/none", "unix:x"], "/none: cannot be read\n"),
                                  ("greylist", ["/none/db", "1", "unix:x"], "/none/db: unable to open database file\n"),
                                  ("greylist", ["db", "soon", "unix:x"], "Usage: greylist DATABASE SECONDS SPEC\n")]:
            with self.subTest(name=name):
                done = subprocess.run([EXAMPLES / f"example_{name}", *words], capture_output=True, text=True,
                                      timeout=PATIENCE, check=False)
                self.assertEqual((done.stderr, done.returncode), (text, 1))


if __name__ == "__main__":
    unittest.main()
