"""A private clamd with one signature (the EICAR test file), and clamav-milter in front of it, which refuses.

The test file's text is put together here at run time: no file of the project holds it, so no scanner that looks
at a checkout finds it.
"""

import contextlib
import pathlib
import shutil

from support import scratch
from support.process import Process

USER = "clamav"
EICAR = b"".join([b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$", b"EICAR-STANDARD-", b"ANTIVIRUS-TEST-FILE", b"!$H+H*"])

CLAMD = """\
LocalSocket {home}/clamd.sock
LocalSocketMode 666
User {user}
Foreground yes
DatabaseDirectory {home}/database
TemporaryDirectory {home}/tmp
LogFile {home}/clamd.log
LogTime no
MaxThreads 4
StreamMaxLength 50M
SelfCheck 86400
"""

MILTER = """\
MilterSocket unix:{home}/milter.sock
MilterSocketMode 666
User {user}
Foreground yes
ClamdSocket unix:{home}/clamd.sock
OnClean Accept
OnInfected Reject
OnFail Defer
RejectMsg Message carries %v
AddHeader {add_header}
ReportHostname mx.example.test
LogFile {home}/milter.log
LogInfected Full
LogClean Full
TemporaryDirectory {home}/tmp
"""


@contextlib.contextmanager
def running_clamd(home: pathlib.Path):
    """Yields nothing: clamav-milter finds it in the same home."""
    home.chmod(0o755)
    scratch.subdirectory(home, "tmp", owner=USER)
    database = scratch.subdirectory(home, "database")
    scratch.write(database / "local.ndb", f"Eicar-Signature:0:*:{EICAR.hex()}\n")
    configuration = scratch.write(home / "clamd.conf", CLAMD.format(home=home, user=USER))
    shutil.chown(home, USER, USER)
    with Process("clamd", ["clamd", "--config-file", configuration], home / "clamd.out") as process:
        process.ready_when_socket_accepts(home / "clamd.sock")
        yield


@contextlib.contextmanager
def running_clamav_milter(home: pathlib.Path, add_header: str = "Replace"):
    """Yields its endpoint."""
    configuration = scratch.write(
        home / "clamav-milter.conf", MILTER.format(home=home, user=USER, add_header=add_header))
    with Process("clamav-milter", ["clamav-milter", "--config-file", configuration], home / "out") as process:
        process.ready_when_socket_accepts(home / "milter.sock")
        yield f"unix:{home}/milter.sock"
