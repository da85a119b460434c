"""A private opendmarc: judges by the Authentication-Results field that opendkim, asked before it, has added.

It refuses a mail without From or Date. What it asks name servers for are names that do not exist: the answer, or
that there is none, is the same for all chains of a run.
"""

import contextlib
import pathlib
import shutil

from support import scratch
from support.process import Process

USER = "opendmarc"

SETTINGS = """\
Socket local:{home}/milter.sock
UMask 000
UserID {user}
Background no
Syslog no
AuthservID mx.example.test
TrustedAuthservIDs mx.example.test
IgnoreHosts {home}/ignored-hosts
PublicSuffixList /usr/share/publicsuffix/public_suffix_list.dat
RequiredHeaders yes
RejectFailures no
SPFIgnoreResults yes
SPFSelfValidate no
SoftwareHeader yes
"""


@contextlib.contextmanager
def running_opendmarc(home: pathlib.Path):
    """Yields its endpoint."""
    shutil.chown(home, USER, USER)
    scratch.write(home / "ignored-hosts", "192.0.2.1\n")
    configuration = scratch.write(home / "opendmarc.conf", SETTINGS.format(user=USER, home=home))
    command = ["opendmarc", "-f", "-c", configuration]
    with Process("opendmarc", command, home / "log", environment={"RES_OPTIONS": "timeout:1 attempts:1"}) as process:
        process.ready_when_socket_accepts(home / "milter.sock")
        yield f"unix:{home}/milter.sock"
