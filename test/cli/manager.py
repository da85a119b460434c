"""Runs milter-manager with configuration files of a test in a folder of its own."""
import os
import pathlib
import subprocess
import tempfile
import unittest

PROGRAM = os.environ["MILTER_MANAGER"]
CONFIG_ERROR = 78


class ManagerTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, text, name="c/milter-manager.conf"):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run_manager(self, *arguments, environment=None):
        """Runs in the test's folder, so that paths in the output are short and known."""
        clean = {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home")}
        return subprocess.run([PROGRAM, *arguments], cwd=self.folder, env=clean | (environment or {}), timeout=60,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def load(self, text=None, *arguments, environment=None):
        """--show-config with `text` as milter-manager.conf; (status, standard output, standard error)."""
        if text is not None:
            self.write(text)
        done = self.run_manager("-c", "c", "--show-config", *arguments, environment=environment)
        return done.returncode, done.stdout, done.stderr

    def shown(self, text=None, *arguments, environment=None):
        """The settings that a good configuration shows: {"manager.n_workers": ("2", "c/milter-manager.conf:1")}."""
        status, out, err = self.load(text, *arguments, environment=environment)
        self.assertEqual((status, err), (0, ""))
        settings, milter, place = {}, "", None
        for line in out.splitlines():
            word = line.strip()
            if word.startswith("define_milter("):
                milter = word.split('"')[1]
                settings[milter] = place
            elif word.startswith("# "):
                place = word[2:]
            elif " = " in word:
                name, value = word.split(" = ", 1)
                settings[f"{milter}: {name}" if word != line else name] = (value, place)
        return settings

    def milters(self, *arguments):
        done = self.run_manager("-c", "c", "--check-config", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [line.split('"')[1] for line in done.stdout.splitlines() if line.startswith("Milter ")]

    def complaints(self, text=None, *arguments, environment=None):
        """The lines of a bad configuration."""
        status, out, err = self.load(text, *arguments, environment=environment)
        self.assertEqual((status, out), (CONFIG_ERROR, ""))
        return err.splitlines()
