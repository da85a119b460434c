"""A private spamd (no network tests, no learning, nobody's preferences) and spamass-milter that refuses from 15 on.

The rules are the ones of the spamassassin package that need no network.
"""

import contextlib
import pathlib

from support import scratch
from support.ports import LOOPBACK, free_port
from support.process import Process

USER = "debian-spamd"
MILTER_USER = "spamass-milter"
RULES = pathlib.Path("/usr/share/spamassassin")
REFUSE_FROM = 15
# The refused test text of Spamassassin, in parts: a mail filter must not find it in a checkout.
TAGGED_WORDS = b"a remarkably suspicious offer"
GTUBE = b"".join([b"XJS*C4JDBQADN1.NSBN3*2IDNEN*", b"GTUBE-STANDARD-ANTI-UBE", b"-TEST-EMAIL*C.34X"])

PREFERENCES = """\
report_hostname mx.example.test
use_bayes 0
use_learner 0
skip_rbl_checks 1
clear_internal_networks
internal_networks 192.0.2.1
trusted_networks 192.0.2.1
required_score 5
# Between tagging and refusing: the mail goes through, with a new subject and its body wrapped in a report.
report_safe 1
rewrite_header Subject [SPAM]
report_contact postmaster@example.test
body E2E_TAGGED /a remarkably suspicious offer/
score E2E_TAGGED 8
describe E2E_TAGGED The words that the tests use
"""

PLUGINS = """\
loadplugin Mail::SpamAssassin::Plugin::Check
loadplugin Mail::SpamAssassin::Plugin::HeaderEval
loadplugin Mail::SpamAssassin::Plugin::BodyEval
loadplugin Mail::SpamAssassin::Plugin::MIMEEval
loadplugin Mail::SpamAssassin::Plugin::RelayEval
loadplugin Mail::SpamAssassin::Plugin::WLBLEval
"""


@contextlib.contextmanager
def running_spamd(home: pathlib.Path):
    """Yields its port."""
    if not (RULES / "20_body_tests.cf").exists():
        raise AssertionError(f"no rules in {RULES}: the spamassassin package is not installed")
    site = scratch.subdirectory(home, "site")
    scratch.write(site / "init.pre", PLUGINS)
    scratch.write(site / "local.cf", PREFERENCES)
    own = scratch.subdirectory(home, "home", owner=USER)
    port = free_port()
    command = ["spamd", "--local", "--nouser-config", "--username", USER, "--helper-home-dir", own,
               "--configpath", RULES, "--siteconfigpath", site, "--syslog", "stderr",
               "--listen", f"{LOOPBACK}:{port}", "--allowed-ips", LOOPBACK,
               "--min-children", "1", "--max-children", "2", "--max-spare", "1"]
    with Process("spamd", command, home / "log") as process:
        process.ready_when_port_accepts(port)
        yield port


@contextlib.contextmanager
def running_spamass_milter(home: pathlib.Path, spamd_port: int):
    """Yields its endpoint."""
    own = scratch.subdirectory(home, "socket", owner=MILTER_USER)
    socket = own / "milter.sock"
    command = ["spamass-milter", "-p", socket, "-r", REFUSE_FROM, "--", "-d", LOOPBACK, "-p", spamd_port]
    # Others must be able to connect: the mask must not take the write permission of its socket away.
    with Process("spamass-milter", command, home / "log", user=MILTER_USER, umask=0) as process:
        process.ready_when_socket_accepts(socket)
        yield f"unix:{socket}"
