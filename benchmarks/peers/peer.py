"""Our end of a peer in its own environment, and what the three comparisons share: the table and the JSON.

with Peer("torch-world", folder) as peer:
    built = peer.ask("build", size="small", image_px=32, action_dim=2, seed=0)
    latents = peer.ask("encode", arrays={"frames": frames})["latents"]
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import about
from rehearse.errors import RehearseError
from rehearse.files import atomic_write

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / "out" / "peers"
RESULTS = HERE.parent / "results"
PEERS = ("torch-world", "stable-worldmodel")


class PeerError(RehearseError):
    """A peer is not there or gave up."""


class Peer:
    """A worker process that runs `script`; ``ask`` is a request and its answer, arrays included."""

    def __init__(self, package: str, folder: Path = FOLDER, script: str = "worker.py") -> None:
        self.package, python = package, folder / package / "bin" / "python"
        if not python.exists():
            raise PeerError(f"{package} is not in {folder}; run benchmarks/peers/setup.sh {folder}")
        self._temporary = tempfile.TemporaryDirectory(prefix="peer-")
        self._log = (Path(self._temporary.name) / "stderr").open("w+")
        command = [str(python), str(HERE / script)]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
        pipes = dict(env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True)
        self._process = subprocess.Popen(command, **pipes)
        self.about = self.ask("about")

    def ask(self, do: str, *, arrays: dict[str, np.ndarray] | None = None, **fields: object) -> dict:
        """Carry out one verb of the script."""
        given, reply = (Path(self._temporary.name) / name for name in ("given.npz", "reply.npz"))
        if arrays is not None:
            np.savez(given, **arrays)
        reply.unlink(missing_ok=True)
        request = {"do": do, "arrays": arrays and str(given), "reply": str(reply), **fields}
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # why is in its log
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            last = (self._log.read().strip().splitlines() or ["no word of why"])[-1]
            raise PeerError(f"{self.package} gave up at '{do}': {last}")
        answer = json.loads(line)
        if reply.exists():
            with np.load(reply) as stored:
                answer |= {name: stored[name] for name in stored}
        return answer

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._log.close()
        self._temporary.cleanup()


def open_peers(
    stack: ExitStack,
    folder: Path,
    console: Console,
    packages: Sequence[str] = PEERS,
    script: str = "worker.py",
) -> dict[str, Peer]:
    """The peers that are installed, by package; each of the others is named in one line."""
    found = {}
    for package in packages:
        try:
            found[package] = stack.enter_context(Peer(package, folder, script))
        except PeerError as error:
            console.print(f"[yellow]left out: {error}")
    return found


def report(console: Console, title: str, rows: Sequence[dict]) -> None:
    """Rows of one shape as a table; what is None shows as a dash."""
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*("–" if value is None else str(value) for value in row.values()))
    console.print(table)


def write(path: Path, result: dict, peers: Iterable[Peer], **more: object) -> None:
    """The result with where, when and with which versions it came about."""
    peers = list(peers)
    versions = {peer.package: peer.about["peer"].split()[-1] for peer in peers}
    torch_versions = {f"{peer.package} torch": peer.about["torch"] for peer in peers}
    with atomic_write(path) as temporary:
        document = {**result, "about": about(threads=1, **more) | versions | torch_versions}
        temporary.write_text(json.dumps(document, indent=1) + "\n")
