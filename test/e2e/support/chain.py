"""The real milters of the standard chain, each private to the test, in the order in which an MTA shall ask them.

To add a milter: write a module that yields its endpoint, and name it here.
"""

import contextlib
import pathlib

from support import clamav, opendkim, scratch, spamassassin
from support.corpus import REFUSED_RECIPIENT
from support.recipient_milter import running_recipient_milter


@contextlib.contextmanager
def running_chain(home: pathlib.Path):
    """Yields the endpoints by name, in order."""
    with contextlib.ExitStack() as running:
        clamav_home = scratch.subdirectory(home, "clamav")
        spam_home = scratch.subdirectory(home, "spam")
        running.enter_context(clamav.running_clamd(clamav_home))
        spamd_port = running.enter_context(spamassassin.running_spamd(spam_home))
        yield {
            "opendkim": running.enter_context(
                opendkim.running_opendkim(scratch.subdirectory(home, "opendkim"))),
            "clamav-milter": running.enter_context(clamav.running_clamav_milter(clamav_home)),
            "spamass-milter": running.enter_context(
                spamassassin.running_spamass_milter(scratch.subdirectory(home, "spamass"), spamd_port)),
            "recipient-milter": running.enter_context(running_recipient_milter([REFUSED_RECIPIENT])),
        }
