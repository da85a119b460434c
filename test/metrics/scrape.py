"""Asks the daemon for its metrics, and reads what it says."""

import asyncio
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "test/faults"))

import peers  # noqa: E402  its parts are used by the tests

SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


async def request(port: int, text: str | bytes) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of the answer; the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(text if isinstance(text, bytes) else text.encode())
        answer = (await asyncio.wait_for(reader.read(), peers.PATIENCE_S)).decode()
    finally:
        writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]) if first else 0, headers, body


async def get(port: int, path: str = "/metrics", method: str = "GET") -> tuple[int, dict[str, str], str]:
    return await request(port, f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n")


class Metrics:
    def __init__(self, text: str):
        self.text = text
        self.samples: dict[tuple[str, frozenset], float] = {}
        self.types: dict[str, str] = {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split()
                self.types[name] = kind
            elif not line.startswith("#"):
                name, labels, value = SAMPLE.fullmatch(line).groups()
                key = (name, frozenset(LABEL.findall(labels or "")))
                assert key not in self.samples, line
                self.samples[key] = float(value)

    def value(self, name: str, **labels: str) -> float:
        return self.samples[f"milter_manager_{name}", frozenset(labels.items())]

    def all(self, name: str, **labels: str) -> list[tuple[dict, float]]:
        """What has at least these labels."""
        return [(dict(key), value) for (its, key), value in self.samples.items()
                if its == f"milter_manager_{name}" and labels.items() <= dict(key).items()]

    def nonzero(self, name: str, **labels: str) -> dict[tuple, float]:
        """Values by those labels that were not asked for, in order of their names."""
        return {tuple(its[label] for label in sorted(its) if label not in labels): value
                for its, value in self.all(name, **labels) if value}


async def scrape(port: int) -> Metrics:
    status, headers, body = await get(port)
    assert status == 200 and headers["content-type"].startswith("text/plain; version=0.0.4"), (status, headers)
    assert int(headers["content-length"]) == len(body.encode())
    return Metrics(body)


async def until(port: int, holds, what: str) -> Metrics:
    end = asyncio.get_running_loop().time() + peers.PATIENCE_S
    while not holds(found := await scrape(port)):
        assert asyncio.get_running_loop().time() < end, f"not in time: {what}\n{found.text}"
        await asyncio.sleep(0.02)
    return found


def promtool(*arguments: str, given: str = "") -> str:
    """What it says, which must not be a complaint."""
    done = subprocess.run(["promtool", *arguments], input=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
