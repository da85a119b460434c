"""A second milter-manager that is to replace a running one, and whoever only pretends to be one."""

import array
import contextlib
import json
import pathlib
import socket

import peers
from peers import daemon
from support.manager import program
from support.waiting import wait_until


@contextlib.asynccontextmanager
async def replacing(former: daemon.Daemon, log: pathlib.Path, *options: str, environment: dict | None = None):
    """A program with the same files and `--replace`; ended like daemon.running() ends its own, unless it has."""
    process = daemon.ManagerProcess(
        "successor", [program(), "--config-dir", former.file.parent, "--replace", *options], log,
        environment=environment)
    try:
        yield daemon.Daemon(process, former.endpoint, former.file)
        status = process.stop() if process.running() else process.wait()
        if status != 0 or daemon.OUR_MISTAKES.search(process.log_text()):
            raise AssertionError(f"the successor ended with status {status}\n{process.log_text()[-20000:]}")
    finally:
        process.kill()


def failing(former: daemon.Daemon, log: pathlib.Path, *options: str) -> tuple[int, str]:
    """Status and output of a successor that cannot start."""
    process = daemon.ManagerProcess(
        "successor", [program(), "--config-dir", former.file.parent, "--replace", *options], log)
    try:
        return process.wait(peers.PATIENCE_S), process.log_text()
    finally:
        process.kill()


async def replaced(former: daemon.Daemon, by: daemon.Daemon):
    """Once the new one serves and the old one does not accept any more."""
    await former.logged("stopping")
    await by.until(lambda: by.events("listening"), "the successor listens")


class Pretender:
    """Speaks the language of the handover by hand."""

    def __init__(self, path: pathlib.Path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(peers.PATIENCE_S)
        self.socket.connect(str(path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def say(self, **words):
        self.socket.send(json.dumps({"version": 1, **words}).encode())

    def hear(self) -> tuple[dict, list[socket.socket]]:
        """A message and the sockets that came with it; an empty one at the end."""
        text, parts, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(64))
        numbers = array.array("i")
        for _, _, payload in parts:
            numbers.frombytes(payload)
        return json.loads(text or "{}"), [socket.socket(fileno=number) for number in numbers]


def handover_socket(beside: str) -> pathlib.Path:
    path = pathlib.Path(beside + ".handover")
    wait_until(path.exists, f"{path} is there", peers.PATIENCE_S, lambda: "")
    return path
