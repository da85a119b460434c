"""Runs programs for the demonstration: waits until they listen, ends all of them again."""
import pathlib
import re
import signal
import socket
import subprocess
import time

PATIENCE_S = 20
LISTEN_STATE = "0A"


class Failed(Exception):
    """Something that ends the demonstration, in words for the person who runs it."""


def find_program(build_folder, name):
    for path in sorted(pathlib.Path(build_folder).rglob(name)):
        if path.is_file() and path.stat().st_mode & 0o111:
            return str(path)
    raise Failed(f"{name} is not in {build_folder}: was it built?")


def is_free(port):
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port():
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


def has_listener(port):
    """Asks the kernel's table, so that the program sees no connection that says nothing."""
    rows = (row.split() for row in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(row[3] == LISTEN_STATE and row[1].endswith(f":{port:04X}") for row in rows)


def wait_for(condition, what, process=None):
    """Looks until the condition holds; raises after PATIENCE_S, or at once when the process has ended."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if process is not None and process.poll() is not None:
            raise Failed(f"{what}: the program ended with status {process.returncode}")
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {PATIENCE_S} s")
        time.sleep(0.01)


class Programs:
    """What was started, to be stopped in the opposite order; each writes into a file of its own in the folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.running = []

    def output(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def start(self, name, command, port):
        with open(self.folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                       start_new_session=True)  # Ctrl-C is for us; we end them in order
        self.running.append((name, process))
        try:
            wait_for(lambda: has_listener(port), f"{name} does not listen", process)
        except Failed as failure:
            raise Failed(f"{failure}\n{self.output(name)}".strip()) from None
        return process

    def stop(self):
        """TERM, wait; the names of those that had to be killed or that ended badly."""
        complaints = []
        for name, process in reversed(self.running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    complaints.append(f"{name} did not end within {PATIENCE_S} s and was killed")
                    continue
            if process.returncode != 0:
                complaints.append(f"{name} ended with status {process.returncode}: {last_line(self.output(name))}")
        self.running = []
        return complaints


def last_line(text):
    return (re.findall(r"\S.*", text) or ["it said nothing"])[-1]
