"""The rows of the tables of settings: what each accepts, what becomes of it, what it refuses (configuration 3, 4, 5)."""
import json
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
     ("controller.remove_unix_socket_on_close = false", "", "false"), ('metrics.connection_spec = "inet:9100@[127.0.0.1]"', "", '"inet:9100@[127.0.0.1]"'),
     ('database.type = "mysql2"', "", '"mysql2"'),
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
    [("package.options = nil", "default", "nil"), ("security.privilege_mode = false", "", "false"), ("security.effective_user = nil", "default", "nil"),
     ("log.level = :info", "", '"info"'), ("log.use_syslog = nil", "", "false"), ('log.syslog_facility = "LOCAL7"', "", '"local7"'),
     ('manager.connection_spec = "inet:@localhost"', "", '"inet:@localhost"'), ("manager.maintenance_interval = 0", "", "nil"),
     ('manager.fallback_status = "reject"', "", '"reject"'), ("manager.fallback_status_at_disconnect = :discard", "", '"discard"'),
     ("manager.n_workers = 0", "", "0"), ('manager.event_loop_backend = "glib"', "", '"glib"'), ("manager.suspend_time_on_unacceptable = 0", "", "0"),
     ("controller.remove_unix_socket_on_close = 'x'", "", "true"), ("database.port = nil", "default", "nil")],
    # The settings that are new in 3.0.
    [('log.format = "json"', "", '"json"'), ("manager.mta = :Sendmail", "", '"sendmail"'), ("manager.offer_timeout = 0.001", "", "0.001"), ("manager.idle_timeout = 60", "", "60.0"),
     ("manager.negotiation_timeout = 0", "", "0.0"), ("manager.command_timeout = 12.3456", "", "12.346"), ("manager.end_of_message_timeout = 600", "", "600.0"),
     ("manager.progress_interval = 1", "", "1.0"), ("manager.quarantine_stops_chain = 0", "", "true"), ("manager.body_memory = 0", "", "0"),
     ('manager.spool_directory = "/x"', "", '"/x"'), ("manager.max_message_size = 2**40", "", "1099511627776"), ("manager.max_headers = 1", "", "1"),
     ("manager.max_header_size = 1024.9", "", "1024"), ("manager.max_recipients = 4294967295", "", "4294967295"), ("manager.max_edits = 7", "", "7"),
     ("manager.evaluation_queue = 1", "", "1"), ("manager.worker_timeout = 0.5", "", "0.5"), ("manager.n_ruby_workers = 1000", "", "1000"),
     ("manager.stop_timeout = 0", "", "0.0"), ("manager.explain_messages = 0", "", "0")],
    [("log.format = :text", "", '"text"'), ("manager.mta = 'generic'", "", '"generic"'), ("manager.command_timeout = 0", "", "0.0"), ("manager.n_ruby_workers = 1", "", "1")],
]
NOT_SHOWN = {"database.extra_options"}
# What nil becomes, where it is not the default.
NIL = {"manager.maintenance_interval": "nil", **dict.fromkeys((
    "package.platform", "package.options", "security.effective_user", "security.effective_group", "log.path", "manager.connection_spec",
    "manager.unix_socket_group", "manager.pid_file", "manager.custom_configuration_directory", "manager.spool_directory",
    "controller.connection_spec", "controller.unix_socket_group", "metrics.connection_spec", "database.type", "database.name", "database.host", "database.port",
    "database.path", "database.user", "database.password"), "nil"), **dict.fromkeys((
    "log.use_syslog", "manager.remove_unix_socket_on_create", "manager.remove_unix_socket_on_close", "manager.daemon",
    "manager.quarantine_stops_chain", "controller.remove_unix_socket_on_create", "controller.remove_unix_socket_on_close"), "false")}
