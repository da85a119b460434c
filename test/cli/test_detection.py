"""What --explain-detection says about the milters of a system, and what of it the other options show (detection 10)."""
import pathlib
import shutil
import unittest

from manager import CONFIG_ERROR, ManagerTest

DEFAULTS = pathlib.Path(__file__).parents[2] / "conf" / "defaults"
CLAMAV = 'DebianDetector.new(configuration, "clamav-milter").apply(self)\n'
OPENDKIM = 'DebianDetector.new(configuration, "opendkim").apply(self)\n'


class Detection(ManagerTest):
    def setUp(self):
        super().setUp()
        self.root = self.folder / "root"
        self.root.mkdir()
        self.environment = {"MILTER_MANAGER_DETECTION_ROOT": str(self.root)}

    def install(self, name, config, text, wanted=True):
        self.write(f"[Unit]\nDescription=The {name}\n[Service]\nExecStart=/usr/sbin/{name}\n",
                   f"root/lib/systemd/system/{name}.service")
        self.write(text, f"root{config}")
        if wanted:
            link = self.root / f"etc/systemd/system/multi-user.target.wants/{name}.service"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(f"/lib/systemd/system/{name}.service")

    def explain(self, text):
        self.write(text)
        done = self.run_manager("-c", "c", "--explain-detection", environment=self.environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_each_candidate_with_its_reason_and_its_places(self):
        self.install("clamav-milter", "/etc/clamav/clamav-milter.conf", "MilterSocket /run/clamav.ctl\n")
        self.assertEqual(self.explain(CLAMAV + OPENDKIM), f"""\
clamav-milter: enabled
    why        {self.root}/etc/systemd/system/multi-user.target.wants/clamav-milter.service is there
    socket     unix:/run/clamav.ctl ({self.root}/etc/clamav/clamav-milter.conf:1)
    asked at   c/milter-manager.conf:1 (DebianDetector)
    looked at  no {self.root}/etc/systemd/system/clamav-milter.service
               {self.root}/lib/systemd/system/clamav-milter.service
               {self.root}/etc/clamav/clamav-milter.conf
               no {self.root}/etc/init.d/clamav-milter
               no {self.root}/etc/rc.d/init.d/clamav-milter

opendkim: not found
    why        it is not installed: nothing that describes its service is there
    asked at   c/milter-manager.conf:2 (DebianDetector)
    looked at  no {self.root}/etc/systemd/system/opendkim.service
               no {self.root}/lib/systemd/system/opendkim.service
               no {self.root}/usr/lib/systemd/system/opendkim.service
               no {self.root}/etc/init.d/opendkim
               no {self.root}/etc/rc.d/init.d/opendkim
""")

    def test_what_the_configuration_made_of_it(self):
        self.install("clamav-milter", "/etc/clamav/clamav-milter.conf", "MilterSocket /run/clamav.ctl\n")
        self.install("opendkim", "/etc/opendkim.conf", "Socket local:/run/o\n", wanted=False)
        text = self.explain(CLAMAV + OPENDKIM + 'define_milter("opendkim") {|milter| milter.enabled = true}\n'
                            'define_milter("clamav-milter") {|milter| milter.connection_spec = "unix:/other"}\n')
        self.assertIn("opendkim: disabled\n", text)
        self.assertIn("in force   enabled by c/milter-manager.conf:3\n", text)
        self.assertIn("in force   socket unix:/other by c/milter-manager.conf:4\n", text)
        self.assertIn("in force   removed by the configuration\n", self.explain(CLAMAV + 'remove_milter("clamav-milter")'))

    def test_nothing_was_looked_for(self):
        self.assertIn("Nothing was looked for", self.explain("manager.n_workers = 1\n"))

    def test_a_wrong_configuration_is_refused_as_ever(self):
        self.write("manager.n_workers = -1\n")
        done = self.run_manager("-c", "c", "--explain-detection")
        self.assertEqual((done.returncode, done.stdout), (CONFIG_ERROR, ""))

    def test_what_was_found_is_shown_with_the_place_of_the_socket(self):
        self.install("clamav-milter", "/etc/clamav/clamav-milter.conf", "# here\nMilterSocket /run/clamav.ctl\n")
        shown = self.shown(CLAMAV, environment=self.environment)
        self.assertEqual(shown["clamav-milter: milter.connection_spec"],
                         ('"unix:/run/clamav.ctl"', f"{self.root}/etc/clamav/clamav-milter.conf:2"))
        self.assertEqual(shown["clamav-milter: milter.enabled"], ("true", "c/milter-manager.conf:1"))
        self.assertEqual(shown["clamav-milter: milter.description"][0], '"The clamav-milter"')

    def test_a_wrong_value_is_one_warning_and_the_rest_is_right(self):
        self.install("opendkim", "/etc/opendkim.conf", "Socket inet:port@localhost\n")
        self.install("clamav-milter", "/etc/clamav/clamav-milter.conf", "MilterSocket /run/clamav.ctl\n")
        self.write(OPENDKIM + CLAMAV)
        warning = f'{self.root}/etc/opendkim.conf:1: the socket "inet:port@localhost" has the port "port", which is no ' \
                  "number from 1 to 65535; opendkim takes no part\n"
        for option, place in (("--check-config", "stdout"), ("--show-config", "stderr")):
            done = self.run_manager("-c", "c", option, environment=self.environment)
            self.assertEqual(done.returncode, 0)
            self.assertEqual(getattr(done, place).count(warning), 1, option)
            self.assertIn("/run/clamav.ctl", done.stdout)
        self.assertIn(f"opendkim: skipped\n    why        {warning.partition(';')[0]}\n", self.explain(OPENDKIM + CLAMAV))

    def test_load_default_of_a_tree_without_milters(self):
        shutil.copytree(DEFAULTS, self.folder / "c" / "defaults")
        self.write("ID=debian\n", "root/etc/os-release")
        text = self.explain('package.platform = "unknown"\nload_default\n')
        self.assertIn("asked at   c/defaults/debian.conf:", text)
        self.assertEqual(text.count(": not found\n"), 15)

    def test_the_packages_of_this_debian(self):
        self.environment = {}
        text = self.explain("\n".join(f'DebianDetector.new(configuration, "{name}").apply(self)' for name in (
            "opendkim", "clamav-milter", "spamass-milter", "rspamd", "opendmarc")))
        for place in ("/etc/opendkim.conf:", "/etc/clamav/clamav-milter.conf:", "/etc/opendmarc.conf:",
                      "/usr/bin/rspamadm configdump --json", "spamass-milter:"):
            self.assertRegex(text, rf"socket     (unix|local|inet):\S+ \(\S*{place}")


if __name__ == "__main__":
    unittest.main()
