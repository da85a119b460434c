"""`cmake --install` from the build folder, into a folder of the test's own: everything in its place, nobody's file overwritten."""
import os
import pathlib
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["MILTER_BUILD_DIR"])


class Install(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.to = pathlib.Path(folder.name)

    def install(self):
        subprocess.run(["cmake", "--install", BUILD], env={**os.environ, "DESTDIR": str(self.to)}, check=True, capture_output=True)

    def prefix(self):
        lines = (BUILD / "CMakeCache.txt").read_text().splitlines()
        return next(line.split("=", 1)[1] for line in lines if line.startswith("CMAKE_INSTALL_PREFIX:"))

    def test_what_is_installed_runs_and_what_was_edited_stays(self):
        self.install()
        at = self.to / self.prefix().lstrip("/")
        etc = self.to / "etc" if self.prefix() == "/usr" else at / "etc"
        for path in ("sbin/milter-manager", "bin/milter-test-server", "share/man/man1/milter-manager.1",
                     "share/milter-manager/ruby/evaluate.rb", "lib/systemd/system/milter-manager.service",
                     "lib/systemd/system/milter-manager.socket", "lib/sysusers.d/milter-manager.conf",
                     "lib/tmpfiles.d/milter-manager.conf", "libexec/milter-manager/start"):
            self.assertTrue((at / path).exists(), path)
        for path in (SOURCE / "conf").rglob("*.conf"):
            self.assertEqual((etc / "milter-manager" / path.relative_to(SOURCE / "conf")).read_bytes(), path.read_bytes())
        checked = subprocess.run([at / "sbin/milter-manager", "-c", etc / "milter-manager", "--check-config"],
                                 capture_output=True, text=True, check=False)
        self.assertEqual(checked.returncode, 0, checked.stderr)

        edited, removed = etc / "milter-manager/milter-manager.conf", etc / "milter-manager/applicable-conditions/s25r.conf"
        environment = self.to / "etc/default/milter-manager"
        edited.write_text("# ours\n")
        environment.write_text("OPTION_ARGS=--verbose\n")
        removed.unlink()
        self.install()
        self.assertEqual(edited.read_text(), "# ours\n")
        self.assertEqual(environment.read_text(), "OPTION_ARGS=--verbose\n")
        self.assertTrue(removed.exists())


if __name__ == "__main__":
    unittest.main()
