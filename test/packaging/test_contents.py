"""What is in the packages, and what the distributions' own checkers say of it."""
import re
import subprocess
import tarfile
import tempfile
import unittest

from packages import FOLDER, SOURCE, deb, only, output_of, rpm, version

CONFIGURATION = sorted(str(path.relative_to(SOURCE / "conf")) for path in (SOURCE / "conf").rglob("*") if path.is_file())
MANUAL_PAGES = sorted(path.name for path in (SOURCE / "docs/man").iterdir())
RUBY = sorted(str(path.relative_to(SOURCE / "ruby")) for path in (SOURCE / "ruby").rglob("*.rb"))
TOOLS = {name[:-2] for name in MANUAL_PAGES if name.endswith(".1") and name != "milter-manager.1"}


def deb_files():
    """path -> tarfile's entry, without directories."""
    with tempfile.TemporaryFile() as archive:
        subprocess.run(["dpkg-deb", "--fsys-tarfile", deb()], stdout=archive, check=True)
        archive.seek(0)
        with tarfile.open(fileobj=archive) as files:
            return {entry.name.removeprefix("."): entry for entry in files if not entry.isdir()}


class Deb(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = deb_files()

    def field(self, name):
        return output_of("dpkg-deb", "--field", deb(), name).strip()

    def test_lintian_has_nothing_to_say(self):
        done = subprocess.run(["lintian", "--allow-root", "--fail-on=error,warning", "--show-overrides", only(FOLDER.glob("*.changes"))],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, re.findall(r"^[EWO]: .*", done.stdout, re.M)), (0, []), done.stdout + done.stderr)

    def test_programs_and_their_manual_pages(self):
        programs = {path for path in self.files if re.match(r"/usr/s?bin/", path)}
        self.assertEqual(programs, {"/usr/sbin/milter-manager"} | {f"/usr/bin/{name}" for name in TOOLS})
        pages = {path for path in self.files if path.startswith("/usr/share/man/")}
        self.assertEqual(pages, {f"/usr/share/man/man1/{name}.gz" for name in MANUAL_PAGES})
        for path in programs | {"/usr/libexec/milter-manager/start", "/etc/init.d/milter-manager"}:
            self.assertEqual(oct(self.files[path].mode), "0o755", path)

    def test_everything_is_roots_and_nobody_elses_to_write(self):
        for path, entry in self.files.items():
            self.assertEqual((entry.uid, entry.gid, entry.mode & 0o6022 if not entry.issym() else 0), (0, 0, 0), path)

    def test_all_of_the_configuration_is_protected(self):
        conffiles = set(self.field("Conffiles").split()) if self.field("Conffiles") else set(
            output_of("dpkg-deb", "--info", deb(), "conffiles").split())
        self.assertEqual(conffiles, {path for path in self.files if path.startswith("/etc/")})
        self.assertEqual(conffiles, {f"/etc/milter-manager/{name}" for name in CONFIGURATION} | {
            "/etc/default/milter-manager", "/etc/init.d/milter-manager", "/etc/logrotate.d/milter-manager"})

    def test_ruby_and_units(self):
        self.assertEqual([path for path in RUBY if f"/usr/share/milter-manager/ruby/{path}" not in self.files], [])
        for path in ("/lib/systemd/system/milter-manager.service", "/lib/systemd/system/milter-manager.socket",
                     "/usr/lib/sysusers.d/milter-manager.conf", "/usr/lib/tmpfiles.d/milter-manager.conf"):
            self.assertIn(path, self.files)
        self.assertEqual([path for path in self.files if path.startswith(("/run/", "/var/", "/usr/local/"))], [])

    def test_it_depends_on_ruby_and_on_libraries(self):
        names = {one.split()[0] for one in self.field("Depends").split(",")}
        self.assertLessEqual({"ruby", "libc6", "libc-ares2", "libboost-json1.81.0"}, names)

    def test_one_version_everywhere(self):
        self.assertEqual(self.field("Version"), version())
        self.assertRegex(output_of("rpm", "-qp", "--qf", "%{VERSION}", rpm()), f"^{re.escape(version())}$")


class Rpm(unittest.TestCase):
    def query(self, form, folder="."):
        return output_of("rpm", "-qp", "--qf", form, rpm(folder)).splitlines()

    def files(self, folder="."):
        """path -> (mode, user, group, flags)"""
        lines = self.query("[%{FILENAMES}\t%{FILEMODES:perms}\t%{FILEUSERNAME}\t%{FILEGROUPNAME}\t%{FILEFLAGS:fflags}\n]", folder)
        return {path: tuple(words) for path, *words in (line.split("\t") for line in lines)}

    def test_configuration_is_not_replaced(self):
        protected = {path for path, found in self.files().items() if found[3] == "cn"}
        self.assertEqual(protected, {f"/etc/milter-manager/{name}" for name in CONFIGURATION} | {
            "/etc/sysconfig/milter-manager", "/etc/logrotate.d/milter-manager"})

    def test_the_same_files_as_the_deb(self):
        def comparable(paths):
            paths = {re.sub(r"^/lib/|/etc/default/|\.gz$", lambda found: {"/lib/": "/usr/lib/", "/etc/default/": "/etc/sysconfig/"}.get(
                found[0], ""), path) for path in paths}
            return {path for path in paths if not path.startswith(("/usr/share/doc/", "/usr/share/licenses/", "/etc/init.d/"))}
        files = {path for path, found in self.files().items() if found[0][0] == "-"}
        self.assertEqual(comparable(files), comparable(deb_files()))

    def test_owners_and_modes(self):
        for path, (mode, user, group, _) in self.files().items():
            own = path in ("/var/lib/milter-manager", "/var/log/milter-manager")
            self.assertEqual((user, group), ("milter-manager",) * 2 if own else ("root",) * 2, path)
            self.assertEqual(mode[5:6] + mode[8:9], "--" if mode[0] != "l" else "ww", path)
            if own:
                self.assertEqual(mode, "drwxr-x---", path)

    def test_what_it_requires_and_what_its_scripts_do(self):
        required = {line.split()[0] for line in output_of("rpm", "-qp", "--requires", rpm()).splitlines()}
        self.assertLessEqual({"ruby", "/bin/sh"}, required)
        self.assertTrue(any(name.startswith("libcares.so") for name in required), required)
        scripts = output_of("rpm", "-qp", "--scripts", rpm())
        for word in ("useradd", "systemctl --no-reload preset", "disable --now", "try-restart"):
            self.assertIn(word, scripts)
        commands = "".join(line for line in scripts.splitlines(True) if not line.startswith("#"))
        self.assertNotIn("%", commands, "a macro that was not known")

    def test_for_red_hat_6_it_has_an_init_script_and_no_unit(self):
        files = self.files("sysv")
        self.assertEqual(files["/etc/rc.d/init.d/milter-manager"][0], "-rwxr-xr-x")
        self.assertEqual([path for path in files if "systemd/system" in path], [])
        self.assertIn("chkconfig --add", output_of("rpm", "-qp", "--scripts", rpm("sysv")))


if __name__ == "__main__":
    unittest.main()
