"""Postfix and the long chain of real milters: behind milter-manager only what chain V.6 names is different."""

import unittest

from support import watchdog
from support.long_chain_test import LongChain, main
from support.stage import POSTFIX


class Postfix(LongChain, unittest.TestCase):
    program = POSTFIX


def setUpModule():
    watchdog.start()


if __name__ == "__main__":
    main()
