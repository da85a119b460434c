"""Whatever a child does wrong, at whatever stage, costs its fallback and nothing else (chain P41, P42, P48, P50, P66)."""

import dataclasses
import itertools
import unittest

import peers
from peers import faults, wire
from peers.chain_of_three import END_OF_MESSAGE_S, MARGIN_S, NEGOTIATION_S, READING_S, REPLIES, WHOLE, ChainOfThree
from peers.child import Script
from peers.mta import Mta
from support import watchdog

STAGES = [letter.encode() for letter in WHOLE]
# Fault: what the log says of it.
REASONS = {
    faults.closes: "closed the connection",
    faults.resets: "connection broken",
    faults.hangs: "no answer in time",
    faults.says_unknown_letter: "does not speak the milter protocol",
    faults.announces_4_gib: "does not speak the milter protocol",
    faults.announces_nothing: "does not speak the milter protocol",
    faults.cuts_a_packet: "inside a packet",
    faults.edits_early: "protocol violation",
    faults.negotiates_again: "protocol violation",
}
# A change at the end of the message and an answer to the offer are what a child is for.
NO_FAULT = {(faults.edits_early, b"E"), (faults.negotiates_again, b"O")}
# Where the MTA hears of a failure: headers and their end get no answers, an offer gets an agreement in any case.
FELT_AT = {b"O": b"C", b"L": b"B", b"N": b"B"}
# And of a failure that follows an answer that counted.
FELT_NEXT = {b"O": b"C", b"C": b"H", b"H": b"M", b"M": b"R", b"R": b"T", b"T": b"B"}


def wait_of(fault, stage: bytes) -> float:
    """What the manager may wait for that child, by its settings."""
    if fault is not faults.hangs:
        return 0
    return {b"O": min(READING_S, NEGOTIATION_S), b"E": END_OF_MESSAGE_S}.get(stage, READING_S)


class FallbackAccept(ChainOfThree):
    FALLBACK = "accept"

    async def test_a_failure_at_any_stage_costs_the_fallback_and_nothing_else(self):
        cases = [case for case in itertools.product(REASONS, STAGES) if case not in NO_FAULT]
        for fault, stage in cases:
            with self.subTest(fault=fault.__name__, stage=wire.STAGES[stage]):
                session = await self.session(dataclasses.replace(self.healthy, faults={stage: fault}))
                felt = FELT_AT.get(stage, stage)
                self.check_outcome(session, felt, asked=felt == stage)
                self.check_failure(session, stage, REASONS[fault])
                # Nothing reaches it after its failure: not even a farewell.
                self.assertEqual(session.faulty.letters, WHOLE[:WHOLE.index(stage.decode()) + 1])
                self.assertGreaterEqual(session.took_s, wait_of(fault, stage))
                self.assertLess(session.took_s, wait_of(fault, stage) + MARGIN_S)

    async def test_two_answers_to_one_command_are_a_failure_after_it(self):
        for stage, felt in FELT_NEXT.items():
            with self.subTest(stage=wire.STAGES[stage]):
                fault = faults.answers_the_offer_thrice if stage == b"O" else faults.answers_twice
                session = await self.session(dataclasses.replace(self.healthy, faults={stage: fault}))
                self.check_outcome(session, felt, asked=False)
                self.check_failure(session, stage, "it answers where no answer is due")

    async def test_two_answers_at_the_end_of_a_message_leave_it_as_it_is_and_cost_the_next_one(self):
        session = await self.session(dataclasses.replace(self.healthy, faults={b"E": faults.answers_twice}), mails=2)
        self.check_failure(session, b"E", "it answers where no answer is due")
        if self.FALLBACK == "accept":
            self.assertEqual((session.outcome.stage, session.outcome.decision), (b"E", b"c"))
            self.assertEqual(session.first.letters, WHOLE + WHOLE[3:] + "Q")
            self.assertEqual(session.last.letters, WHOLE + WHOLE[3:] + "Q")
        else:
            self.assertEqual((session.outcome.stage, session.outcome.decision), (b"M", REPLIES[self.FALLBACK]))
            self.assertEqual(session.first.letters, WHOLE + "MAQ")
            self.assertEqual(session.last.letters, WHOLE + "Q")

    async def test_a_child_that_does_not_listen(self):
        self.faulty.stop_listening()
        session = await self.session(self.healthy)
        self.check_outcome(session, b"C", asked=False)
        self.check_failure(session, b"O", "cannot connect")
        self.assertLess(session.took_s, MARGIN_S)

    async def test_its_changes_do_not_count_when_it_fails_before_its_answer(self):
        for fault in (faults.closes, faults.hangs, faults.cuts_a_packet):
            with self.subTest(fault=fault.__name__):
                script = Script(actions=wire.ADD_HEADERS | wire.CHANGE_BODY,
                                faults={b"E": faults.after_changes(fault)})
                session = await self.session(script)
                self.check_outcome(session, b"E", asked=True)
                self.assertIsNone(session.outcome.body)
                self.check_failure(session, b"E", REASONS[fault])

    async def test_one_that_failed_stays_out_for_the_session(self):
        session = await self.session(dataclasses.replace(self.healthy, faults={b"R": faults.closes}), mails=2)
        self.assertEqual(session.faulty.letters, "OCHMR")
        self.check_failure(session, b"R", "closed the connection")
        self.assertEqual(session.outcome.decision, REPLIES[self.FALLBACK])


