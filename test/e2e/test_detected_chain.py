"""The milters that Debian's packages install are detected from their real files, and a mail goes through them.

milter-manager has the configuration that it is shipped with, and nobody has defined a milter by hand. Each service is
started by its own init script, with its own files, at its own socket, on a private copy of this host.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import unittest

from support import private_host, scratch, watchdog
from support.clamav import EICAR
from support.conversation import mail, play
from support.corpus import message, one
from support.manager import program
from support.postfix import Postfix
from support.private_host import OUTSIDE_ADDRESS, directory, edit, start_service
from support.process import Process
from support.waiting import wait_until

SHIPPED = pathlib.Path(__file__).parents[2] / "conf"
INSTALLED = pathlib.Path("/etc/milter-manager")
MANAGER_PORT = 10025  # of the shipped configuration
# In the order of the chain; name and what the real files say.
SOCKETS = {
    "clamav-milter": "unix:/var/run/clamav/clamav-milter.ctl",
    "opendkim": "local:/run/opendkim/opendkim.sock",
    "spamass-milter": "unix:/var/spool/postfix/spamass/spamass.sock",
    "rspamd": "inet:11332@localhost",
}
OPENDMARC = "local:/run/opendmarc/opendmarc.sock"
FROM = {
    "clamav-milter": r"/etc/clamav/clamav-milter\.conf:\d+",
    "opendkim": r"/etc/opendkim\.conf:\d+",
    "spamass-milter": r"/etc/init\.d/spamass-milter:\d+",
    "rspamd": "/usr/bin/rspamadm configdump --json",
    "opendmarc": r"/etc/opendmarc\.conf:\d+",
}
# The second where there is no systemctl, as in many containers.
UNIT = r"(?:systemctl is-enabled {name}\.service says enabled|/etc/systemd/system/\S+\.wants/{name}\.service is there)"
WHY = {
    "clamav-milter": r"/etc/rc2\.d/S\d\dclamav-milter is there",
    "opendkim": UNIT.format(name="opendkim"),
    "spamass-milter": r"/etc/rc2\.d/S\d\dspamass-milter is there",
    "rspamd": UNIT.format(name="rspamd"),
    "opendmarc": r'it takes part only on request: define_milter\("opendmarc"\) .*',
}
USER = "milter-manager"
GROUPS = "opendkim,opendmarc,postfix"  # of the sockets that not everybody may use
LOCAL = f'log.use_syslog = false\nlog.level = "all"\nsecurity.effective_user = "{USER}"\n'
LOGGED_WITHIN_S, RELOADED_WITHIN_S = 20, 60

# The real list of top-level domains costs ten seconds at each start.
RSPAMD_OPTIONS = """\
dns { nameserver = ["127.0.0.1"]; timeout = 0.1s; retransmits = 1; }
url_tld = "/etc/rspamd/local.d/top-level-domains";
"""

RUNNING = contextlib.ExitStack()


def configure():
    """What the administrator of this host has changed, and none of it is where a milter listens."""
    edit("/etc/opendkim.conf", "AlwaysAddARHeader", "AlwaysAddARHeader yes")
    edit("/etc/opendkim.conf", "AuthservID", "AuthservID mx.example.test")
    edit("/etc/opendmarc.conf", "AuthservID", "AuthservID mx.example.test")
    edit("/etc/clamav/clamav-milter.conf", "OnInfected", "OnInfected Reject")
    edit("/etc/default/spamd", "OPTIONS", 'OPTIONS="--local --create-prefs --max-children 2 --helper-home-dir"')
    # There is no name server, and nobody waits for one.
    scratch.write(pathlib.Path("/etc/resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    local = pathlib.Path("/etc/rspamd/local.d")
    scratch.write(local / "options.inc", RSPAMD_OPTIONS)
    scratch.write(local / "top-level-domains", "org\ntest\n")
    scratch.write(local / "milter_headers.conf", 'use = ["x-rspamd-server", "x-spamd-result"];\n')
    scratch.write(pathlib.Path("/var/lib/clamav/local.ndb"), f"Eicar-Signature:0:*:{EICAR.hex()}\n", owner="clamav")
    subprocess.run(["useradd", "--system", "--groups", GROUPS, USER], check=True)
    shutil.copytree(SHIPPED, INSTALLED)
    scratch.write(INSTALLED / "milter-manager.local.conf", LOCAL)


def make_directories():
    """What packages, tmpfiles.d and RuntimeDirectory= make."""
    directory("/var/log/clamav", "clamav")
    directory("/var/lib/clamav", "clamav")
    directory("/run/clamav", "clamav")
    directory("/run/opendkim", "opendkim", 0o750)
    directory("/run/opendmarc", "opendmarc", 0o750)
    directory("/var/log/rspamd", "_rspamd")
    directory("/run/rspamd", "_rspamd")


def start_milters(home: pathlib.Path):
    """As their units and init scripts do. (The init script of clamd wants the big lists of signatures.)"""
    def start(name, *command, user=None):
        return RUNNING.enter_context(Process(name, command, home / name, user=user))
    clamd = start("clamd", "clamd", "--foreground=true")
    rspamd = start("rspamd", "rspamd", "-c", "/etc/rspamd/rspamd.conf", "-f", user="_rspamd")
    for name in ("spamd", "opendkim", "opendmarc", "spamass-milter"):
        start_service(name, home / name)
    clamd.ready_when_socket_accepts(pathlib.Path("/run/clamav/clamd.ctl"))
    start_service("clamav-milter", home / "clamav-milter")
    rspamd.ready_when_port_accepts(11332)


def answer_of(option: str, config: pathlib.Path) -> str:
    done = subprocess.run([program(), "--config-dir", config, option], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{option}: status {done.returncode}\n{done.stderr}"
    return done.stdout


@contextlib.contextmanager
def silent_name_server():
    """The one of resolv.conf takes questions and answers none."""
    file = pathlib.Path("/etc/resolv.conf")
    before = file.read_text()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as questions:
        questions.bind(("127.0.0.1", 53))
        file.write_text("nameserver 127.0.0.1\n")
        yield
    file.write_text(before)


def setUpModule():
    watchdog.start()


class DetectedChain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(RUNNING.close)
        RUNNING.__enter__()
        home = RUNNING.enter_context(scratch.scratch_directory("found"))
        private_host.settle_in(scratch.subdirectory(home, "host"))
        # Nobody has changed anything yet.
        cls.explained = answer_of("--explain-detection", SHIPPED)
        cls.shown = answer_of("--show-config", SHIPPED)
        named = shutil.copytree(SHIPPED, home / "named")
        (named / "milter-manager.conf").write_text(
            'package.platform = "debian"\n' + (SHIPPED / "milter-manager.conf").read_text())
        cls.explained_as_debian = answer_of("--explain-detection", named).replace(str(named), str(SHIPPED))
        with silent_name_server():
            cls.explained_in_silence = answer_of("--explain-detection", SHIPPED)
        configure()
        make_directories()
        start_milters(scratch.subdirectory(home, "log"))
        cls.manager = RUNNING.enter_context(
            Process("milter-manager", [program(), "--config-dir", INSTALLED], home / "manager.log"))
        cls.manager.ready_when_port_accepts(MANAGER_PORT)
        cls.mta = RUNNING.enter_context(Postfix(
            scratch.subdirectory(home, "postfix"), [f"inet:{MANAGER_PORT}@[127.0.0.1]"],
            f"mynetworks = 127.0.0.0/8, {OUTSIDE_ADDRESS}/32\nmilter_default_action = tempfail\n"))

    def mail_of(self, name: str, body: bytes = b"Good morning.\r\n", source: str = OUTSIDE_ADDRESS):
        """Plays one mail; its outcome, and what the manager has logged about it."""
        before = len(self.manager.log_text())
        outcome = play(one(name, mail(message(name.encode(), body)), source=source), self.mta)
        self.assertEqual("", outcome.failure)
        said = wait_until(lambda: re.search(r" message_done .* children=\"([^\"]*)\"", self.manager.log_text()[before:]),
                          "the manager logs the mail", LOGGED_WITHIN_S, self.manager.evidence)
        return outcome, said[1]

    def assert_asked(self, names, said: str, verdict: str = "pass"):
        for name in names:
            self.assertRegex(said, rf"(?:^| ){name}:{verdict}:\d", self.manager.evidence())

    def header(self, outcome) -> bytes:
        self.assertEqual(1, len(outcome.deliveries), f"{outcome}\n{self.manager.evidence()}")
        return outcome.deliveries[0].header()

    def test_the_untouched_host_is_explained(self):
        self.assertEqual(self.explained, self.explained_as_debian)
        outcomes = dict(re.findall(r"(?m)^([\w-]+): (enabled|disabled|skipped)$", self.explained))
        self.assertEqual({**dict.fromkeys(SOCKETS, "enabled"), "opendmarc": "disabled"}, outcomes)
        for name, why in WHY.items():
            entry = re.search(rf"(?ms)^{name}: .*?(?=^\S|\Z)", self.explained)[0]
            self.assertRegex(entry, rf"(?m)^ +why +{why}$")
            spec = re.escape({**SOCKETS, "opendmarc": OPENDMARC}[name])
            self.assertRegex(entry, rf"(?m)^ +socket +{spec} \({FROM[name]}\)$")

    def test_a_name_server_that_is_silent_costs_no_milter(self):
        self.assertEqual(self.explained, self.explained_in_silence)

    def test_the_untouched_hosts_chain_is_shown_in_its_order(self):
        found = re.findall(r'(?m)^define_milter\("([^"]+)"\) do \|milter\|\n +# (.*)\n +milter.connection_spec = "([^"]+)"',
                           self.shown)
        expected = {**SOCKETS, "opendmarc": OPENDMARC}
        self.assertEqual(list(expected.items()), [(name, spec) for name, _, spec in found])
        for name, place, _ in found:
            self.assertRegex(place, rf"\A{FROM[name]}\Z")

    def test_a_mail_from_outside_goes_through_each(self):
        outcome, said = self.mail_of("from outside")
        header = self.header(outcome)
        self.assertRegex(header, rb"(?m)^X-Virus-Scanned: clamav-milter ")
        self.assertRegex(header, rb"(?m)^Authentication-Results: mx\.example\.test;\s+dkim=none")
        self.assertRegex(header, rb"(?m)^X-Spam-Checker-Version: SpamAssassin ")
        self.assertRegex(header, rb"(?m)^X-Rspamd-Server: ")
        self.assert_asked(SOCKETS, said)

    def test_a_mail_from_here_is_not_for_those_who_are_asked_about_strangers(self):
        outcome, said = self.mail_of("from here", source="127.0.0.1")
        self.assertNotRegex(self.header(outcome), rb"(?m)^X-(?:Spam-Checker-Version|Rspamd-Server): ")
        self.assert_asked(["clamav-milter"], said)
        self.assert_asked(["spamass-milter", "rspamd"], said, "skipped")

    def test_a_virus_is_refused(self):
        outcome, said = self.mail_of("virus", EICAR + b"\r\n")
        self.assertEqual([550], [one.code for one in outcome.content_replies()])
        self.assertEqual((), outcome.deliveries)
        self.assert_asked(["clamav-milter"], said, "reject")

    def test_what_is_there_on_request_takes_part_after_the_line_that_its_reason_names(self):
        line = re.search(r'only on request: (define_milter\("opendmarc"\).*)', self.explained)[1]
        local = INSTALLED / "milter-manager.local.conf"
        scratch.write(local, f"{LOCAL}{line}\n")
        before = len(self.manager.log_text())
        os.kill(self.manager.pid, signal.SIGHUP)
        try:
            wait_until(lambda: re.search(r" reloaded\b", self.manager.log_text()[before:]),
                       "the manager has reloaded", RELOADED_WITHIN_S, self.manager.evidence)
            outcome, said = self.mail_of("with opendmarc")
            self.assert_asked([*SOCKETS, "opendmarc"], said)
            self.assertRegex(self.header(outcome), rb"(?m)^Authentication-Results: mx\.example\.test; dmarc=")
        finally:
            scratch.write(local, LOCAL)


if __name__ == "__main__":
    private_host.start_again_inside()
    unittest.main(verbosity=2, argv=sys.argv)
