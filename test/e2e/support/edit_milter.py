"""A milter on pymilter (and so on libmilter) that changes each mail as the mail says itself, in fields `X-Edit-NAME`.

One field is one change, done in their order: `add FIELD VALUE`, `insert INDEX FIELD VALUE`, `change N FIELD VALUE`,
`delete N FIELD`, `body TEXT`, `empty body`, `recipient ADDRESS`, `no recipient ADDRESS`, `sender ADDRESS`,
`quarantine REASON`, or a verdict (`reject`, `tempfail`, `discard`), which ends the list. It also adds a field that
says what it was shown, so that a view of the message that is not the native one shows in what is delivered.

Run as a program: NAME ENDPOINT.
"""

import contextlib
import hashlib
import pathlib
import sys

PYTHON = "/usr/bin/python3"  # the one that Debian's python3-milter is for


@contextlib.contextmanager
def running_edit_milter(home: pathlib.Path, name: str):
    """Yields its endpoint."""
    from support.process import Process  # pylint: disable=import-outside-toplevel
    socket = home / "milter.sock"
    command = [PYTHON, "-B", __file__, name, f"unix:{socket}"]
    with Process("edit milter", command, home / "log", umask=0) as process:
        process.ready_when_socket_accepts(socket)
        yield f"unix:{socket}"


def serve(name: str, endpoint: str):
    import Milter  # pylint: disable=import-outside-toplevel
    # One sees and says values with their blanks, the other one without (chain P33).
    blank = " " if name == "last" else ""

    class EditMilter(Milter.Base):
        def envfrom(self, *_):
            self.changes, self.shown, self.body_bytes = [], [], b""
            self.recipients = 0
            return Milter.CONTINUE

        def envrcpt(self, *_):
            self.recipients += 1
            return Milter.CONTINUE

        @Milter.decode("bytes")
        def header(self, field, value):
            if field.lower() == f"x-edit-{name}":
                self.changes.append(value.decode().strip())
            self.shown.append(field.encode() + (b":" if blank else b": ") + value.replace(b"\n", b"\r\n") + b"\r\n")
            return Milter.CONTINUE

        def body(self, chunk):
            self.body_bytes += chunk
            return Milter.CONTINUE

        def eom(self):
            view = digest("header", b"".join(self.shown))
            body = digest("body", self.body_bytes)
            self.addheader(f"X-Seen-{name}", f"{blank}{len(self.shown)} fields {view}, "
                           f"{len(self.body_bytes)} bytes {body}, {self.recipients} recipients")
            verdicts = {"reject": Milter.REJECT, "tempfail": Milter.TEMPFAIL, "discard": Milter.DISCARD}
            for change in self.changes:
                if change in verdicts:
                    return verdicts[change]
                self.do(change)
            return Milter.ACCEPT

        def do(self, change):
            match change.split(" "):
                case ["add", field, *value]:
                    self.addheader(field, blank + " ".join(value))
                case ["insert", index, field, *value]:
                    self.addheader(field, blank + " ".join(value), int(index))
                case ["change", number, field, *value]:
                    self.chgheader(field, int(number), blank + " ".join(value))
                case ["delete", number, field]:
                    self.chgheader(field, int(number), "")
                case ["body", *words]:
                    self.replacebody(" ".join(words).encode() + b"\r\n")
                case ["empty", "body"]:
                    self.replacebody(b"")
                case ["recipient", address]:
                    self.addrcpt(address)
                case ["no", "recipient", address]:
                    self.delrcpt(address)
                case ["sender", address]:
                    self.chgfrom(address)
                case ["quarantine", *reason]:
                    self.quarantine(" ".join(reason))
                case _:
                    raise ValueError(change)

    Milter.factory = Milter.header_leading_space(EditMilter) if blank else EditMilter
    Milter.set_flags(Milter.ADDHDRS | Milter.CHGHDRS | Milter.CHGBODY | Milter.ADDRCPT | Milter.DELRCPT |
                     Milter.CHGFROM | Milter.QUARANTINE)
    Milter.runmilter(name, endpoint, 600)


def digest(section: str, text: bytes) -> str:
    """Of what is the same in each run."""
    from support.masks import masked  # pylint: disable=import-outside-toplevel
    return hashlib.sha256(masked(section, text)).hexdigest()[:16]


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
    serve(*sys.argv[1:])
