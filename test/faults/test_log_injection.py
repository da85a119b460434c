"""Whatever an MTA, a mail or a child says: one line of the log for each event, escaped; as text, as JSON, in the system's
log (logs 2)."""

import json
import re
import struct
import unittest

from peers import daemon, wire
from peers.child import Child, Script
from peers.mta import Mta
from peers.system_log import SystemLog
from peers.wire import pack
from support import scratch

FORGED = b"[2026-01-01T00:00:00.000000Z]: message message_done session=1 forged=1"
EVIL = {
    "a line end": b"x\r\n" + FORGED, "a lone LF": b"x\n" + FORGED, "a lone CR": b"x\r" + FORGED,
    "a command for terminals": b"\x1b]0;x\x07\x1b[2J\x9b31m\xc2\x9b", "other controls": bytes(range(1, 32)) + b"\x7f",
    "a format": b"%n%s%1$n{}{0}", "no UTF-8": b"\xff\xfe\xc0\xaf\xed\xa0\x80\xe6\x97",
    "other line ends": "x\u2028y\u2029z\u0085".encode() + FORGED, "turned text": "\u202eabc\u2066".encode(),
    "quotes": b'x" verdict=pass decided_by="y\\" z=\\', "JSON": b'"},{"event":"forged"}', "brackets": b"]: (1)[session][end]",
    "long": b"y" * 30_000, "much": b"\n\x1b" * 10_000}
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
STAMPED = re.compile(r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\]: (?:[a-z]+ [a-z_]+( [a-z_]+=|:|$)|\[)")
EDITS = wire.ALL_ACTIONS
EDGE = 8400  # of what a packet to the system's log holds


def harmless_in_a_header(value: bytes) -> bytes:
    """A value that is not refused as another field."""
    return re.sub(rb"\n(?![ \t])", b"\n ", value.rstrip(b"\n"))


def script(value: bytes) -> Script:
    """A child that says it wherever a child can say something."""
    return Script(actions=EDITS, edits=[
        wire.add_header(b"X-Evil", harmless_in_a_header(value)), pack(b"i", struct.pack(">I", 1) + b"X-Evil\0" + value + b"\0"),
        wire.add_header(value, b"x"), pack(b"q", value + b"\0"), pack(b"+", value + b"\0"), pack(b"e", value + b"\0")],
        answers={b"E": pack(b"y", b"550 5.7.1 " + value + b"\0")})


class LogInjection(unittest.IsolatedAsyncioTestCase):
    FORMAT = "text"

    async def asyncSetUp(self):
        home = self.enterContext(scratch.scratch_directory("inject"))
        self.log = self.enterContext(SystemLog(home))
        self.children = [Child(name, f"unix:{home}/{name}.sock") for name in ("a", "judge")]
        for child in self.children:
            await self.enterAsyncContext(child)
        self.daemon = await self.enterAsyncContext(daemon.running(
            home, self.children, {"judge": {"evaluation_mode": True}},
            f'log.use_syslog = true\nlog.level = "all"\nlog.format = "{self.FORMAT}"',
            # A line a packet is more than the kernel keeps for a reader that is slow.
            prefix=(*self.log.prefix, "env", "MILTER_LOG_SYSLOG_LEVEL=all|-trace")))

    async def session(self, value: bytes):
        """One mail with it in every place where an MTA can have it."""
        for child in self.children:
            child.script = script(value)
        string = value + b"\0"
        done, judged = len(self.daemon.events("message_done")), len(self.daemon.events("child_evaluated"))
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            await mta.ask(b"C", string + b"4\x61\xa8" + string, macros=b"j\0" + string)
            await mta.ask(b"H", string, macros=b"{tls_version}\0" + string)
            mta.tell(b"D", b"M" + b"i\0" + string + b"{auth_authen}\0" + string)
            await mta.mail(sender=string, recipients=(string,), headers=(string + string, b"Subject\0" + string),
                           body=(value,))
            await self.daemon.logged("child_evaluated", judged + 1)
            mta.tell(b"Z", value)  # no command: the MTA is refused
            await mta.lost()
        await self.daemon.logged("message_done", done + 1)

    async def play(self):
        for value in EVIL.values():
            await self.session(value)
        await self.daemon.until(lambda: self.count_of_ends() == len(EVIL) + 1, "all sessions have ended")

    def count_of_ends(self) -> int:
        return sum(line.startswith("[session][end]") for line in self.log.statistics())

    def check_system_log(self):
        lines = self.log.lines()
        for (_, _, text), packet in zip(lines, self.log.packets):
            self.assertIsNone(CONTROL.search(text.decode()), text[:300])
            self.assertLess(len(packet), EDGE)
        statistics = self.log.statistics()
        self.assertEqual(sum(line.startswith("[session][end]") for line in statistics), len(EVIL) + 1)
        self.assertGreaterEqual(sum(line.startswith("[milter][header][add]") for line in statistics), len(EVIL))

    async def test_each_event_is_one_line(self):
        await self.play()
        text = self.daemon.log_text()
        lines = text.split("\n")[:-1]
        self.assertEqual(text.splitlines(), lines)
        for line in lines:
            self.assertIsNone(CONTROL.search(line), line[:300])
            self.assertRegex(line[:100], STAMPED)
        self.assertNotIn("\ufffd", text)  # it is UTF-8
        self.assertEqual(len(self.daemon.events("message_done")), len(EVIL))
        self.assertEqual(sum(" message message_done session=" in line[:60] for line in lines), len(EVIL))
        self.check_system_log()


class LogInjectionIntoJson(LogInjection):
    FORMAT = "json"

    async def test_each_event_is_one_line(self):
        await self.play()
        text = self.daemon.log_text()
        lines = text.split("\n")[:-1]
        self.assertEqual(text.splitlines(), lines)
        read = [json.loads(line) for line in lines]
        for one in read:
            self.assertLessEqual({"time", "level", "event"}, one.keys())
            for key, value in one.items():
                self.assertIsInstance(value, str)
                self.assertIsNone(CONTROL.search(key + value), value[:300])
        self.assertNotIn("\ufffd", text)
        done = [one for one in read if one["event"] == "message_done"]
        self.assertEqual(len(done), len(EVIL))
        self.assertEqual(done[0]["sender"], "x\\r\\n" + FORGED.decode())
        self.assertEqual((done[0]["queue_id"], done[0]["client"], done[0]["host"]), (done[0]["sender"],) * 3)
        self.assertEqual({one["event"] for one in read} & {"forged"}, set())
        self.check_system_log()


if __name__ == "__main__":
    unittest.main()
