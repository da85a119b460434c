"""What the tests of conditions share: three children, of which one is left out at a stage and the others see all."""

import unittest

from peers.three import NAMES, WHOLE, Facts, Three
from support import scratch

BEFORE = {  # what a child has seen that is left out at a stage; None: it is not connected to
    "connect": None, "helo": "OCQ", "mail": "OCHQ", "rcpt": "OCHMAQ", "data": "OCHMRAQ", "header": "OCHMRTAQ",
    "end_of_headers": "OCHMRTLAQ", "body": "OCHMRTLNAQ", "end_of_message": "OCHMRTLNBAQ"}
STAGES = tuple(BEFORE)


def macro(letter: str, name: str, value: str) -> dict:
    return {"macros": {letter: {name: value}}}


class Matrix(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.home = self.enterContext(scratch.scratch_directory("conditions"))
        self.three = await Three(self, self.home).listen()

    async def check(self, facts: Facts, stopped: str, stage: str | None, letters: str | None = ""):
        """That child is left out at that stage, and the others see all."""
        seen = {name: one.letters if one else None for name, one in (await self.three.mail(facts)).items()}
        self.assertEqual(seen, expected(stopped, stage, facts, letters))


def expected(stopped: str, stage: str | None, facts: Facts, letters: str | None = "") -> dict[str, str | None]:
    whole = WHOLE.replace("R", "R" * len(facts.recipients))
    before = BEFORE[stage].replace("R", "R" * len(facts.recipients)) if stage and BEFORE[stage] else None
    if stage == "header" and len(facts.headers) > 1:  # the decisive one is the second of them
        before = before.replace("TA", "TLA")
    return {name: (before if letters == "" else letters) if name == stopped and stage else whole for name in NAMES}
