"""The control socket of a running milter-manager: who may connect, its limits, the packets of the older program (tools G)."""
import grp
import json
import os
import signal
import socket
import stat
import subprocess
import unittest

from controller import CONTROLLER, PATIENCE, PROGRAM, ControllerTest, packet


class Socket(ControllerTest):
    def test_mode_and_group_and_its_end(self):
        group = os.getgroups()[-1] if os.getgroups() else os.getgid()
        name = grp.getgrgid(group).gr_name
        self.start(f'controller.unix_socket_mode = 0600\ncontroller.unix_socket_group = "{name}"\n')
        found = (self.folder / "control").stat()
        self.assertEqual((stat.S_IMODE(found.st_mode), found.st_gid), (0o600, group))
        self.configure(f'controller.unix_socket_mode = 0666\ncontroller.unix_socket_group = "{name}"\n')
        self.control("reload")
        self.assertEqual(stat.S_IMODE((self.folder / "control").stat().st_mode), 0o666)
        self.stop()
        self.assertFalse((self.folder / "control").exists())

    def test_a_reload_opens_moves_and_closes_it(self):
        self.start(control=None)
        self.assertFalse((self.folder / "control").exists())
        self.configure()
        self.process.send_signal(signal.SIGHUP)
        self.until(lambda: len(self.lines("reloaded")) == 1, "it is open")
        self.configure(control="other")
        self.assertIn("controller.connection_spec", self.control("reload"))
        self.assertFalse((self.folder / "control").exists())
        self.control("ping", spec=f"unix:{self.folder}/other")
        self.configure("", control="none/socket")
        self.assertRegex(self.control("reload", spec=f"unix:{self.folder}/other", check=1), r"c/milter-manager.conf:8: .*none/socket")
        self.configure(control=None)
        self.control("reload", spec=f"unix:{self.folder}/other")
        self.assertFalse((self.folder / "other").exists())
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(PATIENCE), 0)

    def test_one_that_cannot_be_opened_does_not_stop_mail(self):
        self.start("", ["one"], control="none/socket")
        self.assertIn(f"{self.folder}/none/socket", self.lines("control_failed")[0])
        self.assertEqual(self.session(), "pass")
        self.configure("", ["one"])
        self.process.send_signal(signal.SIGHUP)
        self.until(lambda: self.lines("reloaded"), "it is open")
        self.stop()

    def test_who_may_not_connect_is_told_what_to_do(self):
        if os.getuid() != 0:  # then nobody else can be played
            os.chmod(self.folder, 0)
            self.addCleanup(os.chmod, self.folder, 0o700)
            self.assertIn("Permission denied", self.control("ping", check=3))
            return
        self.start()
        os.chmod(self.folder, 0o755)
        done = subprocess.run([CONTROLLER, "-s", f"unix:{self.folder}/control", "ping"], capture_output=True, text=True,
                              timeout=PATIENCE, user="nobody", group="nogroup", extra_groups=[])
        self.assertEqual(done.returncode, 3)
        self.assertIn("Permission denied; only its owner and the group controller.unix_socket_group", done.stderr)
        self.stop()

    def test_root_opens_it_as_the_user_that_serves(self):
        user = "nobody" if os.getuid() == 0 else str(os.getuid())
        os.chmod(self.folder, 0o777)
        self.start(f'security.effective_user = "{user}"\n')
        self.assertEqual((self.folder / "control").stat().st_uid, (self.folder / "socket").stat().st_uid)
        self.control("ping")
        self.stop()
        self.assertFalse((self.folder / "control").exists())

    def test_a_successor_answers_in_place_of_the_program_that_it_replaces(self):
        self.start(f'manager.pid_file = "{self.folder}/pid"\n')
        old = self.process
        kept = self.client()
        self.assertTrue(self.line(kept, b'{"command":"ping"}')["ok"])
        with open(self.folder / "second", "wb") as output:
            new = subprocess.Popen([PROGRAM, "-c", "c", "--replace"], stderr=output, cwd=self.folder, stdin=subprocess.DEVNULL,
                                   env={"PATH": os.environ["PATH"], "HOME": str(self.folder / "home")})
        self.addCleanup(new.wait)
        self.addCleanup(new.kill)
        self.assertEqual(old.wait(PATIENCE), 0, (self.folder / "second").read_text())
        self.assertTrue(self.is_closed(kept))
        for _ in range(5):
            self.assertEqual(self.ask("status")["pid"], new.pid)
        self.control("stop")
        self.assertEqual(new.wait(PATIENCE), 0)
        self.assertFalse((self.folder / "control").exists())

    def test_by_tcp_with_the_address_in_the_log(self):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        self.start(control=None, text=f'controller.connection_spec = "inet:{port}@[127.0.0.1]"\n')
        self.control("reload", spec=f"inet:{port}@[127.0.0.1]")
        self.assertRegex(self.lines("control_command")[0], r"command=reload endpoint=inet:\d+@\[127\.0\.0\.1\]$")
        self.control("stop", spec=f"inet:{port}@localhost")
        self.assertEqual(self.process.wait(PATIENCE), 0)


