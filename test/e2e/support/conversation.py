"""An SMTP conversation as a value, and playing it to an MTA: what was replied, and what came out at the other end."""

import dataclasses
import re

from support.lmtp_sink import Delivery
from support.ports import LOOPBACK
from support.smtp_client import ConnectionLost, Exchange, SmtpClient
from support.waiting import TookTooLong, wait_until

DISCONNECTED_WITHIN_S = 20


@dataclasses.dataclass(frozen=True)
class Line:
    """One command; the reply is awaited."""
    text: bytes


@dataclasses.dataclass(frozen=True)
class Content:
    """The message after a DATA that was answered 354; left out after any other answer."""
    message: bytes


@dataclasses.dataclass(frozen=True)
class Vanish:
    """The connection is dropped, after these bytes."""
    after: bytes


@dataclasses.dataclass(frozen=True)
class Conversation:
    name: str
    steps: tuple
    source: str = LOOPBACK  # the address that the client comes from


@dataclasses.dataclass(frozen=True)
class Outcome:
    exchanges: tuple[Exchange, ...]
    endings: tuple[str, ...]  # of each accepted message: delivered, discarded or held
    deliveries: tuple[Delivery, ...]
    failure: str = ""  # why it could not be played to its end

    def replies_to(self, prefix: bytes) -> list[Exchange]:
        return [exchange for exchange in self.exchanges if exchange.sent.startswith(prefix)]

    def content_replies(self) -> list[Exchange]:
        return self.replies_to(b"(content")


GIVE_UP_AFTER = 2
NOT_PLAYED = Outcome((), (), (), "not played: too many before it had failed")


def mail(content: bytes, sender: bytes = b"<alice@example.test>", recipients: tuple = (b"<bob@example.org>",),
         parameters: bytes = b"") -> tuple:
    """The steps of one mail."""
    return (*envelope(sender, recipients, parameters), Line(b"DATA"), Content(content))


def envelope(sender: bytes = b"<alice@example.test>", recipients: tuple = (b"<bob@example.org>",),
             parameters: bytes = b"") -> tuple:
    first = b"MAIL FROM:" + sender + (b" " + parameters if parameters else b"")
    return (Line(first), *(Line(b"RCPT TO:" + recipient) for recipient in recipients))


@dataclasses.dataclass(frozen=True)
class Run:
    """What became of many conversations with one MTA."""
    outcomes: dict[str, Outcome]
    strays: tuple[Delivery, ...]  # what was delivered though no reply had said so
    queued: tuple[str, ...]  # what stayed behind in a queue


def play_all(conversations: list[Conversation], mta) -> Run:
    outcomes, failures = {}, 0
    for conversation in conversations:
        assert conversation.name not in outcomes, f"two conversations have the name {conversation.name}"
        # Each failure may have cost a long wait; whatever hangs for everybody must not use up the test's time.
        outcomes[conversation.name] = play(conversation, mta) if failures < GIVE_UP_AFTER else NOT_PLAYED
        failures += bool(outcomes[conversation.name].failure)
    known = [delivery for outcome in outcomes.values() for delivery in outcome.deliveries]
    strays = tuple(delivery for delivery in mta.deliveries if delivery not in known)
    return Run(outcomes, strays, tuple(mta.queued()))


def play(conversation: Conversation, mta) -> Outcome:
    """Returns when the MTA is through with the conversation and with each message that it has accepted."""
    disconnects = mta.disconnects()
    failure, endings, deliveries = "", [], []
    with SmtpClient(mta.port, conversation.source) as client:
        try:
            for step in conversation.steps:
                _perform(step, client)
        except ConnectionLost as lost:
            failure = str(lost)
    try:
        wait_until(lambda: mta.disconnects() > disconnects, "the MTA has ended the session",
                   DISCONNECTED_WITHIN_S, mta.evidence)
        for queue_id in _accepted(client.exchanges):
            endings.append(mta.settle(queue_id))
            deliveries += [delivery for delivery in mta.deliveries if delivery.queue_id == queue_id]
    except TookTooLong as late:
        failure = f"{failure}\n{late}"
    return Outcome(tuple(client.exchanges), tuple(endings), tuple(deliveries), failure)


def _accepted(exchanges: list[Exchange]) -> list[str]:
    """The queue ids, as Postfix or as Sendmail names them."""
    return [(found[1] or found[2]).decode() for exchange in exchanges
            if (found := re.match(rb"250 (?:.*queued as (\w+)|2\.0\.0 (\w+) Message accepted for delivery)",
                                  exchange.reply))]


def _perform(step, client: SmtpClient):
    match step:
        case Line(text):
            client.command(text)
        case Content(message):
            if client.exchanges[-1].code == 354:
                client.content(message)
        case Vanish(after):
            client.send(after)
            client.vanish()
