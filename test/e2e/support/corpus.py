"""The conversations that each kind of chain must give the same answers to. To add one, add it to `conversations`.

Content is bytes with CRLF, as the client sends it. Dates are the same for all chains of a run (they are of today
because spam rules look at them).
"""

import email.utils
import functools

from support.clamav import EICAR
from support.conversation import Conversation, Line, Vanish, envelope, mail
from support.spamassassin import GTUBE, TAGGED_WORDS

EHLO, QUIT = Line(b"EHLO client.example.test"), Line(b"QUIT")
REFUSED_RECIPIENT = b"refused@example.org"
RECIPIENTS = 200
BIG_BODY_BYTES = 5 * 1024 * 1024
OUTSIDE = "127.0.0.2"  # not an internal host of opendkim's: it verifies instead of signing


@functools.cache
def date() -> bytes:
    return email.utils.formatdate(localtime=False).encode()


def message(name: bytes, body: bytes = b"Hello Bob,\r\n\r\nall is well.\r\n\r\nAlice\r\n", more: bytes = b"") -> bytes:
    return b"".join([
        b"From: Alice <alice@example.test>\r\nTo: Bob <bob@example.org>\r\nSubject: ", name,
        b"\r\nDate: ", date(), b"\r\nMessage-ID: <", name.replace(b" ", b"."), b"@client.example.test>\r\n",
        b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n",
        more, b"\r\n", body])


def conversations() -> list[Conversation]:
    return [
        one("clean mail", mail(message(b"clean mail"))),
        one("mail from outside", mail(message(b"mail from outside")), source=OUTSIDE),
        one("virus", mail(message(b"virus", EICAR + b"\r\n"))),
        one("spam", mail(message(b"spam", b"Buy this.\r\n" + GTUBE + b"\r\n"))),
        one("suspicious mail", mail(message(b"suspicious mail", b"Here is " + TAGGED_WORDS + b".\r\n" * 9))),
        one("virus and spam", mail(message(b"virus and spam", EICAR + b"\r\n" + GTUBE + b"\r\n"))),
        one("big body", mail(message(b"big body", big_body()))),
        one("many recipients", mail(message(b"many recipients"), recipients=many_recipients())),
        one("only recipient refused", mail(message(b"only recipient refused"),
                                           recipients=(b"<%s>" % REFUSED_RECIPIENT,))),
        one("eight bit and folded headers", eight_bit_mail()),
        one("headers that milters set", mail(message(b"headers that milters set", more=forged_headers()))),
        one("null sender with parameters", mail(
            message(b"null sender"), sender=b"<>", parameters=b"SIZE=%d BODY=8BITMIME" % len(message(b"null sender")))),
        one("no header at all", mail(b"\r\nonly a body\r\n")),
        one("no body at all", mail(message(b"no body at all", b""))),
        one("dots, lone returns and long lines", mail(message(b"odd lines", odd_lines()))),
        three_mails(),
        one("mail after a refused one", (*mail(message(b"first", EICAR + b"\r\n")), *mail(message(b"second")))),
        one("odd commands", (Line(b"NOOP"), Line(b"NONSENSE with words"), Line(b"RCPT TO:<bob@example.org>"), EHLO,
                             *mail(message(b"after odd commands")))),
        Conversation("client vanishes in DATA", (EHLO, *vanishing())),
        one("mail after a vanished client", mail(message(b"after a vanished client"))),
    ]


def one(name: str, steps: tuple, **more) -> Conversation:
    return Conversation(name, (EHLO, *steps, QUIT), **more)


def big_body() -> bytes:
    """Lines that differ, so that a chunk lost, doubled or moved shows."""
    lines = (b"line %07d of a big body, which has many of them\r\n" % number for number in range(200_000))
    return b"".join(lines)[:BIG_BODY_BYTES - 2] + b"\r\n"


def many_recipients() -> tuple:
    recipients = [b"<user%d@example.org>" % number for number in range(RECIPIENTS)]
    recipients[RECIPIENTS // 2] = b"<%s>" % REFUSED_RECIPIENT
    return tuple(recipients)


def eight_bit_mail() -> tuple:
    headers = ("X-Raw: Grüße aus Köln\r\n".encode() + b"X-Latin: Gr\xfc\xdfe\r\n"
               b"X-Folded: first line\r\n  second line, two blanks\r\n\tthird line, a tab\r\n"
               b"X-No-Blank:value\r\nX-Two-Blanks:  value\r\nX-Tab:\tvalue\r\nX-Empty:\r\nX-Trailing: value \t\r\n"
               b"X-Twice: one\r\nx-twice: two\r\nX-Long: " + b"long " * 190 + b"\r\n")
    body = "Schöne Grüße, 你好\r\n".encode() + bytes(range(0x80, 0x100)) + b"\r\n"
    return mail(message(b"eight bit and folded headers", body, headers), parameters=b"BODY=8BITMIME")


def forged_headers() -> bytes:
    """Fields that the milters of the chain set, already there: replaced, kept or doubled, but natively so."""
    return (b"X-Virus-Status: Clean, believe me\r\nX-Virus-Scanned: by nobody\r\nX-Virus-Status: twice\r\n"
            b"X-Spam-Status: No, score=-99\r\nX-Spam-Level: none\r\nX-Recipients: forged\r\n"
            b"Authentication-Results: mx.example.test; dkim=pass header.d=forged.example\r\n")


def odd_lines() -> bytes:
    return (b".\r\n..\r\n.dot\r\n\r\n\r\nlone \r return\r\n" + b"x" * 2000 + b"\r\ntab\there\r\n"
            b"From the start of a line\r\n \r\n\r\n\r\nno line end at the end")


def three_mails() -> Conversation:
    return one("three mails with RSET between", (
        *mail(message(b"first of three")), Line(b"RSET"),
        *mail(message(b"second of three"), sender=b"<carol@example.test>", recipients=(b"<dave@example.org>",)),
        *envelope(sender=b"<given.up@example.test>"), Line(b"RSET"),
        *mail(message(b"third of three"), recipients=(b"<bob@example.org>", b"<erin@example.org>"))))


def vanishing() -> tuple:
    half = message(b"never whole", b"a line that comes, and then no other\r\n" * 5000)
    return (*envelope(), Line(b"DATA"), Vanish(half))
