"""The rows of the tables of settings: what each accepts, what becomes of it, what it refuses (configuration 3, 4, 5)."""
import unittest

from manager import ManagerTest

MAIN = "c/milter-manager.conf"

# Rounds of assignments of different settings: what is written, what is shown. "default" in front: shown without a place.
ACCEPTED = [
    [('package.platform = "redhat9"', "default", '"redhat9"'),
     ('package.options = {"prefix" => "/usr/pkg", "rcddir" => "/etc/rc.d"}', "default", '"prefix=/usr/pkg,rcddir=/etc/rc.d"'),
     ("security.privilege_mode = true", "", "true"), ('security.effective_user = "mail"', "", '"mail"'),
     ('security.effective_group = "mail"', "", '"mail"'), ('log.level = "all"', "",
      '"critical|error|warning|message|info|debug|trace|statistics|profile"'),
     ('log.path = "-"', "", '"-"'), ("log.use_syslog = false", "", "false"), ('log.syslog_facility = "local0"', "", '"local0"'),
     ('manager.connection_spec = "local:/run/x"', "", '"local:/run/x"'), ("manager.unix_socket_mode = 0777", "", "0777"),
     ('manager.unix_socket_group = "postfix"', "", '"postfix"'), ("manager.remove_unix_socket_on_create = nil", "", "false"),
     ('manager.remove_unix_socket_on_close = "no"', "", "true"), ('manager.pid_file = "/run/x.pid"', "", '"/run/x.pid"'),
     ("manager.maintenance_interval = 100", "", "100"), ("manager.suspend_time_on_unacceptable = 9", "", "9"),
     ("manager.max_connections = 1000.7", "", "1000"), ("manager.max_file_descriptors = 4096", "", "4096"),
     ('manager.custom_configuration_directory = "/x"', "", '"/x"'), ("manager.fallback_status = :Temporary_Failure", "", '"temporary-failure"'),
     ('manager.fallback_status_at_disconnect = "temporary_failure"', "", '"temporary-failure"'),
     ('manager.event_loop_backend = "libev"', "", '"libev"'), ("manager.n_workers = 1000", "", "1000"),
     ("manager.packet_buffer_size = 1", "", "1"), ("manager.max_pending_finished_sessions = 2", "", "2"),
     ("manager.connection_check_interval = 3", "", "3"), ("manager.chunk_size = 1", "", "1"),
     ('controller.connection_spec = "inet6:10026@[::1]"', "", '"inet6:10026@[::1]"'), ("controller.unix_socket_mode = 0", "", "00"),
     ('controller.unix_socket_group = "adm"', "", '"adm"'), ("controller.remove_unix_socket_on_create = false", "", "false"),
     ("controller.remove_unix_socket_on_close = false", "", "false"), ('database.type = "mysql2"', "", '"mysql2"'),
     ('database.name = "mail"', "", '"mail"'), ('database.host = "db"', "", '"db"'), ("database.port = 3306", "", "3306"),
     ('database.path = "/x"', "", '"/x"'), ('database.user = "u"', "", '"u"'), ('database.password = "secret"', "", '"********"')],
    [('package.options = "a=b, c = d"', "default", '"a=b, c = d"'), ("package.platform = nil", "default", "nil"),
     ('security.privilege_mode = "false"', "", "false"), ('log.level = "default|info"', "", '"critical|error|warning|message|info|statistics"'),
     ("log.syslog_facility = :mail", "default", '"mail"'), ("log.use_syslog = true", "", "true"),
     ('manager.connection_spec = "inet:0"', "", '"inet:0"'), ("manager.unix_socket_mode = 0", "", "0"),
     ("manager.maintenance_interval = nil", "default", "nil"), ("manager.chunk_size = 65535", "", "65535"),
     ('manager.fallback_status = "DISCARD"', "", '"discard"'), ('manager.fallback_status_at_disconnect = "reject"', "", '"reject"'),
     ("manager.daemon = 0", "", "true"), ("manager.max_connections = 4294967295", "", "4294967295"),
     ('database.port = "3306"', "", '"3306"')],
    [("log.level = :default", "default", '"default"'), ("log.path = nil", "default", "nil"), ("log.syslog_facility = nil", "default", '"mail"'),
     ("manager.fallback_status = nil", "default", '"accept"'), ("manager.fallback_status_at_disconnect = nil", "default", '"temporary-failure"'),
     ("manager.event_loop_backend = nil", "default", '"glib"'), ("manager.n_workers = nil", "default", "0"),
     ("manager.suspend_time_on_unacceptable = nil", "default", "5"), ("manager.chunk_size = nil", "default", "65535"),
     ("manager.max_connections = nil", "default", "0"), ("manager.pid_file = nil", "default", "nil"),
     ("controller.connection_spec = nil", "default", "nil"), ("database.name = nil", "default", "nil"),
     ('log.level = ""', "default", '"default"')],
]
REFUSED = ["security.privilege_mode = 'yes'", "security.effective_user = 5", "log.level = 'bogus'", "log.level = 3", "log.path = 3",
           "log.syslog_facility = 'nobody'", "manager.connection_spec = ''", "manager.unix_socket_mode = 01000",
           "manager.unix_socket_mode = '0660'", "manager.maintenance_interval = -1", "manager.maintenance_interval = 'x'",
           "manager.max_connections = -1", "manager.fallback_status = 'drop'", "manager.fallback_status_at_disconnect = 'continue'",
           "manager.event_loop_backend = 'epoll'", "manager.n_workers = 1001", "manager.n_workers = 'two'",
           "manager.packet_buffer_size = 2**32", "manager.chunk_size = 0", "manager.chunk_size = 65536", "manager.pid_file = true",
           "controller.unix_socket_mode = -1", "database.name = 3", "database.port = []", "manager.run_gc_on_maintain = true"]
