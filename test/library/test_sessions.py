#!/usr/bin/env python3
"""Many sessions, 200 at a time, through the shortest example: all right, and nothing of them is left behind."""

import os
import subprocess
import time
import unittest
from pathlib import Path

from milters import PATIENCE, Milters

SESSIONS = int(os.environ["MILTER_SESSIONS"])
AT_ONCE = 200
# What an allocator keeps once it is warm; a session is some 10 kB.
MOST_GROWTH_KB = 1500


class Sessions(Milters):
    def resident_kb(self, milter):
        status = Path(f"/proc/{milter.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def descriptors(self, milter):
        return len(os.listdir(f"/proc/{milter.process.pid}/fd"))

    def play(self, milter, sessions):
        done = subprocess.run([os.environ["MILTER_LIBRARY_SESSIONS"], milter.spec, str(sessions), str(AT_ONCE)],
                              capture_output=True, text=True, timeout=240, check=False)
        self.assertEqual((done.stdout, done.stderr[:2000], done.returncode), (f"{sessions}\n", "", 0))
        # Whoever has hung up is not seen at once; nor was who looked whether it listens.
        end = time.monotonic() + PATIENCE
        while (open_now := self.descriptors(milter)) > self.at_rest:
            self.assertLess(time.monotonic(), end, f"{open_now} descriptors, {self.at_rest} before the first session")
            time.sleep(0.01)
        self.at_rest = open_now

    def test_nothing_is_left_of_ten_thousand_sessions(self):
        milter = self.running("add_header")
        self.at_rest = self.descriptors(milter)
        self.play(milter, SESSIONS // 5)
        before = self.resident_kb(milter)
        self.play(milter, SESSIONS)
        after = self.resident_kb(milter)
        print(f"{SESSIONS} sessions, {AT_ONCE} at a time: {before} -> {after} kB")
        # What a sanitizer keeps of freed memory is no leak; it finds those itself.
        if "MILTER_SANITIZED" not in os.environ:
            self.assertLess(after - before, MOST_GROWTH_KB)
        self.assertEqual(milter.stop(), (0, ""))


if __name__ == "__main__":
    unittest.main()
