"""The program that sends a steady load (test/faults/load), with its three children."""

import asyncio
import contextlib
import json
import os
import pathlib

import peers

NAMES = ("first", "second", "third")


class Load:
    def __init__(self, process: asyncio.subprocess.Process):
        self._process = process

    async def _say(self, line: str) -> dict:
        self._process.stdin.write(line.encode() + b"\n")
        return await self._hear()

    async def _hear(self) -> dict:
        line = await asyncio.wait_for(self._process.stdout.readline(), 2 * peers.PATIENCE_S)
        if not line:
            raise AssertionError(f"the load has ended with status {await self._process.wait()}")
        return json.loads(line)

    async def to(self, *endpoints: str):
        """New sessions connect to the first; to the second where the first refuses."""
        await self._say("to " + " ".join(endpoints))

    async def count(self) -> int:
        return (await self._say("count"))["sessions"]

    async def ended_after(self, sessions: int):
        """Once that many more sessions have ended."""
        aim = await self.count() + sessions
        async with asyncio.timeout(peers.PATIENCE_S):
            while await self.count() < aim:
                await asyncio.sleep(0.01)

    async def stop(self) -> dict:
        """What has happened, when the last session has ended."""
        return await self._say("stop")


@contextlib.asynccontextmanager
async def steady(home: pathlib.Path, sessions_per_s: float):
    program = os.environ.get("MILTER_FAULTS_LOAD")
    assert program, "MILTER_FAULTS_LOAD does not name the program that sends the load"
    process = await asyncio.create_subprocess_exec(
        program, str(home), str(sessions_per_s), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    load = Load(process)
    try:
        assert await load._hear() == {"ready": True}
        yield load
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
