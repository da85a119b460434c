"""What docs/manual says to type on a Debian works there as it stands, and a mail goes through the chain afterwards.

Runs the console blocks of the guide and of the page about milters, in their order, on a copy of this host with a running
Postfix: the package is the one that was built from this tree, the milters are Debian's.
"""

import os
import pathlib
import re
import shutil
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/e2e"))

from console import commands_of, missing  # noqa: E402
from host import Host  # noqa: E402
from support import private_host, scratch, watchdog  # noqa: E402
from support.clamav import EICAR  # noqa: E402
from support.waiting import wait_until  # noqa: E402

MANUAL = ROOT / "docs/manual"
PAGES = ["guide-debian.md", "milters.md"]
LOGGED_WITHIN_S = 30


def package() -> pathlib.Path:
    found = sorted(pathlib.Path(os.environ["MILTER_PACKAGES"]).glob("milter-manager_*.deb"))
    assert len(found) == 1, f"one package of milter-manager is wanted in {os.environ['MILTER_PACKAGES']}: {found}"
    return found[0]


class Guide(unittest.TestCase):
    def setUp(self):
        home = self.enterContext(scratch.scratch_directory("guide"))
        self.host = self.enterContext(Host(home))
        self.prepare()

    def prepare(self):
        """What the reader has before the first line: a Postfix that runs, signatures, and the package at hand."""
        shutil.copy(package(), self.host.path("/root"))
        self.host.path("/var/lib/clamav/local.ndb").write_text(f"Eicar-Signature:0:*:{EICAR.hex()}\n")
        self.host.path("/etc/rspamd/local.d").mkdir(exist_ok=True)
        # There is no name server here, and nobody is to wait for one.
        self.host.path("/etc/resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        spamd = self.host.path("/etc/default/spamd")
        spamd.write_text(spamd.read_text() + 'OPTIONS="--local --create-prefs --max-children 2 --helper-home-dir"\n')
        self.must("install -d -o clamav -g clamav /run/clamav && (setsid clamd --foreground=true >/var/log/clamd 2>&1 &)")
        self.must("while ! test -S /run/clamav/clamd.ctl; do sleep 0.1; done")
        self.must("postconf -e myhostname=mx.example.test mydestination=mx.example.test,localhost && service postfix start")

    def must(self, command: str) -> str:
        done = self.host.run(command)
        self.assertEqual(0, done.returncode, f"{command}\n{done.stdout}")
        return done.stdout

    def follow(self, page: str):
        commands = commands_of(MANUAL / page)
        self.assertTrue(commands, f"{page} has no console block")
        for one in commands:
            with self.subTest(place=f"docs/manual/{page}:{one.line}"):
                done = self.host.run(f"cd /root\n{one.text}")
                self.assertEqual(0, done.returncode, f"{one.text}\n{done.stdout}\n{self.evidence()}")
                left_out = missing(one.printed, done.stdout)
                self.assertIsNone(left_out, f"the page says that this is printed\n{one.text}\n{done.stdout}\n{self.evidence()}")

    def evidence(self) -> str:
        log = self.host.path("/var/log/mail.log")
        return "--- end of mail.log\n" + "\n".join(log.read_text(errors="replace").splitlines()[-30:]) if log.exists() else ""

    def mail(self, text: str) -> str:
        """Sends one to root over SMTP; the server's last answer."""
        script = f"import smtplib; s = smtplib.SMTP('localhost'); s.sendmail('a@example.org', ['root@localhost'], {text!r})"
        done = self.host.run(f"/usr/bin/python3 -c {quoted(script)}")
        return done.stdout

    def test_the_guide_and_the_page_about_milters(self):
        for page in PAGES:
            self.follow(page)
        self.mail("Subject: after the guide\r\n\r\nhello\r\n")
        box = self.host.path("/var/mail/root")
        received = wait_until(lambda: box.exists() and re.search(r"(?ms)^Subject: after the guide.*", box.read_text()) and box.read_text(),
                              "the mail is delivered", LOGGED_WITHIN_S, self.evidence)
        last = received[received.rindex("\nFrom "):]
        self.assertRegex(last, r"(?m)^X-Virus-Scanned: clamav-milter ")
        self.assertRegex(last, r"(?m)^Authentication-Results: ")
        refused = self.mail(f"Subject: a virus\r\n\r\n{EICAR.decode()}\r\n")
        self.assertRegex(refused, r"\(550, ")


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


if __name__ == "__main__":
    private_host.start_again_inside()
    private_host.bring_up("lo")
    watchdog.start()
    unittest.main(verbosity=2, argv=sys.argv)
