"""A running milter-manager with a control socket, milters behind it, and both ends of the control protocol."""
import json
import os
import re
import select
import socket
import struct
import subprocess
import time

from manager import PROGRAM, ManagerTest

CONTROLLER = os.environ["MILTER_MANAGER_CONTROLLER"]
MILTER = os.environ["MILTER_TEST_CLIENT"]
MTA = os.environ["MILTER_TEST_SERVER"]
PATIENCE = 60  # seconds


def packet(name, payload=b""):
    content = name + b"\0" + payload
    return struct.pack(">I", len(content)) + content


class ControllerTest(ManagerTest):
    def configure(self, text="", children=(), control="control"):
        self.configured = text
        milters = "".join(f'define_milter("{name}") {{|m| m.connection_spec = "unix:{self.folder}/{name}"; '
                          "m.reading_timeout = 300; m.end_of_message_timeout = 300}\n" for name in children)
        self.write(f'log.use_syslog = false\nlog.level = "+info"\nsecurity.effective_user = "{os.getuid()}"\n'
                   f'manager.custom_configuration_directory = "{self.folder}/user"\nmanager.n_workers = 2\n'
                   f'manager.connection_spec = "unix:{self.folder}/socket"\nmanager.command_timeout = 300\n'
                   f'controller.connection_spec = {json.dumps(f"unix:{self.folder}/{control}") if control else "nil"}\n'
                   + text + milters)

    def start(self, text="", children=(), environment=None, control="control"):
        for name in children:
            self.milter(name)
        self.configure(text, children, control)
        self.launch(environment=environment)

    def launch(self, *options, environment=None):
        """milter-manager with the files that are there."""
        self.log = self.folder / "stderr"
        self.log.touch()
        earlier = len(self.lines("listening"))
        clean = {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"),
                 **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}}
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen([PROGRAM, "-c", "c", *options], stderr=output, cwd=self.folder,
                                            stdin=subprocess.DEVNULL, env=clean | (environment or {}))
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        self.until(lambda: len(self.lines("listening")) > earlier, "it listens")

    def milter(self, name, *options):
        """milter-test-client of that name, listening."""
        one = subprocess.Popen([MILTER, "-s", f"unix:{self.folder}/{name}", "--no-report-request", *options])
        self.addCleanup(one.wait)
        self.addCleanup(one.kill)
        end = time.monotonic() + PATIENCE
        while not (self.folder / name).exists():
            self.assertIsNone(one.poll())
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        return one

    def until(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            self.assertIsNone(self.process.poll(), self.log.read_text())
            self.assertLess(time.monotonic(), end, f"not in time: {what}\n{self.log.read_text()}")
            time.sleep(0.01)

    def lines(self, event):
        return [line.partition("]: ")[2] for line in self.log.read_text().splitlines()
                if re.search(rf"\]: \w+ {event}\b", line)]

    def begin_session(self, *options):
        one = subprocess.Popen([MTA, "-s", f"unix:{self.folder}/socket", "--all-timeouts=300", *options],
                               stdout=subprocess.PIPE, text=True)
        self.addCleanup(one.stdout.close)
        self.addCleanup(one.wait)
        self.addCleanup(one.kill)
        return one

    def session(self, *options):
        """A whole one; what the MTA was told, and the summary's word about each milter."""
        one = self.begin_session(*options)
        output = one.communicate(timeout=PATIENCE)[0]
        return re.search("^status: (.*)$", output, re.MULTILINE)[1]

    def summary(self):
        said = re.search('children="([^"]*)"', self.lines("message_done")[-1])[1]
        return re.sub(r"[\d.]+ms", "T", said)

    def control(self, *arguments, spec=None, check=0):
        """Standard output, or standard error when it is to fail."""
        done = subprocess.run([CONTROLLER, "-s", spec or f"unix:{self.folder}/control", *arguments],
                              capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, check, done.stdout + done.stderr)
        return done.stderr if check else done.stdout

    def ask(self, *arguments, check=0):
        done = subprocess.run([CONTROLLER, "-s", f"unix:{self.folder}/control", "--json", *arguments],
                              capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        self.assertEqual((done.returncode, done.stderr), (check, ""))
        self.assertEqual(done.stdout.count("\n"), 1)
        answer = json.loads(done.stdout)
        self.assertIs(answer["ok"], check == 0)
        return answer

    def child(self, name):
        return next(one for one in self.ask("status")["children"] if one["name"] == name)

    def client(self):
        """A raw connection."""
        one = socket.socket(socket.AF_UNIX)
        self.addCleanup(one.close)
        one.settimeout(PATIENCE)
        one.connect(str(self.folder / "control"))
        return one

    def line(self, client, request):
        client.sendall(request + b"\n")
        return json.loads(self.read_line(client))

    def read_line(self, client):
        got = b""
        while not got.endswith(b"\n"):
            piece = client.recv(1)
            self.assertTrue(piece, got)
            got += piece
        return got

    def read_packet(self, client):
        """(name, payload)"""
        (length,) = struct.unpack(">I", self.read_bytes(client, 4))
        name, nul, payload = self.read_bytes(client, length).partition(b"\0")
        self.assertEqual(nul, b"\0")
        return name, payload

    def read_bytes(self, client, count):
        got = b""
        while len(got) < count:
            piece = client.recv(count - len(got))
            self.assertTrue(piece, got)
            got += piece
        return got

    def is_closed(self, client):
        """Once the manager has closed it."""
        try:
            return client.recv(1) == b""
        except ConnectionResetError:  # something that it had not read was lost
            return True

    def is_silent(self, client):
        return not select.select([client], [], [], 0)[0]

    def stop(self):
        self.control("stop")
        self.assertEqual(self.process.wait(PATIENCE), 0, self.log.read_text())
