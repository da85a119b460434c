"""The examples as processes, and milter-test-server as their MTA. Everything waits for events; every wait ends."""

import os
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
EXAMPLES = Path(os.environ["MILTER_EXAMPLES"])
PATIENCE = 60.0


class Running:
    """A milter that listens on a unix socket of its own; its last argument is the place."""

    def __init__(self, folder, program, *arguments):
        self.path = Path(folder) / f"{Path(program).name}.sock"
        self.spec = f"unix:{self.path}"
        self.process = subprocess.Popen([program, *map(str, arguments), self.spec], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + PATIENCE
        while not self.accepts():
            if self.process.poll() is not None:
                raise AssertionError(f"{program} ended: {self.process.communicate()}")
            if time.monotonic() > end:
                raise AssertionError(f"{program} does not listen")
            time.sleep(0.002)

    def accepts(self):
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.path))
                return True
            except OSError:
                return False

    def mail(self, *options):
        """The whole output of one session."""
        done = subprocess.run([os.environ["MILTER_TEST_SERVER"], "-s", self.spec, "--color=no", *options],
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{done}")
        return done.stdout

    def answer(self, *options):
        return self.mail(*options).splitlines()[0].removeprefix("status: ")

    def stop(self):
        """(status, stderr)"""
        self.process.terminate()
        _, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, errors

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Milters(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="milter-library-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def running(self, name, *arguments, examples=EXAMPLES):
        one = Running(self.folder, examples / f"example_{name}", *arguments)
        self.addCleanup(one.kill)
        return one
