"""A private rspamd as a milter that scans by itself: no name server, no Redis, no rules but the ones below.

Its manner is unusual: it wants no answer awaited to anything before the end of a message. The rules go by words in
the body, so that the tests decide what it does: nothing more than a field, tag, a new subject, refuse.
"""

import contextlib
import pathlib

from support import scratch
from support.ports import LOOPBACK, free_port
from support.process import Process

USER = "_rspamd"
WORDS = {"tag": b"thoroughly doubtful words", "subject": b"rather deceptive words", "refuse": b"plainly evil words"}

CONFIGURATION = """\
lua = "{home}/rules.lua"
options {{
  pidfile = "{home}/pid";
  filters = "";
  tempdir = "{home}";
  hs_cache_dir = "{home}";
  maps_cache_dir = "{home}";
  url_tld = "{home}/top-level-domains";
  dns {{ nameserver = "{loopback}"; timeout = 0.1s; retransmits = 1; }}
  disable_monitoring = true;
}}
logging {{ type = "console"; level = "info"; }}
actions {{ reject = 15; rewrite_subject = 8; add_header = 5; subject = "[DECEPTIVE] %s"; }}
worker "rspamd_proxy" {{
  bind_socket = "{loopback}:{port}";
  milter = yes;
  timeout = 60s;
  upstream "local" {{ default = yes; self_scan = yes; }}
  count = 1;
  spam_header = "X-Rspamd-Spam";
  reject_message = "Refused by rspamd";
}}
"""

RULES = """\
local function when(symbol, score, words)
  rspamd_config:register_symbol({{
    name = symbol, score = score, type = 'normal',
    callback = function(task)
      return string.find(tostring(task:get_rawbody()), words, 1, true) ~= nil
    end
  }})
end
when('E2E_TAG', 6, '{tag}')
when('E2E_SUBJECT', 9, '{subject}')
when('E2E_REFUSE', 20, '{refuse}')
rspamd_config:register_symbol({{
  name = 'E2E_FIELDS', score = 0, type = 'postfilter',
  callback = function(task)
    local size = #tostring(task:get_rawbody())
    task:set_milter_reply({{
      remove_headers = {{ ['X-Rspamd-Seen'] = 0 }},
      add_headers = {{ ['X-Rspamd-Seen'] = string.format('%d recipients, %d bytes of body',
                                                       #(task:get_recipients('smtp') or {{}}), size) }}
    }})
  end
}})
"""


@contextlib.contextmanager
def running_rspamd(home: pathlib.Path):
    """Yields its endpoint."""
    words = {name: value.decode() for name, value in WORDS.items()}
    port = free_port()
    own = scratch.subdirectory(home, "own", owner=USER)
    scratch.write(own / "rules.lua", RULES.format(**words))
    # The real list costs ten seconds at each start.
    scratch.write(own / "top-level-domains", "org\ntest\n")
    configuration = scratch.write(home / "rspamd.conf", CONFIGURATION.format(home=own, loopback=LOOPBACK, port=port))
    command = ["rspamd", "-f", "-c", configuration, "-u", USER, "-g", USER]
    with Process("rspamd", command, home / "log") as process:
        process.ready_when_port_accepts(port)
        yield f"inet:{port}@[{LOOPBACK}]"
