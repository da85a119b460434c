"""The level trace: each packet between the MTA, the manager and the children is a line of the log, and only there."""

import unittest

from peers import daemon, wire
from peers.child import Child, Script
from peers.mta import Mta
from support import scratch

SILENT = wire.SILENT[b"L"] | wire.SILENT[b"N"] | wire.SILENT[b"B"]


class PacketsInLog(unittest.IsolatedAsyncioTestCase):
    async def mail(self, level: str) -> daemon.Daemon:
        """One of 200,000 bytes of body, after its session has ended."""
        home = self.enterContext(scratch.scratch_directory("packets"))
        self.child = await self.enterAsyncContext(
            Child("one", f"unix:{home}/one.sock", Script(steps=SILENT, edits=[wire.add_header(b"X-Seen", b"1")])))
        manager = await self.enterAsyncContext(daemon.running(home, [self.child], {}, f'log.level = "{level}"'))
        async with Mta.connected(manager.endpoint) as mta:
            await mta.offer()
            self.assertIsNone(await mta.greet())
            outcome = await mta.mail(body=(b"x" * 65535,) * 3)
            self.assertEqual((outcome.decision, outcome.headers()), (b"c", [b"X-Seen"]))
            await mta.leave()
        await manager.logged("message_done")
        return manager

    async def test_each_is_a_line(self):
        manager = await self.mail("all")
        own = await (await self.child.next()).ended()

        session = manager.events("packet_sent", child="one")[0]["session"]

        def lines(name: str, child: str = "") -> list[str]:
            return [event.text.partition(": ")[2] for event in manager.events(name, session=session)
                    if event.fields.get("child", "") == child]
        asked = ["offer v6 actions=all steps=all", "connect mail.example 4 25000 192.0.2.1", "helo mail.example",
                 "mail <from@example.com>", "rcpt <to@example.net>", "data"]
        self.assertEqual(lines("packet_received"),
                         [*asked, "header From: from@example.com", "header Subject: a test", "end-of-headers",
                          *["body (65535 bytes, 4c03da3f)"] * 3, "end-of-message", "quit"])
        self.assertEqual(lines("packet_sent", "one"),
                         [*asked, "header From:from@example.com", "header Subject:a test", "end-of-headers",
                          *["body (65535 bytes)"] * 3, "end-of-message", "quit"])
        self.assertEqual((own.letters, sum(one.body_size for one in own.messages)), ("OCHMRTLNBEQ", 3 * 65535))
        for child, header, count in (("one", "X-Seen:1", 5), ("", "X-Seen: 1", 8)):
            agreed, *answers = lines("packet_received" if child else "packet_sent", child)
            self.assertRegex(agreed, "^agree v6 actions=add-headers.change-body steps=")
            self.assertEqual(answers, [*["continue"] * count, f"add-header {header}", "continue"])

    async def test_no_other_level_has_them(self):
        manager = await self.mail("all|-trace")
        self.assertEqual([event for event in manager.events() if event.name.startswith("packet_")], [])


if __name__ == "__main__":
    unittest.main()