SPECS = {"foo": "spec doesn't have colon: <foo>", "inet:": "spec doesn't have content: <inet:>",
         "smtp:25": "protocol must be 'unix', 'inet' or 'inet6': <smtp:25>: <smtp>",
         "inet:2x@h": "port number has invalid character: <inet:2x@h>: <x>", "inet:-1": "port number has invalid character: <inet:-1>: <->",
         "inet:65536": "port number should be less than 65536: <inet:65536>: <65536>", "inet:1@[::": "']' is missing: <inet:1@[::>: <[::>",
         "inet:1@[300.0.0.1]": "invalid host address: <inet:1@[300.0.0.1]>: <300.0.0.1>", "unix:" + "x" * 108: ""}
MILTER = {"connection_spec": [('"inet:20001@127.0.0.1"', '"inet:20001@127.0.0.1"'), ('"unix://x"', '"unix://x"')],
          "description": [('"x"', '"x"'), ("nil", "nil")], "enabled": [("false", "false"), ("nil", "false"), ("0", "true")],
          "fallback_status": [(":Reject", '"reject"'), ('"temporary_failure"', '"temporary-failure"'), ('"shutdown"', '"shutdown"'),
                              ("Milter::Status::DISCARD", '"discard"')],
          "evaluation_mode": [("true", "true"), ("nil", "false")], "command": [('"/bin/x"', '"/bin/x"'), ("nil", "nil")],
          "command_options": [('"-p x"', '"-p x"'), ('["-p", "a b"]', '"-p a\\\\ b"'), ("[]", "nil"), ("nil", "nil"), ('""', "nil")],
          "user_name": [('"x"', '"x"'), ("nil", "nil")], "connection_timeout": [("0", "0.0"), ("4.25", "4.25")],
          "writing_timeout": [("10", "10.0")], "reading_timeout": [("0.5", "0.5")], "end_of_message_timeout": [("600", "600.0")]}
MILTER_REFUSED = ["connection_spec = nil", "connection_spec = '/path'", "connection_spec = 3", "description = 3", "fallback_status = nil",
                  "fallback_status = 'drop'", "command = 3", "command_options = 3", "user_name = 3", "connection_timeout = -1",
                  "writing_timeout = nil", "reading_timeout = 'x'", "target_hosts = []"]


class Rows(ManagerTest):
    def test_what_sections_accept_and_show(self):
        for rows in ACCEPTED:
            shown = self.shown("\n".join(row[0] for row in rows) + "\n")
            for line, (assignment, origin, value) in enumerate(rows, 1):
                name = assignment.split(" = ")[0]
                if sum(row[0].startswith(name + " ") for row in rows) > 1 and line != len(rows):
                    continue
                self.assertEqual(shown[name], (value, origin or f"{MAIN}:{line}"), assignment)

    def test_what_sections_refuse(self):
        rounds = [[], []] # of one setting only the last value is judged
        for assignment in REFUSED:
            name = assignment.split(" = ")[0]
            rounds[any(one.startswith(name + " ") for one in rounds[0])].append(assignment)
        for round_ in rounds:
            lines = self.complaints("\n".join(round_) + "\n")
            self.assertEqual([line.split(": ")[0] for line in lines], [f"{MAIN}:{n}" for n in range(1, len(round_) + 1)], lines)
            for assignment, line in zip(round_, lines):
                self.assertIn(assignment.split(" = ")[0], line)
                self.assertRegex(line, " is allowed$|; the nearest known name is ")

    def test_connection_specs_that_are_wrong(self):
        lines = self.complaints("".join(f'define_milter("{n}") {{|milter| milter.connection_spec = "{spec}" }}\n'
                                        for n, spec in enumerate(SPECS)))
        self.assertEqual(len(lines), len(SPECS), lines)
        for line, text in zip(lines, SPECS.values()):
            self.assertIn(text, line)

    def test_what_milters_accept_and_show(self):
        for n in range(5):
            rows = {name: rows[n] for name, rows in MILTER.items() if n < len(rows)}
            text = ['define_milter("m") do |milter|', *(f"milter.{name} = {given}" for name, (given, _) in rows.items()),
                    *([] if "connection_spec" in rows else ["milter.connection_spec = 'unix:/m'"]), "end", ""]
            shown = self.shown("\n".join(text))
            for line, (name, (given, value)) in enumerate(rows.items(), 2):
                self.assertEqual(shown[f"m: milter.{name}"], (value, f"{MAIN}:{line}"), given)

    def test_what_milters_refuse(self):
        for one in MILTER_REFUSED:
            text = f'define_milter("m") do |milter|\nmilter.connection_spec = "unix:/m"\nmilter.{one}\nend\n'
            lines = self.complaints(text)
            self.assertEqual(len(lines), 1, lines)
            self.assertIn(f'{MAIN}:3: define_milter("m"): ', lines[0])
            self.assertIn("milter." + one.split(" = ")[0], lines[0])

    def test_sections_do_not_share_their_flags(self):
        shown = self.shown("controller.remove_unix_socket_on_create = false\n")
        self.assertEqual([shown[f"{one}.remove_unix_socket_on_create"][0] for one in ("manager", "controller")], ["true", "false"])


if __name__ == "__main__":
    unittest.main()
