"""A private opendkim: signs mail of example.test from 127.0.0.1, verifies mail from anywhere else.

Public keys come from a file, so no name server is asked.
"""

import contextlib
import pathlib
import subprocess

from support import scratch
from support.process import Process

DOMAIN = "example.test"
SELECTOR = "e2e"
USER = "opendkim"

SETTINGS = """\
Socket local:{home}/milter.sock
UserID {user}
Background no
Syslog no
Mode sv
Domain {domain}
Selector {selector}
KeyFile {home}/key.pem
TestPublicKeys {home}/public-keys
Canonicalization relaxed/simple
OversignHeaders From
InternalHosts 127.0.0.1
AuthservID mx.{domain}
AlwaysAddARHeader yes
SoftwareHeader yes
TemporaryDirectory {home}
# Sendmail takes 40 ms a command over TCP: it writes macros and command apart.
UMask 000
# The key lies below the directory for temporary files, which all may write to.
RequireSafeKeys no
"""


@contextlib.contextmanager
def running_opendkim(home: pathlib.Path):
    """Yields its endpoint."""
    home.chmod(0o755)
    key = home / "key.pem"
    _openssl("genrsa", "-out", key, "2048")
    public = _openssl("rsa", "-in", key, "-pubout")
    encoded = "".join(line for line in public.splitlines() if not line.startswith("-"))
    scratch.write(home / "public-keys", f"{SELECTOR}._domainkey.{DOMAIN} v=DKIM1; k=rsa; p={encoded}\n")
    configuration = scratch.write(
        home / "opendkim.conf",
        SETTINGS.format(user=USER, domain=DOMAIN, selector=SELECTOR, home=home))
    subprocess.run(["chown", "-R", f"{USER}:{USER}", home], check=True)
    with Process("opendkim", ["opendkim", "-f", "-x", configuration], home / "log") as process:
        process.ready_when_socket_accepts(home / "milter.sock")
        yield f"unix:{home}/milter.sock"


def _openssl(*arguments) -> str:
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, text=True).stdout