class Limits(ControllerTest):
    def test_requests_may_be_sent_together_and_are_answered_in_order(self):
        self.start()
        one = self.client()
        one.sendall(b'{"command":"ping","id":1}\n{"command":"reload","id":2}\n{"nonsense":1}\n{"command":"ping","id":"x"}\n')
        answers = [json.loads(self.read_line(one)) for _ in range(4)]
        self.assertEqual([answer.get("id") for answer in answers], [1, 2, None, "x"])
        self.assertEqual([answer["ok"] for answer in answers], [True, True, False, True])
        self.stop()

    def test_the_longest_line_is_answered_and_a_longer_one_closes(self):
        self.start()
        one = self.client()
        request = b'{"command":"ping"'
        longest = request + b" " * (64 * 1024 - len(request) - 1) + b"}"
        self.assertTrue(self.line(one, longest)["ok"])
        self.assertEqual(self.line(one, longest[:-1] + b" }"), {"ok": False, "error": "a line of more than 65536 bytes"})
        self.assertTrue(self.is_closed(one))
        self.stop()

    def test_silent_slow_and_senseless_clients_disturb_nobody(self):
        self.start("", ["one"])
        silent = [self.client() for _ in range(100)]  # of 16 that are served, the latest
        slow = self.client()
        for byte in b'{"command":"pi':
            slow.sendall(bytes([byte]))
            self.control("ping")
        flood = self.client()
        try:
            for _ in range(160):  # 10 MB without an end
                flood.sendall(b"{" + b"x" * 65535)
        except (BrokenPipeError, ConnectionResetError):
            pass
        for garbage in (b"\xff" * 4096, b"\0\0\0\0", b"\0\x10\0\x01", b"GET / HTTP/1.0\r\n\r\n", os.urandom(4096).replace(b"{", b"\xfe")):
            one = self.client()
            one.sendall(b"\x80" + garbage if garbage[:1] not in b"\0G\xff" else garbage)
            self.assertTrue(self.is_closed(one), garbage[:16])
        deaf = [self.client() for _ in range(8)]
        for one in deaf:  # asks and never reads
            one.setblocking(False)
            try:
                while True:
                    one.send(b'{"command":"configuration"}\n' * 100)
            except BlockingIOError:
                pass
        self.assertEqual(self.session(), "pass")
        self.assertEqual(self.ask("status")["sessions"]["ended"], 1)
        self.assertTrue(self.is_closed(silent[0]))
        self.assertLessEqual(sum(self.is_silent(one) for one in silent), 16)
        self.stop()

    def test_the_client_that_has_been_silent_longest_makes_room(self):
        self.start()
        clients = [self.client() for _ in range(16)]
        for one in clients:
            self.assertTrue(self.line(one, b'{"command":"ping"}')["ok"])
        self.assertTrue(self.line(clients[0], b'{"command":"ping"}')["ok"])
        self.control("ping")
        self.assertTrue(self.is_closed(clients[1]))
        for one in (clients[0], *clients[2:]):
            self.assertTrue(self.line(one, b'{"command":"ping"}')["ok"])
        self.stop()

    def test_a_client_has_its_time_for_a_request_however_it_spends_it(self):
        self.start(environment={"MILTER_MANAGER_CONTROL_IDLE_MS": "700"})
        silent, slow, packets = self.client(), self.client(), self.client()
        slow.sendall(b'{"command"')
        packets.sendall(b"\0\0\0\x07rel")
        for one in (silent, slow, packets):
            self.assertTrue(self.is_closed(one))
        self.stop()


