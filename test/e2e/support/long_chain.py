"""The long chain: what reads what another milter has added, what changes everything, and the chain of `chain.py`.

opendmarc must be asked after opendkim: it goes by the field that opendkim adds. The two edit milters stand at both
ends, so that each can change what the others see, and the last one says what it saw.
"""

import contextlib
import pathlib

from support import scratch
from support.chain import running_chain
from support.edit_milter import running_edit_milter
from support.opendmarc import running_opendmarc
from support.rspamd import running_rspamd


@contextlib.contextmanager
def running_long_chain(home: pathlib.Path):
    """Yields the endpoints by name, in order."""
    with contextlib.ExitStack() as running:
        def start(manager, name, *more):
            return running.enter_context(manager(scratch.subdirectory(home, name), *more))
        chain = start(running_chain, "chain")
        yield {
            "edit-first": start(running_edit_milter, "first", "first"),
            "opendkim": chain.pop("opendkim"),
            "opendmarc": start(running_opendmarc, "opendmarc"),
            **chain,
            "rspamd": start(running_rspamd, "rspamd"),
            "edit-last": start(running_edit_milter, "last", "last"),
        }
