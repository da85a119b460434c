#!/usr/bin/env python3
"""tool/install, with an apt-get and a dpkg-query that only pretend: what it asks for, and what it leaves behind."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = "# a list\nbuild compiler\nbuild library\nrun interpreter\ncheck daemon\n"
# Both keep their state in $STATE: installed/NAME is an installed package; calls is what apt-get was asked for.
DPKG_QUERY = '#!/bin/sh\nfor name; do :; done\n[ -e "$STATE/installed/$name" ] && printf installed\n'
APT_GET = """#!/bin/bash
echo "$*" >>"$STATE/calls"
case " $* " in
*" update "*) touch "$STATE/lists"; exit 0 ;;
*" -s "*) [ -e "$STATE/lists" ]; exit ;;
esac
[ -e "$POLICY_RC_D" ] && "$POLICY_RC_D"; echo "policy $?" >>"$STATE/calls"
[ -e "$STATE/broken" ] && exit 100
for name; do case $name in compiler | library | interpreter | daemon) touch "$STATE/installed/$name" ;; esac; done
"""


class Install(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name in ("installed", "bin", "tool"):
            (self.root / name).mkdir()
        shutil.copy(ROOT / "tool" / "install", self.root / "tool")
        (self.root / "tool" / "packages").write_text(PACKAGES)
        for name, text in (("dpkg-query", DPKG_QUERY), ("apt-get", APT_GET), ("sudo", '#!/bin/sh\nexec "$@"\n')):
            (self.root / "bin" / name).write_text(text)
            (self.root / "bin" / name).chmod(0o755)
        (self.root / "lists").touch()
        self.policy = self.root / "policy-rc.d"

    def install(self, *groups):
        environment = os.environ | {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "STATE": str(self.root),
                                    "POLICY_RC_D": str(self.policy), "INSTALL_LOCK": str(self.root / "lock")}
        return subprocess.run([self.root / "tool" / "install", *groups], env=environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)

    def calls(self):
        path = self.root / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def test_nothing_missing_means_no_call_of_apt(self):
        for name in ("compiler", "library"):
            (self.root / "installed" / name).touch()
        done = self.install("build")
        self.assertEqual((done.returncode, done.stdout, self.calls()), (0, "nothing to install\n", []))

    def test_only_the_missing_packages_of_the_groups_are_installed_and_listed_once(self):
        (self.root / "installed" / "compiler").touch()
        done = self.install("build", "run")
        self.assertEqual((done.returncode, done.stdout), (0, "to install: library interpreter\n"))
        self.assertEqual(sorted(path.name for path in (self.root / "installed").iterdir()),
                         ["compiler", "interpreter", "library"])
        self.assertFalse(any("update" in call for call in self.calls()))

    def test_lists_are_fetched_once_when_apt_does_not_know_the_packages(self):
        (self.root / "lists").unlink()
        self.assertEqual(self.install("build").returncode, 0)
        self.assertEqual(sum("update" in call for call in self.calls()), 1)

    def test_daemons_are_forbidden_meanwhile_and_nothing_stays_behind(self):
        self.assertEqual(self.install("check").returncode, 0)
        self.assertIn("policy 101", self.calls())
        self.assertFalse(self.policy.exists())

    def test_nothing_stays_behind_when_apt_fails(self):
        (self.root / "broken").touch()
        self.assertNotEqual(self.install("check").returncode, 0)
        self.assertIn("policy 101", self.calls())
        self.assertFalse(self.policy.exists())

    def test_the_policy_of_the_host_stays_as_it_is(self):
        self.policy.write_text("#!/bin/sh\nexit 104\n")
        self.policy.chmod(0o755)
        self.assertEqual(self.install("check").returncode, 0)
        self.assertIn("policy 104", self.calls())
        self.assertEqual(self.policy.read_text(), "#!/bin/sh\nexit 104\n")


if __name__ == "__main__":
    unittest.main()
