"""What an MTA does in a session besides sending one mail: several mails, RSET, HELO again, leaving or vanishing at any
moment (chain P12-P19, P24, P30, P44-P46, P49)."""

import contextlib
import unittest

import peers
from peers import daemon, wire
from peers.child import Child, Script
from peers.mta import CONNECT, HEADERS, HELO, RECIPIENT, SENDER, Mta
from support import scratch, watchdog
from support.ports import free_port

STEPS = ((b"C", CONNECT), (b"H", HELO), (b"M", SENDER), (b"R", RECIPIENT), (b"T", b""), (b"L", HEADERS[0]), (b"N", b""),
         (b"B", bytes(65535)), (b"E", b""))
IN_MESSAGE = b"MRTLNBE"
NOTHING = b""


def by_sender(answers: dict[bytes, bytes], otherwise: bytes = wire.CONTINUE):
    """Answers by what comes before the @ of the address."""
    return lambda _, payload: next((said for name, said in answers.items() if payload.startswith(b"<%s@" % name)), otherwise)


class Sessions(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        home = self.enterContext(scratch.scratch_directory("sessions"))
        self.one, self.two, self.three = self.children = [
            Child(name, f"unix:{home}/{name}.sock", Script(actions=wire.ADD_HEADERS)) for name in ("one", "two", "three")]
        for child in self.children:
            await self.enterAsyncContext(child)
        patient = {"reading_timeout": peers.PATIENCE_S, "end_of_message_timeout": 2 * peers.PATIENCE_S}
        self.daemon = await self.enterAsyncContext(daemon.running(
            home, self.children, {"": patient}, f"manager.command_timeout = {2 * peers.PATIENCE_S}",
            endpoint=f"inet:{free_port()}@[127.0.0.1]"))  # of unix sockets no reset can be had
        self.idle = self.daemon.descriptors()

    async def asyncTearDown(self):
        await self.daemon.settled_descriptors(self.idle)
        self.assertEqual([event for event in self.daemon.events() if event.level == "warning"
                          and event.name != "mta_lost"], [])

    @contextlib.asynccontextmanager
    async def session(self):
        for child in self.children:
            child.forget()
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            yield mta

    async def told(self) -> list[str]:
        """What each child was told in the last session, which is over."""
        return [(await (await child.next()).ended()).letters for child in self.children]

    async def test_several_messages_with_rset_and_helo_between_them(self):
        async with self.session() as mta:
            await mta.greet()
            self.assertEqual((await mta.mail()).decision, b"c")
            mta.tell(b"A")  # after a message: nobody is in it any more
            mta.tell(b"A")
            await mta.ask(b"M", SENDER)
            await mta.ask(b"R", RECIPIENT)
            mta.tell(b"A")
            mta.tell(b"A")
            self.assertEqual(await mta.ask(b"H", HELO), b"c")
            self.assertIsNone(await mta.content())
            mta.tell(b"A")
            self.assertEqual((await mta.mail()).decision, b"c")
            await mta.ask(b"M", SENDER)
            await mta.ask(b"H", HELO)  # in a message
            self.assertEqual((await mta.mail()).decision, b"c")
            await mta.leave()
        mail = "MRTLNBE"
        for letters in await self.told():
            self.assertRegex(letters, f"^OCH{mail}MRAH(MRTL?N?B?)A{mail}MAH{mail}Q$")

    async def test_mixed_verdicts_of_messages_do_not_touch_each_other(self):
        verdicts = {b"reject": wire.REJECT, b"later": wire.TEMPORARY_FAILURE, b"drop": wire.DISCARD, b"enough": wire.ACCEPT}
        for stage in (b"M", b"E"):
            self.two.script = Script(answers={stage: by_sender(verdicts) if stage == b"M" else
                                              lambda conversation, _: by_sender(verdicts)(conversation, conversation.sender)})
            with self.subTest(stage=wire.STAGES[stage]):
                async with self.session() as mta:
                    await mta.greet()
                    for name, decision in ((b"ok", b"c"), (b"reject", b"r"), (b"ok", b"c"), (b"later", b"t"), (b"drop", b"d"),
                                           (b"enough", b"c"), (b"ok", b"c")):
                        outcome = await mta.mail(sender=b"<%s@example.com>\0" % name)
                        self.assertEqual(outcome.decision, decision, name)
                        mta.tell(b"A")  # as Postfix does
                    await mta.leave()
                one, two, three = await self.told()
                mail = "MRTLNBE"
                if stage == b"M":
                    self.assertEqual(one, f"OCH{mail}MA{mail}MAMA{mail}{mail}Q")
                    self.assertEqual(two, f"OCH{mail}M{mail}MMM{mail}Q")
                    self.assertEqual(three, f"OCH{mail}{mail}{mail}{mail}Q")
                else:
                    self.assertEqual((one, two), (f"OCH{mail * 7}Q",) * 2)
                    self.assertEqual(three, f"OCH{mail}MRTA{mail}MRTAMRTA{mail}{mail}Q")

    async def test_a_refused_recipient_concerns_no_other(self):
        self.two.script = Script(answers={b"R": by_sender({b"no": wire.REJECT, b"later": wire.pack(b"y", b"451 4.7.1 later\0")})})
        recipients = [b"<%s@example.net>\0" % name for name in (b"a", b"no", b"b", b"later", b"c")]
        async with self.session() as mta:
            await mta.greet()
            await mta.ask(b"M", SENDER)
            self.assertEqual([await mta.ask(b"R", one) for one in recipients], [b"c", b"r", b"c", b"y", b"c"])
            self.assertEqual((await mta.mail()).decision, b"c")
            await mta.leave()
        one, two, three = await self.told()
        self.assertEqual((one, two, three), ("OCHMRRRRRAMRTLNBEQ", "OCHMRRRRRAMRTLNBEQ", "OCHMRRRAMRTLNBEQ"))

    def none_can_change_anything(self, answers: dict):
        """So each is shown the content at once (chain V.3)."""
        for child in self.children:
            child.script = Script(actions=0, answers=answers if child is self.two else {})

    async def test_abort_while_a_child_owes_an_answer(self):
        for at, (code, _) in enumerate(STEPS):
            if code not in IN_MESSAGE or code in b"LN":
                continue
            with self.subTest(stage=wire.STAGES[code]):
                self.none_can_change_anything({code: NOTHING})
                async with self.session() as mta:
                    await self.ask_up_to(mta, at)
                    slow = await self.two.next()
                    await slow.saw(code.decode())
                    if code == b"B":  # is answered before the children have answered it
                        await mta.reply(b"B")
                    mta.tell(b"A")
                    # The late answer is of a message that is over; the next one begins after it.
                    mta.tell(b"M", SENDER)
                    await slow.saw("A")
                    slow.script = Script()
                    slow.say(wire.REJECT)
                    self.assertEqual((await mta.reply(b"M"))[0], b"c")
                    self.assertIsNone(await mta.content_after_sender())
                    mta.tell(b"E")
                    self.assertEqual((await mta.outcome()).decision, b"c")
                    await mta.leave()
                    letters = (await slow.ended()).letters
                self.assertRegex(letters, f"^OCH.*{code.decode()}AMRTLNBEQ$")

    async def ask_up_to(self, mta: Mta, last: int):
        """The steps until that one, whose answer is not waited for."""
        for code, payload in STEPS[:last]:
            self.assertEqual(await mta.ask(code, payload), b"c")
        mta.tell(*STEPS[last])

    async def test_quit_and_vanishing_at_each_stage(self):
        # Answered or not: each child in the message hears that it is over, each hears that the session is.
        for at, (code, _) in enumerate(STEPS):
            for owes in (False, True):
                if owes and code in b"LN":
                    continue
                for how in ("quit", "close", "reset"):
                    with self.subTest(stage=wire.STAGES[code], owes=owes, how=how):
                        await self.leave_at(at, code, owes, how)

    async def leave_at(self, at: int, code: bytes, owes: bool, how: str):
        self.none_can_change_anything({code: NOTHING} if owes else {})
        async with self.session() as mta:
            await self.ask_up_to(mta, at)
            told = [await child.next() for child in self.children]
            for child, conversation in zip(self.children, told):
                # One that would be asked after a slow one is not asked.
                behind = owes and child is self.three and code in b"MRTE"
                await conversation.answered((STEPS[at - 1][0] if behind else code).decode())
            if code == b"B" or not owes and mta.is_answered(code):  # B is answered at once
                await mta.reply(code)
            if how == "quit":
                await mta.leave()
            elif how == "close":
                mta.writer.close()
            else:
                wire.reset(mta.writer)
            one, two, three = [(await conversation.ended()).letters for conversation in told]
        complete = code == b"E" and not owes
        # A quit ends the message by itself (chain P46).
        end = "A?Q" if how == "quit" else "AQ" if code in IN_MESSAGE and not complete else "Q"
        upto = b"OCHMRTLNBE"[:b"OCHMRTLNBE".index(code) + 1].decode()
        self.assertRegex(two, f"^{upto}{end}$")
        for letters in (one, three):
            over = how == "quit" or letters.rstrip("Q").endswith("E") or "M" not in letters
            self.assertTrue(letters.endswith("Q" if over else "AQ"), letters)

    async def test_a_thousand_messages_in_one_session(self):
        async with self.session() as mta:
            await mta.greet()
            for number in range(1000):
                if number % 3 == 1:
                    await mta.ask(b"M", SENDER)
                    mta.tell(b"A")
                else:
                    self.assertEqual((await mta.mail()).decision, b"c")
            await mta.leave()
        expected = "OCH" + "".join("MA" if number % 3 == 1 else "MRTLNBE" for number in range(1000)) + "Q"
        self.assertEqual(set(await self.told()), {expected})


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
