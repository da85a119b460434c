"""Scripted peers for the daemon: an MTA that says what the test tells it to, and children that answer, edit or fail
as their script says. Time limits are in seconds, already multiplied by MILTER_SLOWNESS (sanitizers).

The plain parts (directories, processes, ports) are those of test/e2e/support.
"""

import os
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "e2e"))

SLOWNESS = float(os.environ.get("MILTER_SLOWNESS", "1"))
SANITIZED = SLOWNESS > 1
# For what must happen at all: far above what it takes, so that only a hang exceeds it.
PATIENCE_S = 30 * SLOWNESS
