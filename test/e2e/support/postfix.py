"""A private Postfix: own configuration, queue, data and log; smtpd on a port of 127.0.0.1; all mail goes to a sink.

Nothing leaves the machine, nothing of the system's own Postfix is read or changed. Everything that Postfix would
do on its own to a message (rewriting, adding fields, folding lines) is turned off, so that what arrives in the
sink is the client's bytes, one Received field, and what the milters did.
"""

import os
import pathlib
import re
import shutil
import subprocess

from support import scratch
from support.lmtp_sink import Delivery, LmtpSink
from support.ports import free_port
from support.process import Process
from support.waiting import wait_until

HOSTNAME = "mx.example.test"
SETTLED_WITHIN_S = 20
QUEUES = ("maildrop", "incoming", "active", "deferred", "hold")

SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

SETTINGS = """\
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {home}/log/mail.log
maillog_file_prefixes = {home}/log
myhostname = {hostname}
mydomain = example.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
notify_classes =
default_transport = lmtp:inet:127.0.0.1:{sink}
relay_transport = $default_transport
local_transport = $default_transport
virtual_transport = $default_transport
# One delivery for a message, however many recipients it has; its lines stay as they are.
lmtp_destination_recipient_limit = 10000
lmtp_line_length_limit = 0
lmtp_connection_cache_on_demand = no
local_header_rewrite_clients =
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtputf8_enable = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_limit = 1000
smtpd_client_event_limit_exceptions = $mynetworks
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
message_size_limit = 52428800
smtpd_milters = {milters}
"""


class Postfix:
    """Milters are given as `inet:PORT@HOST` or `unix:PATH`, in the order in which they are asked."""

    def __init__(self, home: pathlib.Path, milters: list[str], settings: str = ""):
        self.port = free_port()
        self._home = home
        self._sink = LmtpSink()
        self._settings = SETTINGS.format(
            home=home, hostname=HOSTNAME, sink=self._sink.port,
            milters=", ".join(map(_postfix_endpoint, milters))) + settings
        self.maillog = home / "log" / "mail.log"

    def __enter__(self):
        scratch.subdirectory(self._home, "queue")
        scratch.subdirectory(self._home, "data", owner="postfix", mode=0o700)
        scratch.subdirectory(self._home, "log")
        self._configuration = scratch.subdirectory(self._home, "etc")
        scratch.write(self._configuration / "main.cf", self._settings)
        scratch.write(self._configuration / "master.cf", SERVICES.format(port=self.port))
        for shared in ("postfix-files", "dynamicmaps.cf"):
            shutil.copy(pathlib.Path("/etc/postfix") / shared, self._configuration)
        self._sink.__enter__()
        self._process = Process("postfix", ["postfix", "-c", self._configuration, "start-fg"],
                                self._home / "log" / "start")
        try:
            self._process.ready_when_port_accepts(self.port)
            # That look is a session too, and comes to its end when it is its turn: not among those of a test.
            wait_until(self.disconnects, "postfix ends the look whether it is there", SETTLED_WITHIN_S, self.evidence)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        try:
            self._run("stop")
            self._process.wait()
        finally:
            self._end()

    def _end(self):
        self._process.kill()
        self._run("stop")  # its master is in a process group of its own
        self._sink.__exit__()

    def _run(self, verb: str):
        subprocess.run(["postfix", "-c", self._configuration, verb], check=False, timeout=30,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

    @property
    def deliveries(self) -> list[Delivery]:
        return list(self._sink.deliveries)

    def log_text(self) -> str:
        return self.maillog.read_text(errors="replace") if self.maillog.exists() else ""

    def wait_for_log(self, pattern: str) -> re.Match:
        return wait_until(lambda: re.search(pattern, self.log_text(), re.MULTILINE),
                          f"postfix logs {pattern}", SETTLED_WITHIN_S, self.evidence)

    def settle(self, queue_id: str) -> str:
        """Waits until a message that was accepted has come to its end: `delivered`, `discarded` or `held`."""
        ends = "removed|milter-discard|milter-hold"
        # What a milter decides before there is a queue id is logged just before the id.
        found = self.wait_for_log(rf"\b{queue_id}: ({ends})|NOQUEUE: (milter-\w+): [^\n]*\n[^\n]* {queue_id}: client=")
        return {"removed": "delivered", "milter-discard": "discarded", "milter-hold": "held"}[found[1] or found[2]]

    def disconnects(self) -> int:
        """How many SMTP sessions have come to their end, in any way."""
        return len(re.findall(r"smtpd\[\d+\]: disconnect from ", self.log_text()))

    def queued(self) -> list[str]:
        """The names of what is still in a queue."""
        queue = self._home / "queue"
        return [str(path.relative_to(queue)) for name in QUEUES
                for path in sorted((queue / name).rglob("*")) if path.is_file()]

    def evidence(self) -> str:
        return "\n".join(["--- end of mail.log", *self.log_text().splitlines()[-40:], "---"])


def _postfix_endpoint(spec: str) -> str:
    found = re.fullmatch(r"inet:(\d+)@\[?([^\]]+)\]?", spec)
    return f"inet:{found[2]}:{found[1]}" if found else spec