class FallbackTemporaryFailure(FallbackAccept):
    FALLBACK = "temporary-failure"


class FallbackReject(FallbackAccept):
    FALLBACK = "reject"


class FallbackDiscard(ChainOfThree):
    FALLBACK = "discard"

    async def test_it_takes_effect_when_there_is_a_message_to_discard(self):
        for stage, felt in {b"O": b"M", b"C": b"M", b"H": b"M", b"M": b"M", b"R": b"R", b"T": b"T", b"E": b"E"}.items():
            with self.subTest(stage=wire.STAGES[stage]):
                session = await self.session(dataclasses.replace(self.healthy, faults={stage: faults.closes}))
                self.check_outcome(session, felt, asked=felt == stage)
                self.check_failure(session, stage, "closed the connection")


class TriedAgain(ChainOfThree):
    """With retry_next_message (chain P51)."""
    RETRY = True
    ALL = [b"X-First", b"X-Faulty", b"X-Last"]

    async def mails(self, *scripts: Script):
        """A session of one mail for each script of the child: the headers that each mail got, its conversations."""
        for child in self.children:
            child.forget()
        before = len(self.daemon.events("child_failed"))
        headers = []
        self.faulty.script = scripts[0]
        async with Mta.connected(self.daemon.endpoint) as mta:
            await mta.offer()
            await mta.greet()
            for script in scripts:
                self.faulty.script = script
                outcome = await mta.mail()
                self.assertEqual(outcome.decision, b"c")
                headers.append(outcome.headers())
            await mta.leave()
        told = [(await conversation.ended()).letters for conversation in self.faulty.conversations]
        return headers, told, self.daemon.events("child_failed")[before:]

    async def test_one_that_is_well_again_is_there_at_the_next_message(self):
        fails_at = {stage: dataclasses.replace(self.healthy, faults={stage: faults.closes}) for stage in (b"M", b"R", b"T", b"E")}
        for stage, script in fails_at.items():
            with self.subTest(stage=wire.STAGES[stage]):
                headers, told, failures = await self.mails(script, self.healthy, self.healthy)
                self.assertEqual(headers, [[b"X-First", b"X-Last"], self.ALL, self.ALL])
                self.assertEqual(told, [WHOLE[:WHOLE.index(stage.decode()) + 1], WHOLE + WHOLE[3:] + "Q"])
                self.assertEqual(len(failures), 1)

    async def test_one_that_is_not_is_tried_once_a_message_and_costs_its_fallback_each_time(self):
        broken = dataclasses.replace(self.healthy, faults={b"O": faults.closes})
        headers, told, failures = await self.mails(broken, broken, self.healthy)
        self.assertEqual(headers, [[b"X-First", b"X-Last"]] * 2 + [self.ALL])
        self.assertEqual(told, ["O", "O", "O", WHOLE + "Q"])  # of the session, and of each message
        self.assertEqual([event["stage"] for event in failures], ["negotiate"] * 3)


if __name__ == "__main__":
    watchdog.start(int(165 * peers.SLOWNESS))
    unittest.main(verbosity=2)