class OldPackets(ControllerTest):
    def test_each_packet_byte_by_byte(self):
        self.start("", ["one"])
        one = self.client()

        def ask(request):
            for byte in request:
                one.sendall(bytes([byte]))
            return self.read_packet(one)
        self.assertEqual(ask(packet(b"stop-child", b"one")), (b"success", b""))
        name, status = ask(packet(b"get-status"))
        self.assertEqual((name, json.loads(status)["children"][0]["state"]), (b"status", "disabled"))
        self.assertEqual(ask(packet(b"stop-child", b"none")), (b"error", b'there is no milter "none"'))
        self.assertEqual(ask(b"\0\0\0\x06reload"), (b"success", b""))  # no NUL
        self.until(lambda: self.lines("reloaded"), "the reload")
        name, xml = ask(packet(b"get-configuration"))
        self.assertEqual(name, b"configuration")
        self.assertTrue(xml.startswith(b"<configuration>\n"))
        one.sendall(packet(b"get-status") + packet(b"no-such-thing") + packet(b"get-status"))
        self.assertEqual(self.read_packet(one)[0], b"status")
        self.assertTrue(self.is_closed(one))
        self.stop()

    def test_a_configuration_that_was_read_changes_nothing_when_it_is_set(self):
        self.start("manager.idle_timeout = 12.5\n", ["one", "two"])
        one = self.client()
        one.sendall(packet(b"get-configuration"))
        xml = self.read_packet(one)[1]
        one.sendall(packet(b"set-configuration", xml))
        self.assertEqual(self.read_packet(one), (b"success", b""))
        self.assertEqual((self.folder / "c/milter-manager.custom.conf").read_bytes(), xml)
        self.assertEqual(self.lines("reload"), [])
        self.assertEqual(self.control("reload"), "The configuration is in force; 0 changed.\n")
        one.sendall(packet(b"get-configuration"))
        self.assertEqual(self.read_packet(one)[1], xml)
        self.stop()

    def test_what_was_set_counts_after_a_reload(self):
        self.start("", ["one"])
        one = self.client()
        one.sendall(packet(b"set-configuration", b"<configuration><manager><max-connections>7</max-connections></manager></configuration>"))
        self.assertEqual(self.read_packet(one), (b"success", b""))
        self.assertIn("manager.max_connections = 7 (c/milter-manager.custom.conf:1)", self.control("reload"))
        self.stop()

    def test_what_would_be_refused_is_not_saved(self):
        self.start()
        one = self.client()
        for xml, told in ((b"", b"must begin with"), (b"manager.n_workers = 1", b"must begin with"), (b"\n<configuration/>", b"must begin with"),
                          (b"<configuration>", b"custom.conf:1: not XML"), (b"<other/>", b"root element"),
                          (b"<configuration><log/></configuration>", b"unexpected element"),
                          (b"<configuration><manager><nonsense>1</nonsense></manager></configuration>", b"nonsense"),
                          (b"<configuration>\n<manager><n-workers>-5</n-workers></manager></configuration>", b"custom.conf:2: manager.n_workers"),
                          (b"<configuration>" + b"<a>" * 100_000, b"deeper")):
            one.sendall(packet(b"set-configuration", xml))
            name, text = self.read_packet(one)
            self.assertEqual(name, b"error")
            self.assertTrue(text.startswith(b"failed to save custom configuration file: "), text)
            self.assertIn(told, text)
        self.assertEqual(os.listdir(self.folder / "c"), ["milter-manager.conf"])
        self.stop()


if __name__ == "__main__":
    unittest.main()
