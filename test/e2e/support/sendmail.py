"""A private Sendmail: own configuration, queue and transcript; on a port of 127.0.0.1; all mail goes to a sink.

It has what `conversation.py` uses of `postfix.py`. Sendmail can only log to the system's log; what has to be known
is in the transcript of its sessions (-X) and in its queue.
"""

import pathlib
import re
import subprocess

from support import scratch, sendmail_root
from support.lmtp_sink import Delivery, LmtpSink
from support.ports import free_port
from support.process import Process
from support.waiting import wait_until

HOSTNAME = "mx.example.test"
SETTLED_WITHIN_S = 20
# What the manager's users are advised to give the one filter that is the whole chain (chain V.6).
TIMEOUTS = "S:30s;R:5m;E:15m"
# How Sendmail says what a broken filter costs.
ON_FAILURE = {"tempfail": "F=T, ", "reject": "F=R, ", "accept": ""}

CONFIGURATION = """\
divert(-1)
define(`_CF_DIR_', `{cf}/')
include(`{cf}/m4/cf.m4')
divert(0)dnl
OSTYPE(`bsd4.4')dnl
define(`confDOMAIN_NAME', `{hostname}')dnl
define(`QUEUE_DIR', `{home}/queue')dnl
define(`ALIAS_FILE', `')dnl
define(`STATUS_FILE', `{home}/status')dnl
define(`HELP_FILE', `{home}/help')dnl
define(`confCW_FILE', `-o {home}/local-host-names')dnl
define(`confCT_FILE', `-o {home}/trusted-users')dnl
define(`confCR_FILE', `-o {home}/relay-domains')dnl
define(`confPID_FILE', `{home}/pid')dnl
define(`confSERVICE_SWITCH_FILE', `{home}/service.switch')dnl
define(`confHOSTS_FILE', `{home}/hosts')dnl
define(`confBIND_OPTS', `-DNSRCH -DEFNAMES')dnl
define(`confTO_RESOLVER_RETRANS', `1s')dnl
define(`confTO_RESOLVER_RETRY', `1')dnl
define(`confTO_IDENT', `0s')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit')dnl
define(`confSMTP_LOGIN_MSG', `$j Sendmail')dnl
define(`confRECEIVED_MARK', `')dnl
define(`confPRIVACY_FLAGS', `')dnl
define(`confEIGHT_BIT_HANDLING', `pass8')dnl
define(`confMAX_RCPTS_PER_MESSAGE', `1000')dnl
define(`confDELIVERY_MODE', `background')dnl
define(`confQUEUE_LA', `10000')dnl
define(`confREFUSE_LA', `10000')dnl
define(`confDELAY_LA', `0')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
RELAY_DOMAIN(`example.org example.test')dnl
DAEMON_OPTIONS(`Port={port}, Addr=127.0.0.1, Name=MTA')dnl
define(`SMART_HOST', `sink:[127.0.0.1]')dnl
{filters}\
MAILER(`local')dnl
MAILER(`smtp')dnl
MAILER_DEFINITIONS
# LMTP; lines of any length, 8 bits, no field added, no address rewritten, all recipients at once.
Msink,	P=[IPC], F=kmXz8, E=\\r\\n, L=0, r=10000, T=DNS/RFC822/SMTP, A=TCP [127.0.0.1] {sink}
"""


class Sendmail:
    """Milters are given as `inet:PORT@HOST` or `unix:PATH`, in the order in which they are asked."""

    def __init__(self, home: pathlib.Path, milters: list[str], on_failure: str = "tempfail"):
        self.port = free_port()
        self._home = home
        self._sink = LmtpSink()
        self._filters = "".join(
            f"INPUT_MAIL_FILTER(`filter{number}', `S={endpoint.replace('[', '').replace(']', '')}, "
            f"{ON_FAILURE[on_failure]}T={TIMEOUTS}')dnl\n" for number, endpoint in enumerate(milters))
        self._transcript = _Transcript(home / "transcript")

    def __enter__(self):
        root = sendmail_root.sendmail_root()
        scratch.subdirectory(self._home, "queue", mode=0o700)
        scratch.write(self._home / "service.switch", "hosts files\naliases files\n")
        scratch.write(self._home / "hosts", f"127.0.0.1 localhost\n127.0.0.1 {HOSTNAME}\n")
        source = scratch.write(self._home / "sendmail.mc", CONFIGURATION.format(
            cf=root / "usr/share/sendmail/cf", home=self._home, hostname=HOSTNAME, port=self.port,
            sink=self._sink.port, filters=self._filters))
        made = subprocess.run(["m4", source], check=True, capture_output=True, text=True)
        if made.stderr:
            raise AssertionError(f"m4: {made.stderr}")
        configuration = scratch.write(self._home / "sendmail.cf", made.stdout)
        self._sink.__enter__()
        self._process = Process(
            "sendmail", [sendmail_root.binary(root), "-bD", "-C", configuration, "-X", self._transcript.path],
            self._home / "log", environment=sendmail_root.surroundings(root))
        try:
            self._process.ready_when_port_accepts(self.port)
            # The look whether it accepts was a session too; it must not be taken for the end of another one.
            wait_until(self.disconnects, "the first session has ended", SETTLED_WITHIN_S, self.evidence)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._sink.__exit__()

    @property
    def deliveries(self) -> list[Delivery]:
        return list(self._sink.deliveries)

    def settle(self, queue_id: str) -> str:
        """Waits until a message that was accepted has come to its end: `delivered`, `discarded` or `held`."""
        wait_until(lambda: not self._files(f"[qdt]f{queue_id}") or self._files(f"hf{queue_id}"),
                   f"{queue_id} leaves the queue", SETTLED_WITHIN_S, self.evidence)
        if self._files(f"hf{queue_id}"):
            return "held"
        return "delivered" if any(one.queue_id == queue_id for one in self.deliveries) else "discarded"

    def disconnects(self) -> int:
        """How many SMTP sessions have come to their end, in any way: each has a process of its own."""
        return sum(map(_has_ended, self._transcript.servers()))

    def queued(self) -> list[str]:
        """The names of what is still in the queue."""
        return sorted(path.name for path in self._files("*"))

    def _files(self, pattern: str) -> list[pathlib.Path]:
        return list((self._home / "queue").glob(pattern))

    def evidence(self) -> str:
        return "\n".join([self._process.evidence(), "--- end of the transcript", *self._transcript.end(), "---",
                          f"queue: {' '.join(self.queued())}"])


def _has_ended(pid: int) -> bool:
    try:
        # Sendmail takes its time to look after children that have ended.
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


class _Transcript:
    """Lines `PID <<< received` and `PID >>> sent`; read on from where the last look ended."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self._read = 0
        self._servers: set[int] = set()

    def servers(self) -> set[int]:
        """The processes that have greeted (or refused) a client."""
        if self.path.exists():
            with open(self.path, "rb") as transcript:
                transcript.seek(self._read)
                whole, _, _ = transcript.read().rpartition(b"\n")
            self._read += len(whole)
            self._servers |= {int(found[1]) for found in re.finditer(rb"^0*(\d+) >>> [245]\d\d[ -]", whole, re.M)}
        return self._servers

    def end(self, lines: int = 40) -> list[str]:
        return self.path.read_text(errors="replace").splitlines()[-lines:] if self.path.exists() else []
