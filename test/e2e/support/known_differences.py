"""Where a chain behind the manager may differ from the native one, each at its one place.

A difference counts as known only if its changed lines are exactly those below; the test prints it with its clause.
One that no more occurs is a failure too: then the entry must go.
"""

import dataclasses
import re

from support.stage import POSTFIX, SENDMAIL


@dataclasses.dataclass(frozen=True)
class Known:
    clause: str
    why: str
    lines: tuple[str, ...]  # patterns, one for each changed line of the unified diff

    def is_exactly(self, difference: str) -> bool:
        changed = [line for line in difference.splitlines()
                   if line[:1] in ("-", "+") and line[:4] not in ("--- ", "+++ ")]
        return len(changed) == len(self.lines) and all(map(re.fullmatch, self.lines, changed))


END = re.escape("\\r")


def seen(sign: str, recipients: int) -> str:
    """The field in which the last milter says what it was shown: other fields, but as many, and the same body."""
    return (rf"\{sign}X-Seen-last: \d+ fields [0-9a-f]{{16}}, 37 bytes ce5b8fc679e011d0, {recipients} recipients" + END)


def remembered(recipients: int, too_many: int) -> Known:
    return Known(
        "chain P30, P44", "Sendmail sends no abort to a filter that answers no command before the end of a message "
        "(rspamd), so natively it still counts the recipients of the message before",
        (rf"-X-Rspamd-Seen: {recipients + too_many} recipients, 39 bytes of body" + END, seen("-", recipients),
         rf"\+X-Rspamd-Seen: {recipients} recipients, 39 bytes of body" + END, seen("+", recipients)))


KNOWN = {
    (POSTFIX, "quarantine, then reject"): Known(
        "chain V.6 item 3", "natively a quarantine ends the chain, so the milter that refuses is never asked", (
            r"-S: 250 2\.0\.0 Ok: queued as \(queue id\)" + END, r"\+S: 550 5\.7\.1 Command rejected" + END,
            r"-held" + END)),
    (SENDMAIL, "put in the middle, then the same name changed"): Known(
        "chain V.6 item 4", "a field put between the hidden ones of Sendmail is elsewhere in the view of later milters",
        (seen("-", 1), seen("+", 1))),
    (SENDMAIL, "three mails with RSET between"): remembered(2, 1),
    (SENDMAIL, "mail after a refused one"): remembered(1, 1),
}
