"""What may differ between two runs of the same conversation: the one list. A mask covers the value, never the
place: the field, its folding around the value, and the text before and after it must still be the same."""

import dataclasses
import re

# Up to the end of one header field, folded lines included; as short as possible.
WITHIN_FIELD = rb"(?:[^\r\n]|\r\n(?=[ \t]))*?"



@dataclasses.dataclass(frozen=True)
class Mask:
    what: str
    sections: tuple[str, ...]  # the kinds of section that it applies to
    pattern: bytes  # group 1 is kept, the rest of the match is replaced
    replacement: bytes


DATE = rb"\w{3}, [ \d]\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}"
DATE_OF_SENDMAIL = rb"\w{3}, [ \d]?\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"
QUEUE_ID = rb"(?:[0-9A-F]+|[0-9A-Za-z]{14})"
# A mail that spamd has tagged arrives wrapped: the header that spamass-milter was shown is then part of the body.
HEADERS = ("header", "body")

MASKS = [
    Mask("queue id that Postfix names when it accepts a message", ("smtp",),
         rb"^(S: 250 2\.0\.0 Ok: queued as )[0-9A-F]+(?=\r$)", rb"(queue id)"),
    Mask("queue id that Sendmail names when it accepts a message", ("smtp",),
         rb"^(S: 250 2\.0\.0 )[0-9A-Za-z]{14}(?= Message accepted for delivery\r$)", rb"(queue id)"),
    Mask("size of the queued message: Postfix counts its queue id, Sendmail estimates", ("envelope",),
         rb"^(MAIL F(?:ROM|rom):<[^>]*> SIZE=)\d+", rb"(size)"),
    Mask("queue id in Postfix's own Received field", ("header",),
         rb"^(Received: from client\.example\.test \(unknown \[127\.0\.0\.[12]\]\)\r\n"
         rb"\tby mx\.example\.test \(Postfix\) with ESMTPS? id )[0-9A-F]+(?=;?\r$)", rb"(queue id)"),
    Mask("date in Postfix's own Received field", ("header",),
         rb"^(Received: from client\.example\.test " + WITHIN_FIELD + rb";(?: |\r\n\t))" + DATE + rb" \(\w+\)(?=\r$)",
         rb"(date)"),
    Mask("queue id in Sendmail's own Received field", ("header",),
         rb"^(Received: from client\.example\.test \((?:localhost )?\[127\.0\.0\.[12]\]\)\r\n"
         rb"\tby mx\.example\.test \([\d./]+\) with ESMTPS? id )[0-9A-Za-z]{14}(?=;?(?: |\r$))", rb"(queue id)"),
    Mask("date in Sendmail's own Received field", ("header",),
         rb"^(Received: from client\.example\.test " + WITHIN_FIELD + rb";(?: |\r\n\t))" +
         DATE_OF_SENDMAIL + rb"(?=\r$)", rb"(date)"),
    Mask("queue id in the field that names opendkim", HEADERS,
         rb"^(DKIM-Filter: OpenDKIM Filter v[\d.]+ mx\.example\.test )" + QUEUE_ID + rb"(?=\r$)", rb"(queue id)"),
    Mask("queue id in the field that names opendmarc", HEADERS,
         rb"^(DMARC-Filter: OpenDMARC Filter v[\d.]+ mx\.example\.test )" + QUEUE_ID + rb"(?=\r$)", rb"(queue id)"),
    Mask("time of a DKIM signature", HEADERS,
         rb"^(DKIM-Signature:" + WITHIN_FIELD + rb"[;\s]t=)\d+(?=;)", rb"(time)"),
    Mask("value of a DKIM signature (not its body hash)", HEADERS,
         rb"^(DKIM-Signature:" + WITHIN_FIELD + rb"[;\s]b=)[A-Za-z0-9+/=]+(?:\r\n[ \t]+[A-Za-z0-9+/=]+)*(?=\r$)",
         rb"(signature)"),
    Mask("MIME boundary that spamd makes up", HEADERS,
         rb"((?:^--|boundary=\")----------=_)[0-9A-F]{8}\.[0-9A-F]{8}(?=\"?(?:--)?\r$)", rb"(boundary)"),
    Mask("date in the Received field that spamass-milter makes up for spamd", ("body",),
         rb"^(\tby mx\.example\.test \(Postfix [\d.]+/[\d.]+\) with SMTP id \w+\r\n\t)" + DATE +
         rb"(?=\r$)", rb"(date)"),
    Mask("the same for Sendmail, and its queue id", ("body",),
         rb"^(\tby mx\.example\.test \(8\.13\.0/8\.13\.0\) with SMTP id )[0-9A-Za-z]{14}\r\n\t" + DATE +
         rb"(?=\r$)", rb"(queue id and date)"),
]


def masked(section: str, text: bytes) -> bytes:
    for mask in MASKS:
        if section in mask.sections:
            text = re.sub(mask.pattern, rb"\1" + mask.replacement, text, flags=re.MULTILINE)
    return text
