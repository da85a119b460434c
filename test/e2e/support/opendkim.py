"""A private opendkim: signs mail of example.test from 127.0.0.1, verifies mail from anywhere else.

Public keys come from a file, so no name server is asked.
"""

import contextlib
import pathlib
import subprocess

from support import scratch
from support.ports import free_port
from support.process import Process

DOMAIN = "example.test"
SELECTOR = "e2e"
USER = "opendkim"

SETTINGS = """\
Socket inet:{port}@127.0.0.1
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
UMask 007
# The key lies below the directory for temporary files, which all may write to.
RequireSafeKeys no
"""


@contextlib.contextmanager
def running_opendkim(home: pathlib.Path):
    """Yields its endpoint."""
    home.chmod(0o700)
    key = home / "key.pem"
    _openssl("genrsa", "-out", key, "2048")
    public = _openssl("rsa", "-in", key, "-pubout")
    encoded = "".join(line for line in public.splitlines() if not line.startswith("-"))
    scratch.write(home / "public-keys", f"{SELECTOR}._domainkey.{DOMAIN} v=DKIM1; k=rsa; p={encoded}\n")
    port = free_port()
    configuration = scratch.write(
        home / "opendkim.conf",
        SETTINGS.format(port=port, user=USER, domain=DOMAIN, selector=SELECTOR, home=home))
    subprocess.run(["chown", "-R", f"{USER}:{USER}", home], check=True)
    with Process("opendkim", ["opendkim", "-f", "-x", configuration], home / "log") as process:
        process.ready_when_port_accepts(port)
        yield f"inet:{port}@[127.0.0.1]"


def _openssl(*arguments) -> str:
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, text=True).stdout