REFUSED = ["security.privilege_mode = 'yes'", "security.effective_user = 5", "log.level = 'bogus'", "log.level = 3", "log.path = 3",
           "log.syslog_facility = 'nobody'", "manager.connection_spec = ''", "manager.unix_socket_mode = 01000",
           "manager.unix_socket_mode = '0660'", "manager.maintenance_interval = -1", "manager.maintenance_interval = 'x'",
           "manager.max_connections = -1", "manager.fallback_status = 'drop'", "manager.fallback_status_at_disconnect = 'continue'",
           "manager.event_loop_backend = 'epoll'", "manager.n_workers = 1001", "manager.n_workers = 'two'",
           "manager.packet_buffer_size = 2**32", "manager.chunk_size = 0", "manager.chunk_size = 65536", "manager.pid_file = true",
           "controller.unix_socket_mode = -1", "database.name = 3", "database.port = []", "manager.run_gc_on_maintain = true",
           "package.platform = 3", "package.options = 3", "security.effective_group = []", "log.level = :bogus", "log.syslog_facility = 3", "log.format = 'xml'",
           "manager.connection_spec = 25", "manager.unix_socket_mode = -1", "manager.unix_socket_group = 5", "manager.suspend_time_on_unacceptable = 'x'",
           "manager.max_connections = 2**32", "manager.max_file_descriptors = -1", "manager.custom_configuration_directory = true",
           "manager.fallback_status = 3", "manager.fallback_status_at_disconnect = 'shutdown'", "manager.event_loop_backend = 3",
           "manager.max_pending_finished_sessions = -1", "manager.connection_check_interval = -5", "manager.mta = 'exim'", "manager.offer_timeout = 0",
           "manager.offer_timeout = '30'", "manager.idle_timeout = 0", "manager.negotiation_timeout = -1", "manager.command_timeout = 'x'",
           "manager.end_of_message_timeout = -0.5", "manager.progress_interval = 0", "manager.body_memory = -1", "manager.spool_directory = 3",
           "manager.max_message_size = 2**40 + 1", "manager.max_headers = 0", "manager.max_header_size = 0", "manager.max_recipients = 0",
           "manager.max_edits = 0", "manager.evaluation_queue = 'x'", "manager.worker_timeout = 0", "manager.stop_timeout = -1", "manager.stop_timeout = 'x'", "manager.n_ruby_workers = 0", "manager.n_ruby_workers = 1001", "manager.explain_messages = -1", "manager.explain_messages = 100001",
           "controller.connection_spec = '/path'", "metrics.connection_spec = '9100'", "controller.unix_socket_group = 3", "database.type = 3", "database.host = 3", "database.path = 3",
           "database.user = 3", "database.password = 3", "database.extra_options = 3"]
SPECS = {"foo": "spec doesn't have colon: <foo>", "inet:": "spec doesn't have content: <inet:>",
         "smtp:25": "protocol must be 'unix', 'inet' or 'inet6': <smtp:25>: <smtp>",
         "inet:2x@h": "port number has invalid character: <inet:2x@h>: <x>", "inet:-1": "port number has invalid character: <inet:-1>: <->",
         "inet:65536": "port number should be less than 65536: <inet:65536>: <65536>", "inet:1@[::": "']' is missing: <inet:1@[::>: <[::>",
         "inet:1@[300.0.0.1]": "invalid host address: <inet:1@[300.0.0.1]>: <300.0.0.1>", "unix:" + "x" * 108: "path should be shorter than 108 bytes",
         "": "spec doesn't have colon: <>", "inet6:1@[127.0.0.1]": "invalid host address: <inet6:1@[127.0.0.1]>: <127.0.0.1>",
         "/path": "spec doesn't have colon: </path>"}
MILTER = {"connection_spec": [('"inet:20001@127.0.0.1"', '"inet:20001@127.0.0.1"'), ('"unix://x"', '"unix://x"')],
          "description": [('"x"', '"x"'), ("nil", "nil")], "enabled": [("false", "false"), ("nil", "false"), ("0", "true")],
          "fallback_status": [(":Reject", '"reject"'), ('"temporary_failure"', '"temporary-failure"'), ('"shutdown"', '"shutdown"'),
                              ("Milter::Status::DISCARD", '"discard"')],
          "evaluation_mode": [("true", "true"), ("nil", "false")], "command": [('"/bin/x"', '"/bin/x"'), ("nil", "nil")],
          "command_options": [('"-p x"', '"-p x"'), ('["-p", "a b"]', '"-p a\\\\ b"'), ("[]", "nil"), ("nil", "nil"), ('""', "nil")],
          "user_name": [('"x"', '"x"'), ("nil", "nil")], "connection_timeout": [("0", "0.0"), ("4.25", "4.25")],
          "writing_timeout": [("10", "10.0")], "reading_timeout": [("0.5", "0.5")], "end_of_message_timeout": [("600", "600.0")],
          "applicable_conditions": [("[]", "[]"), ("nil", "[]")], "retry_next_message": [("nil", "false"), ("0", "true")],
          "early_feed": [("false", "false")], "parallel_group": [('"x"', '"x"'), ("nil", "nil")], "exact_connect": [("true", "true")],
          "parallel_mail": [("true", "true")], "pool_size": [("1000", "1000"), ("nil", "0")], "pool_idle": [("0", "0.0"), ("nil", "60.0")],
          "breaker_failures": [("5", "5"), ("nil", "0")], "breaker_pause": [("0.5", "0.5"), ("nil", "10.0")],
          "extra_macros": [('{"envelope-from" => "i {j}"}', '{"mail"=>["i", "{j}"]}'), ("{}", "{}"), ("nil", "{}")]}
