"""Connection checkers (configuration 9): a client that has left ends its session while a child still thinks; one that
stays is never disturbed, whatever a checker does. The SMTP client and the MTA's end of its connection are real."""

import asyncio
import contextlib
import socket
import struct
import time
import unittest

import peers
from peers import daemon, wire
from peers.child import Child, Script
from peers.mta import HEADERS, HELO, RECIPIENT, SENDER, Mta
from support import scratch, watchdog

PATIENT = {"reading_timeout": 4 * peers.PATIENCE_S, "end_of_message_timeout": 4 * peers.PATIENCE_S}
INTERVAL_S = 1
FAMILIES = {"127.0.0.1": (socket.AF_INET, b"4", b"127.0.0.1"), "::1": (socket.AF_INET6, b"6", b"IPv6:::1")}


class Smtp:
    """A TCP connection from a client to what stands for the MTA's SMTP server."""

    def __init__(self, host: str = "127.0.0.1", listen_on: str = ""):
        family = socket.AF_INET6 if ":" in (listen_on or host) else socket.AF_INET
        self._listener = socket.create_server((listen_on or host, 0), family=family, dualstack_ipv6=listen_on == "::")
        self.client = socket.create_connection((host, self._listener.getsockname()[1]))
        self.server, _ = self._listener.accept()
        self.port = self.client.getsockname()[1]
        _, family, address = FAMILIES[host]
        self.connect = b"client.example\0" + family + struct.pack(">H", self.port) + address + b"\0"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in (self.client, self.server, self._listener):
            one.close()

    def reset(self):
        """No connection is left at either end."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()


class Checks(unittest.IsolatedAsyncioTestCase):
    NETSTAT = f"manager.use_netstat_connection_checker({INTERVAL_S})"

    async def asyncSetUp(self):
        self.home = self.enterContext(scratch.scratch_directory("check"))
        self.child = await self.enterAsyncContext(Child("one", f"unix:{self.home}/one.sock"))

    async def serve(self, manager: str, silent_at: str = "R", endpoint: str = ""):
        """The child does not answer there."""
        self.child.script = Script(answers={letter.encode(): b"" for letter in silent_at})
        more = "manager.command_timeout = 100\n" + manager
        self.manager = await self.enterAsyncContext(
            daemon.running(self.home, [self.child], {"": PATIENT}, more, endpoint))
        self.child.forget()

    async def greeted(self, connect: bytes) -> Mta:
        mta = await self.enterAsyncContext(Mta.connected(self.manager.endpoint))
        await mta.offer()
        self.assertIn(await mta.ask(b"C", connect), b"ca")
        self.assertIn(await mta.ask(b"H", HELO), b"ca")
        return mta

    async def waiting_at_rcpt(self, connect: bytes) -> tuple[Mta, "Conversation"]:
        mta = await self.greeted(connect)
        await mta.ask(b"M", SENDER)
        mta.tell(b"R", RECIPIENT)
        conversation = await self.child.next()
        await conversation.saw("R")
        return mta, conversation

    async def gone(self, mta: Mta, conversation, stage: str = "envelope-recipient", said: bytes = b"t"):
        self.assertEqual((await mta.reply(b"R"))[0], said)
        await mta.closed()
        self.assertTrue((await conversation.ended()).letters.endswith("AQ"), conversation.letters)
        return (await self.manager.logged("client_gone", stage=stage))[-1]

    async def still_waits(self, mta: Mta, conversation):
        """It was not disturbed: the child's late answer is the MTA's."""
        conversation.say(wire.REJECT)
        self.assertEqual((await mta.reply(b"R"))[0], b"r")
        await mta.leave()
        self.assertEqual(self.manager.events("client_gone"), [])

    async def checked(self, times: int):
        """So many intervals have passed, by the clock of a checker that only counts (it is asked last)."""
        await self.manager.logged("configuration_says", times)

    COUNTING = 'manager.define_connection_checker("counts") {|context| Milter::Logger.error("asked"); true }'


class InTheTable(Checks):
    async def test_a_client_that_closes_ends_its_session_within_the_interval(self):
        await self.serve(self.NETSTAT)
        with Smtp() as smtp:
            mta, conversation = await self.waiting_at_rcpt(smtp.connect)
            smtp.client.close()
            begun = time.monotonic()
            event = await self.gone(mta, conversation)
            self.assertLess(time.monotonic() - begun, 2 * INTERVAL_S + 2 * peers.SLOWNESS)
        self.assertEqual((event.level, event["checker"], event["verdict"]), ("message", "netstat", "temporary-failure"))
        # No Ruby process is needed for that.
        self.assertEqual(self.manager.events("ruby_worker_replaced"), [])

    async def test_a_client_over_ipv6_and_one_on_a_socket_for_both(self):
        await self.serve(self.NETSTAT)
        with Smtp("::1") as one, Smtp("127.0.0.1", "::") as other:
            waiting = [await self.waiting_at_rcpt(smtp.connect) for smtp in (one, other)]
            for smtp in (one, other):
                smtp.client.close()
            for mta, conversation in waiting:
                await self.gone(mta, conversation)
        await self.manager.logged("client_gone", 2)

    async def test_one_that_stays_is_not_disturbed_and_one_that_is_reset_is_missed(self):
        await self.serve(f"{self.NETSTAT}\n{self.COUNTING}")
        with Smtp() as smtp:
            mta, conversation = await self.waiting_at_rcpt(smtp.connect)
            await self.checked(2)
            await self.still_waits(mta, conversation)
        with Smtp() as smtp:
            mta, conversation = await self.waiting_at_rcpt(smtp.connect)
            smtp.reset()
            await self.gone(mta, conversation)

    async def test_what_cannot_be_known_counts_as_connected(self):
        await self.serve(f"{self.NETSTAT}\n{self.COUNTING}")
        elsewhere = b"client.example\0" + b"4" + struct.pack(">H", 4000) + b"192.0.2.77\0"
        without_port = b"client.example\0" + b"4\0\0" + b"127.0.0.1\0"
        clients = (elsewhere, without_port, b"client.example\0U", b"client.example\0L\0\0/x\0")
        waiting = [await self.waiting_at_rcpt(connect) for connect in clients]
        await self.checked(2 * len(clients))
        for mta, conversation in waiting:
            await self.still_waits(mta, conversation)
        # Nobody was ever seen there, so nobody can be missed.
        self.assertEqual(len(self.manager.events("clients_not_seen")), 1)
        (event,) = self.manager.events("client_port_unknown")
        self.assertIn("[netstat][warning] can't detect disconnected connection because SMTP client port address is "
                      "unknown: <inet:0@[127.0.0.1]>", event.text)

    async def test_every_setting_is_the_answer_where_it_is_allowed(self):
        await self.serve(self.NETSTAT)
        count = 0
        for value, letters in (("accept", b"aaa"), ("reject", b"rrr"), ("discard", b"cdd"), ("temporary-failure", b"ttt")):
            await self.manager.reload([self.child], {"": PATIENT}, f"manager.command_timeout = 100\n{self.NETSTAT}\n"
                                      f'manager.fallback_status_at_disconnect = "{value}"')
            told = await asyncio.gather(*[self.gone_at(letter) for letter in "HRE"])
            count += 3
            self.assertEqual(b"".join(told), letters)
        self.assertEqual(len(await self.manager.logged("client_gone", count)), count)
        ended = self.manager.events("message_done", verdict="discard")
        self.assertEqual([event["stage"] for event in ended if event["stage"] == "end-of-message"], ["end-of-message"])

    SILENT_WHERE_ASKED = Script(answers={
        b"H": lambda _, helo: b"" if helo == b"H\0" else wire.CONTINUE,
        b"R": lambda _, recipient: b"" if recipient == b"<R>\0" else wire.CONTINUE,
        b"E": b""})

    async def gone_at(self, letter: str) -> bytes:
        """What the MTA is told when the client leaves while the child is at that command."""
        name = letter.encode()
        self.child.script = self.SILENT_WHERE_ASKED
        with Smtp() as smtp:
            mta = await self.enterAsyncContext(Mta.connected(self.manager.endpoint))
            await mta.offer()
            for code, payload in ((b"C", smtp.connect), (b"H", name + b"\0"), (b"M", SENDER), (b"R", b"<" + name + b">\0"),
                                  (b"T", b""), *((b"L", header) for header in HEADERS), (b"N", b""), (b"B", b"x\r\n"), (b"E", b"")):
                if code == name:
                    mta.tell(code, payload)
                    break
                self.assertEqual(await mta.ask(code, payload), b"c")
            smtp.client.close()
            said, _ = await mta.reply(name)
            await mta.closed()
            return said


class InRuby(Checks):
    async def test_a_checker_that_answers_false_ends_the_session(self):
        await self.serve(f"""manager.connection_check_interval = {INTERVAL_S}
