"""The conversations for the long chain: each kind of change at each end of it, and what the others make of them."""

import email.utils

from support.conversation import Conversation, Line, mail
from support.corpus import OUTSIDE, message, one
from support.rspamd import WORDS

FIELDS = (b"X-Many: one\r\nX-Many: two\r\nx-many: three\r\nX-Other: other\r\nX-Many: four\r\n"
          b"X-Rspamd-Seen: forged\r\nX-Rspamd-Seen: twice\r\n")
# The two ends of the chain do the same to the same mail, one after the other or alone.
EDITS = {
    "add": ("add X-Added value with blanks", "add X-Many added"),
    "insert at 0": ("insert 0 X-Top zero",),
    "insert at 1": ("insert 1 X-Top one",),
    "insert at 0 twice": ("insert 0 X-Top first", "insert 0 X-Top second"),
    "insert past the end": ("insert 1000 X-End end",),
    "change the first": ("change 1 X-Many changed",),
    "change the third": ("change 3 X-Many changed",),
    "change past the last": ("change 9 X-Many changed",),
    "delete the first": ("delete 1 X-Many",),
    "delete the second and the second again": ("delete 2 X-Many", "delete 2 X-Many"),
    "delete, then change": ("delete 1 X-Many", "change 2 X-Many changed"),
    "change, then delete": ("change 2 X-Many changed", "delete 2 X-Many"),
    "change what is not there": ("change 1 X-Missing made",),
    "delete what is not there": ("delete 1 X-Missing",),
    "change the subject": ("change 1 Subject another one",),
    "body": ("body a whole new body",),
    "empty body": ("empty body",),
    "recipients": ("recipient <added@example.org>", "no recipient <bob@example.org>", "recipient <more@example.org>"),
    "sender": ("sender <somebody.else@example.test>",),
    "reject": ("reject",), "tempfail": ("tempfail",), "discard": ("discard",),
    "all": ("add X-Added a", "insert 0 X-Top t", "change 2 X-Many c", "delete 1 X-Many", "sender <e@example.test>",
            "recipient <r@example.org>", "body new"),
}
PAIRS = {
    "field that the first has added, changed by the last": (("add X-New new",), ("change 1 X-New changed",)),
    "field that the first has added, deleted by the last": (("add X-New new",), ("delete 1 X-New",)),
    "field that the first has put on top, changed by the last": (
        ("insert 0 X-Many top",), ("change 1 X-Many changed", "delete 3 X-Many")),
    "second deleted, then the second": (("delete 2 X-Many",), ("delete 2 X-Many",)),
    "first deleted, then the third changed": (("delete 1 X-Many",), ("change 3 X-Many changed",)),
    "all deleted, then one added": (("delete 1 X-Many",) * 4, ("change 1 X-Many alone",)),
    "recipient added, then deleted": (("recipient <added@example.org>",), ("no recipient <added@example.org>",)),
    "two bodies": (("body the first",), ("body the last",)),
    "body, then none": (("body the first",), ("empty body",)),
    "two senders": (("sender <first@example.test>",), ("sender <last@example.test>",)),
    "put in the middle, then the same name changed": (("insert 4 X-Many middle",), ("change 2 X-Many changed",)),
    "quarantine, then reject": (("quarantine looks odd",), ("reject",)),
    "two quarantines": (("quarantine looks odd",), ("quarantine looks odd to me too",)),
}


def edited(name: str, first: tuple = (), last: tuple = (), body: bytes | None = None, **more) -> Conversation:
    orders = "".join(f"X-Edit-{who}: {change}\r\n" for who, changes in (("First", first), ("Last", last))
                     for change in changes)
    content = {} if body is None else {"body": body}
    return one(name, mail(message(name.encode(), more=orders.encode() + FIELDS, **content)), **more)


def long_conversations() -> list[Conversation]:
    return [
        edited("nothing to change"),
        edited("nothing to change, from outside", source=OUTSIDE),
        *(edited(f"first: {name}", first=changes) for name, changes in EDITS.items()),
        *(edited(f"last: {name}", last=changes) for name, changes in EDITS.items()),
        edited("first: quarantine", first=("quarantine looks odd",)),
        edited("last: quarantine", last=("quarantine looks odd",)),
        *(edited(name, first, last) for name, (first, last) in PAIRS.items()),
        edited("rspamd adds a field", body=b"These are " + WORDS["tag"] + b".\r\n"),
        edited("rspamd changes the subject", body=b"These are " + WORDS["subject"] + b".\r\n"),
        edited("rspamd refuses", body=b"These are " + WORDS["refuse"] + b".\r\n"),
        edited("words only in the body that the first made", first=("body These are " + WORDS["refuse"].decode(),)),
        edited("words no more in the body that the first made", first=("body harmless",),
               body=b"These are " + WORDS["refuse"] + b".\r\n"),
        edited("signed after the first has edited", first=("change 1 Subject signed",), body=b"signed\r\n"),
        edited("verified after the first has edited", first=("body other",), source=OUTSIDE),
        edited("body of several packets", last=("add X-Many big",), body=b"0123456789abcde\r\n" * 12_000),
        one("no From", mail(b"To: bob@example.org\r\nSubject: no From\r\nDate: " +
                            email.utils.formatdate().encode() + b"\r\n\r\nbody\r\n"), source=OUTSIDE),
        one("two mails, the first one edited", (
            *edited("two mails", first=EDITS["all"]).steps[1:-1], Line(b"RSET"), *edited("second").steps[1:-1])),
    ]
