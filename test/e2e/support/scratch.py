"""A private directory of one test run, removed at its end.

MILTER_E2E_KEEP=1 keeps it (for looking at the logs afterwards) and prints where it is.
"""

import contextlib
import os
import pathlib
import shutil
import sys
import tempfile


@contextlib.contextmanager
def scratch_directory(name: str):
    # Short: the paths of unix sockets below it must fit in 107 bytes.
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"mm-{name}-"))
    # The programs run as users of their own and must be able to walk through it.
    path.chmod(0o755)
    try:
        yield path
    finally:
        if os.environ.get("MILTER_E2E_KEEP"):
            print(f"kept: {path}", file=sys.stderr)
        else:
            shutil.rmtree(path)


def subdirectory(parent: pathlib.Path, name: str, owner: str | None = None, mode: int = 0o755) -> pathlib.Path:
    path = parent / name
    path.mkdir()
    path.chmod(mode)
    if owner:
        shutil.chown(path, owner, owner)
    return path


def write(path: pathlib.Path, text: str, owner: str | None = None, mode: int = 0o644) -> pathlib.Path:
    path.write_text(text)
    path.chmod(mode)
    if owner:
        shutil.chown(path, owner, owner)
    return path


def program_for_everybody(home: pathlib.Path, program: pathlib.Path) -> pathlib.Path:
    """A copy that other users can run, whatever the directories above the original."""
    copy = home / pathlib.Path(program).name
    if not copy.exists():
        shutil.copyfile(program, copy)
        copy.chmod(0o755)
    return copy