manager.define_connection_checker("there") {{|context| true }}
manager.define_connection_checker("own") do |context|
  Milter::Logger.error([context.smtp_client_address, context.smtp_server_address.local?, context["i"]].join(" "))
  File.exist?("{self.home}/run/there")
end""")
        (self.home / "run" / "there").write_text("")
        with Smtp() as smtp:
            mta, conversation = await self.waiting_at_rcpt(smtp.connect)
            await self.manager.logged("configuration_says")
            (self.home / "run" / "there").unlink()
            event = await self.gone(mta, conversation)
            self.assertEqual(event["checker"], "own")
            said = self.manager.events("configuration_says")[0].text
            self.assertEqual(said, f": inet:{smtp.port}@[127.0.0.1] true ")

    async def test_checkers_that_raise_or_hang_are_warnings_and_disturb_nobody(self):
        await self.serve(f"""manager.connection_check_interval = {INTERVAL_S}
manager.worker_timeout = {0.4 * peers.SLOWNESS}
manager.n_ruby_workers = 2
manager.define_connection_checker("raises") {{|context| raise "boom" }}
manager.define_connection_checker("sleeps") {{|context| sleep }}
{self.COUNTING}""")
        with Smtp() as smtp:
            mta, conversation = await self.waiting_at_rcpt(smtp.connect)
            await self.checked(2)
            await self.still_waits(mta, conversation)
        failed = {event["checker"]: event for event in await self.manager.logged("connection_checker_failed", 2)}
        self.assertEqual(len(self.manager.events("connection_checker_failed")), 2)  # once a session each
        for name, text in (("raises", "boom"), ("sleeps", "did not answer within")):
            self.assertIn(text, failed[name]["error"])
            self.assertIn(self.place(f'"{name}"'), failed[name]["error"])
            self.assertEqual(failed[name].level, "warning")

    def place(self, text: str) -> str:
        lines = self.manager.file.read_text().splitlines()
        (found,) = [number for number, line in enumerate(lines, 1) if text in line]
        return f"milter-manager.conf:{found}"

    async def test_an_interval_of_zero_never_asks(self):
        await self.serve(f"{self.NETSTAT}\n{self.COUNTING}\nmanager.connection_check_interval = 0")
        warnings = self.manager.events("checker_without_effect")
        self.assertEqual(len(warnings), 2)
        with Smtp() as smtp:
            mta, conversation = await self.waiting_at_rcpt(smtp.connect)
            smtp.client.close()
            # Under the next configuration another session is checked; this one keeps what it began with.
            await self.manager.reload([self.child], {"": PATIENT},
                                      f"manager.command_timeout = 100\n{self.NETSTAT}\n{self.COUNTING}")
            with Smtp() as other:
                second, answers = await self.waiting_at_rcpt(other.connect)
                await self.checked(1)
                with contextlib.closing(second.writer):
                    await self.still_waits(mta, conversation)
                    answers.say(wire.CONTINUE)
                    await second.reply(b"R")


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
