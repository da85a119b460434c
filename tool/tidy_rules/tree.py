"""What the rules read: the files of a checkout by path. Only tracked_tree() touches the disk."""
import functools
import subprocess
import sys
from typing import NamedTuple

from tidy_rules import cpp


class Complaint(NamedTuple):
    path: str
    line: int
    rule: str
    message: str


class Tree:
    def __init__(self, files, root=None):
        """files: path relative to the root -> bytes. root: where they lie, for rules that run a program on them."""
        self.files = files
        self.root = root

    def paths(self, *suffixes, under=""):
        return [path for path in sorted(self.files) if path.endswith(suffixes) and path.startswith(under)]

    def text(self, path):
        return self.files[path].decode("utf-8", errors="replace")

    @functools.cache
    def code(self, path):
        """C++ with everything blanked that is not code."""
        return cpp.blank(self.text(path))

    def is_text(self, path):
        return b"\0" not in self.files[path]

    def interpreter(self, path):
        """"bash", "python3", ... from the first line or the suffix; "" for what is no script."""
        first = self.files[path].split(b"\n", 1)[0].decode("utf-8", errors="replace")
        if first.startswith("#!"):
            return first[2:].split()[-1].rsplit("/", 1)[-1]
        return {"py": "python3", "sh": "bash", "rb": "ruby"}.get(path.rsplit(".", 1)[-1], "")


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def tracked_tree(root):
    """Every file in git below root; empty, with a word on stderr, when git cannot say."""
    listing = subprocess.run(["git", "-c", f"safe.directory={root}", "-C", str(root), "ls-files", "-z"],
                             capture_output=True, check=False)
    if listing.returncode != 0:
        print(listing.stderr.decode(errors="replace").strip(), file=sys.stderr)
    files = {}
    for path in listing.stdout.decode("utf-8", errors="surrogateescape").split("\0"):
        if path and (root / path).is_file():
            files[path] = (root / path).read_bytes()
    return Tree(files, root)
