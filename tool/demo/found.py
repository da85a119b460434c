"""Milters that are configured on this host, and whether they listen. Reads files and connects; changes nothing."""
import os
import pathlib
import re
import socket
from typing import NamedTuple

# name, the file that says the socket, the setting's name there, the socket when the file does not say one.
KNOWN = (
    ("pyspf-milter", "etc/pyspf-milter/pyspf-milter.conf", "Socket", None),
    ("opendkim", "etc/opendkim.conf", "Socket", "local:/run/opendkim/opendkim.sock"),
    ("dkimpy-milter", "etc/dkimpy-milter/dkimpy-milter.conf", "Socket", None),
    ("opendmarc", "etc/opendmarc.conf", "Socket", "local:/run/opendmarc/opendmarc.sock"),
    ("milter-greylist", "etc/milter-greylist/greylist.conf", "socket", None),
    ("clamav-milter", "etc/clamav/clamav-milter.conf", "MilterSocket", "/run/clamav/clamav-milter.ctl"),
    ("spamass-milter", "etc/default/spamass-milter", "SOCKET", "/run/spamass/spamass.sock"),
    ("amavisd-milter", "etc/default/amavisd-milter", "MILTERSOCKET", "/var/lib/amavis/amavisd-milter.sock"),
    ("mimedefang", "etc/default/mimedefang", "SOCKET", "/var/spool/MIMEDefang/mimedefang.sock"),
    ("rspamd", "etc/rspamd/rspamd.conf", None, "inet:11332@localhost"),
)
# spamass-milter's init script puts its socket into Postfix's chroot when there is a Postfix.
SPAMASS_WITH_POSTFIX = "/var/spool/postfix/spamass/spamass.sock"


class Milter(NamedTuple):
    name: str
    endpoint: str
    listens: bool


def setting(text, name):
    """The last value of `name value`, `name = value` or `name=value` that is not commented out."""
    values = re.findall(rf"^[ \t]*{re.escape(name)}(?:[ \t]*=[ \t]*|[ \t]+)[\"']?([^\"'#\s]+)", text, re.M)
    return values[-1] if values else None


def endpoint(spec):
    """A socket as these files spell it, as milter-manager.conf spells it; None for what cannot be understood."""
    if "$" in spec:
        return None
    if spec.startswith("/"):
        return f"unix:{spec}"
    if spec.startswith(("unix:/", "local:/")):
        return "unix:" + spec.split(":", 1)[1]
    found = re.fullmatch(r"(inet6?):(\d+)(?:@(.+))?", spec)
    if found:
        return f"{found[1]}:{found[2]}@{found[3] or ('localhost' if found[1] == 'inet' else '[::1]')}"
    return None


def listens(spec):
    kind, rest = spec.split(":", 1)
    try:
        if kind == "unix":
            with socket.socket(socket.AF_UNIX) as peer:
                peer.settimeout(2)
                peer.connect(rest)
        else:
            port, host = rest.split("@")
            socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
    except OSError:
        return False
    return True


def milters(root="/"):
    """What is configured below root (a folder with an etc/ in it), in the order in which a chain asks them."""
    found = []
    for name, file, key, default in KNOWN:
        path = pathlib.Path(root) / file
        if not path.is_file():
            continue
        text = path.read_text(errors="replace")
        if name == "spamass-milter" and os.access(pathlib.Path(root) / "usr/sbin/postfix", os.X_OK):
            default = SPAMASS_WITH_POSTFIX
        spec = (setting(text, key) if key else None) or default
        where = endpoint(spec) if spec else None
        if where:
            found.append(Milter(name, where, listens(where)))
    return found
