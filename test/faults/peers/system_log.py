"""The system's log of one process: it runs in a mount namespace of its own, where /dev/log is a socket of the test.

Needs root with CAP_SYS_ADMIN: a host that forbids namespaces fails the test.
"""

import os
import pathlib
import re
import socket
import threading

DEVICES = ("null", "zero", "random", "urandom")
ENTER = ('for one in %s; do : > "$0/$one"; mount --bind "/dev/$one" "$0/$one"; done; mount --rbind "$0" /dev; '
         'exec "$@"' % " ".join(DEVICES))
PACKET = re.compile(rb"<(\d+)>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d milter-manager\[(\d+)\]: (.*)", re.DOTALL)
LOCAL_MAIL = 2 << 3
NOTICE = 5


class SystemLog:
    """Takes lines from its making on. `prefix`: what stands in front of a command that shall log to it."""

    def __init__(self, home: pathlib.Path):
        self.packets: list[bytes] = []
        devices = home / "dev"
        devices.mkdir()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(devices / "log"))
        os.chmod(devices / "log", 0o666)  # for a process that has dropped root
        self._reader = threading.Thread(target=self._read)  # at once: the kernel keeps ten lines and drops the rest
        self._reader.start()
        self.prefix = ("unshare", "--mount", "sh", "-c", ENTER, devices)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._socket.close()

    def _read(self):
        while packet := self._socket.recv(1 << 20):
            self.packets.append(packet)

    def lines(self) -> list[tuple[int, int, bytes]]:
        """(priority, process, text) of each that has come."""
        found = []
        for packet in list(self.packets):
            match = PACKET.fullmatch(packet)
            if not match:
                raise AssertionError(f"not as syslog(3) writes it: {packet!r}")
            found.append((int(match[1]), int(match[2]), match[3]))
        return found

    def statistics(self) -> list[str]:
        prefix = b"[statistics] "
        return [text.removeprefix(prefix).decode() for _, _, text in self.lines() if text.startswith(prefix)]