NO_PLACE = {"applicable_conditions"} # "=" takes the items' places away
MILTER_REFUSED = ["connection_spec = nil", "connection_spec = '/path'", "connection_spec = 3", "description = 3", "fallback_status = nil",
                  "fallback_status = 'drop'", "command = 3", "command_options = 3", "user_name = 3", "connection_timeout = -1",
                  "writing_timeout = nil", "reading_timeout = 'x'", "target_hosts = []",
                  "connection_timeout = nil", "end_of_message_timeout = -1", "end_of_message_timeout = nil", "fallback_status = 'pass'",
                  "parallel_group = 3", "pool_size = 1001", "pool_size = 'x'", "pool_idle = -1", "breaker_failures = -1", "breaker_pause = 0",
                  "extra_macros = []", "extra_macros = {'lunch' => ['i']}", "extra_macros = {'connect' => ['i j']}"]


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
        rounds = [[] for _ in range(4)] # of one setting only the last value is judged
        for assignment in REFUSED:
            name = assignment.split(" = ")[0]
            next(one for one in rounds if not any(other.startswith(name + " ") for other in one)).append(assignment)
        rounds = [one for one in rounds if one]
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
                self.assertEqual(shown[f"m: milter.{name}"], (value, "default" if name in NO_PLACE else f"{MAIN}:{line}"), given)

    def test_what_milters_refuse(self):
        for one in MILTER_REFUSED:
            text = f'define_milter("m") do |milter|\nmilter.connection_spec = "unix:/m"\nmilter.{one}\nend\n'
            lines = self.complaints(text)
            self.assertEqual(len(lines), 1, lines)
            self.assertIn(f'{MAIN}:3: define_milter("m"): ', lines[0])
            self.assertIn("milter." + one.split(" = ")[0], lines[0])

    def test_what_nil_becomes(self):
        names, _ = self.all_settings()
        before = self.shown("")
        shown = self.shown("".join(f"{name} = nil\n" for name in names))
        for line, name in enumerate(names, 1):
            if name not in NOT_SHOWN:
                kept = name in NIL and NIL[name] == "false" # nil is a value of a boolean
                self.assertEqual(shown[name], (NIL.get(name, before[name][0]), f"{MAIN}:{line}" if kept else "default"), name)

    def all_settings(self):
        """Names of settings and of attributes of a milter -> whether they are booleans, of the program's own tables."""
        schema = json.loads(self.run_manager("--config-schema").stdout)["properties"]
        boolean = {"anyOf": [{"type": "boolean"}, {"type": "null"}]}
        sections = {f"{section}.{name}": boolean.items() <= one.items() for section, part in schema.items() if section != "hooks"
                    for name, one in part.get("properties", {}).items()}
        milter = {name: boolean.items() <= one.items() for name, one in schema["milters"]["items"]["properties"].items()
                  if name not in ("name", "locations")}
        return sections, milter

    def test_no_setting_is_without_a_row(self):
        sections, milter = self.all_settings()
        self.assertEqual({row[0].split(" = ")[0] for rows in ACCEPTED for row in rows}, set(sections) - NOT_SHOWN)
        self.assertEqual(set(MILTER), set(milter))
        self.assertEqual({name for name, boolean in sections.items() if not boolean} - {one.split(" = ")[0] for one in REFUSED}, set())
        self.assertEqual({name for name, boolean in milter.items() if not boolean} - {one.split(" = ")[0] for one in MILTER_REFUSED},
                         {"applicable_conditions"}) # below

    def test_conditions_of_a_milter_must_be_there_before_it(self):
        for given, told in (('milter.applicable_conditions = ["B"]', '"B"'), ('milter.add_applicable_condition("B")', '"B"'),
                            ('milter.applicable_conditions = "A"', "")):
            lines = self.complaints('define_applicable_condition("A") {|condition| }\n'
                                    f'define_milter("m") {{|milter| milter.connection_spec = "unix:/m"; {given} }}\n'
                                    'define_applicable_condition("B") {|condition| }\n')
            self.assertEqual(len(lines), 1, given)
            self.assertIn(f"{MAIN}:2: ", lines[0])
            self.assertIn(told, lines[0])

    def test_readers_of_every_setting_give_what_is_shown(self):
        names, _ = self.all_settings()
        shown = self.shown("")
        code = "".join(f"puts [{name!r}, {name}.inspect].join(' ')\n" for name in names if name not in NOT_SHOWN)
        status, _, err = self.load(code)
        self.assertEqual(status, 0)
        read = dict(line.split(" ", 1) for line in err.splitlines())
        for name, (value, _) in shown.items():
            value = {"0660": "432", "0": read[name]}.get(value, value) # modes are numbers
            self.assertEqual(float(read[name]) if value.replace(".", "").isdigit() else read[name],
                             float(value) if value.replace(".", "").isdigit() else value, name)

    def test_the_options_of_a_database_are_not_shown(self):
        self.assertNotIn("extra_options", self.load("database.extra_options = {'sslca' => 'secret'}\n")[1])

    def test_a_spec_is_told_with_the_same_words_everywhere(self):
        text = "spec doesn't have content: <inet:>"
        for code in ("manager.connection_spec = 'inet:'", "controller.connection_spec = 'inet:'"):
            self.assertIn(text, self.complaints(code + "\n")[0])
        self.assertIn(text, self.run_manager("-s", "inet:").stderr)

    def test_sections_do_not_share_their_flags(self):
        shown = self.shown("controller.remove_unix_socket_on_create = false\n")
        self.assertEqual([shown[f"{one}.remove_unix_socket_on_create"][0] for one in ("manager", "controller")], ["true", "false"])


if __name__ == "__main__":
    unittest.main()
