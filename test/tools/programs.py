"""milter-test-server and milter-test-client as processes, and a milter and an MTA made of bytes for what those
two never do. Everything waits for events; every wait has an end."""

import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
from dataclasses import dataclass
from pathlib import Path

SERVER = os.environ["MILTER_TEST_SERVER"]
CLIENT = os.environ["MILTER_TEST_CLIENT"]
PATIENCE = 30.0


@dataclass
class Result:
    stdout: str
    stderr: str
    status: int

    @property
    def answer(self):
        """STATUS and what follows it on the first line."""
        first = self.stdout.splitlines()[0] if self.stdout else ""
        return first.removeprefix("status: ") if first.startswith("status: ") else None


def run_server(*options, spec=None):
    command = [SERVER, *([f"--connection-spec={spec}"] if spec else []), *options]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
    decode = lambda raw: raw.decode("utf-8", "surrogateescape")
    return Result(decode(done.stdout), decode(done.stderr), done.returncode)


def run_client(*options):
    done = subprocess.run([CLIENT, *options], capture_output=True, text=True, timeout=PATIENCE)
    return Result(done.stdout, done.stderr, done.returncode)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Folder(unittest.TestCase):
    """A test with a folder of its own."""

    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="milter-tools-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def client(self, *options, spec=None, stdout=subprocess.PIPE):
        """A running milter-test-client; ended at the end of the test at the latest."""
        one = Client(self.folder, options, spec, stdout)
        self.addCleanup(one.kill)
        return one

    def milter(self, script):
        one = Milter(script)
        self.addCleanup(one.close)
        return one


class Client:
    count = 0

    def __init__(self, folder, options, spec, stdout=subprocess.PIPE):
        Client.count += 1
        self.spec = spec or f"unix:{folder}/client{Client.count}.sock"
        pid_file = folder / f"client{Client.count}.pid"
        # As root it would become nobody, who cannot clean up in the folder of a test.
        stay = ["--user=root"] if os.geteuid() == 0 and not any(one.startswith(("-u", "--user")) for one in options) else []
        self.process = subprocess.Popen([CLIENT, "-s", self.spec, "--pid-file", str(pid_file), *stay, *options],
                                        stdout=stdout, stderr=subprocess.PIPE)
        # It writes the file once it listens.
        end = time.monotonic() + PATIENCE
        while not (pid_file.exists() and pid_file.read_text().endswith("\n")):
            if self.process.poll() is not None:
                raise AssertionError(f"the client ended: {self.process.communicate()}")
            if time.monotonic() > end:
                raise AssertionError("the client does not listen")
            time.sleep(0.002)
        assert int(pid_file.read_text()) == self.process.pid

    def server(self, *options):
        return run_server(*options, spec=self.spec)

    def stop(self, with_signal=signal.SIGTERM):
        """Ends it politely; what it printed."""
        self.process.send_signal(with_signal)
        out, err = self.process.communicate(timeout=PATIENCE)
        decode = lambda raw: raw.decode("utf-8", "surrogateescape")
        return Result(decode(out), decode(err), self.process.returncode)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        if self.process.stdout:
            self.process.stdout.close()
        self.process.stderr.close()


def packet(code, payload=b""):
    return struct.pack(">I", len(payload) + 1) + code + payload


def agreement(version=6, actions=0x1FF, steps=0, lists=b""):
    return packet(b"O", struct.pack(">III", version, actions, steps) + lists)


class Peer:
    """One end of a milter connection, packet by packet."""

    def __init__(self, connection):
        self.connection = connection
        self.connection.settimeout(PATIENCE)
        self.rest = b""

    def read(self):
        """The next packet as (code, payload); None when the other side has closed."""
        while len(self.rest) < 4 or len(self.rest) < 4 + struct.unpack(">I", self.rest[:4])[0]:
            try:
                some = self.connection.recv(65536)
            except ConnectionResetError:
                some = b""
            if not some:
                return None
            self.rest += some
        length = struct.unpack(">I", self.rest[:4])[0]
        one, self.rest = self.rest[4:4 + length], self.rest[4 + length:]
        return one[:1], one[1:]

    def expect(self, code):
        """Reads up to a packet of this letter."""
        while True:
            one = self.read()
            if one is None:
                raise AssertionError(f"closed before {code}")
            if one[0] == code:
                return one[1]

    def send(self, *packets):
        self.connection.sendall(b"".join(packets))


class Milter:
    """Accepts one connection on a free port and plays a script: a function of a Peer."""

    def __init__(self, script):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.spec = f"inet:{self.listener.getsockname()[1]}@127.0.0.1"
        self.commands = []
        self.problem = None
        self.thread = threading.Thread(target=self.play, args=(script,))
        self.thread.start()

    def play(self, script):
        try:
            connection, _ = self.listener.accept()
            with connection:
                script(Peer(connection))
        except Exception as problem:  # shown by server()
            self.problem = problem

    def server(self, *options):
        result = run_server(*options, spec=self.spec)
        self.thread.join(PATIENCE)
        if self.problem:
            raise AssertionError(f"the milter: {self.problem!r}; the server: {result}")
        return result

    def close(self):
        self.listener.close()
        self.thread.join(PATIENCE)


def answering(answers, begin=agreement(), log=None):
    """A script: goes on at each step, but says what `answers` has for a letter (bytes, or a list in turn)."""

    def script(peer):
        peer.expect(b"O")
        peer.send(begin)
        while (one := peer.read()) is not None and one[0] != b"Q":
            if log is not None:
                log.append(one)
            if one[0] in b"DAK":
                continue
            said = answers.get(one[0].decode(), packet(b"c"))
            if isinstance(said, list):
                said = said.pop(0) if said else packet(b"c")
            peer.send(said)
        if log is not None:
            log.append(one)

    return script


def only(pattern, text):
    """The first group of the one place where the pattern fits."""
    found = re.findall(pattern, text, re.MULTILINE)
    if len(found) != 1:
        raise AssertionError(f"{pattern!r} is {len(found)} times in:\n{text}")
    return found[0]
