"""Debian's Sendmail, unpacked into a private root: its packages and Postfix's exclude each other.

Nothing of it is installed and none of its scripts run. The root is kept in MILTER_E2E_CACHE (ctest: in the build
tree), so that it is downloaded once; runs that want it at the same time wait for the one that makes it.
"""

import fcntl
import os
import pathlib
import shutil
import subprocess

from support.manager import program

# Without what Postfix, opendkim and Debian's base bring along.
PACKAGES = ("sendmail-bin", "sendmail-cf", "libwrap0", "libnsl2", "libldap-2.5-0", "libsasl2-2", "libdb5.3")
DOWNLOAD_WITHIN_S = 120
HOST_NAME = "host_name.so"


def sendmail_root() -> pathlib.Path:
    cache = pathlib.Path(os.environ.get("MILTER_E2E_CACHE") or program().parent / "e2e-cache")
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / "sendmail-root"
    with open(cache / "sendmail.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            unfinished = cache / "sendmail-unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            _make(unfinished)
            unfinished.rename(root)
    return root


def binary(root: pathlib.Path) -> pathlib.Path:
    return root / "usr/libexec/sendmail/sendmail"


def surroundings(root: pathlib.Path) -> dict[str, str]:
    """What its environment needs."""
    places = {str(library.parent) for library in root.rglob("*.so.*")}
    return {"LD_LIBRARY_PATH": ":".join(sorted(places)), "LD_PRELOAD": str(root / HOST_NAME),
            "RES_OPTIONS": "timeout:1 attempts:1"}


def _make(root: pathlib.Path):
    downloads = root / "downloads"
    downloads.mkdir(parents=True)
    fetch = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *PACKAGES]
    if _run(fetch, downloads).returncode != 0:
        _run(["apt-get", "-qq", "update"], downloads)
        fetched = _run(fetch, downloads)
        if fetched.returncode != 0:
            raise AssertionError(f"no packages of Sendmail: {' '.join(fetch)}\n{fetched.stdout}")
    for package in sorted(downloads.glob("*.deb")):
        subprocess.run(["dpkg", "-x", package, root], check=True)
    shutil.rmtree(downloads)
    source = pathlib.Path(__file__).with_name("sendmail_host_name.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", root / HOST_NAME, source], check=True)
    # A program that gives rights away would not look at LD_LIBRARY_PATH.
    binary(root).chmod(0o755)


def _run(command: list, where: pathlib.Path) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=where, check=False, timeout=DOWNLOAD_WITHIN_S, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
