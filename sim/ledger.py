"""Finished episodes, kept line by line, so that a killed evaluation goes on and a finished one can be extended.

    with Ledger.open(Path("rows.jsonl"), conditions, task.harm) as ledger:
        ledger.episodes                    # {(method, layout): Episode} of earlier runs
        ledger.add(episode)                # on disk before it returns

The first line holds the conditions under which all episodes of the file were made; a file of other conditions is
refused. A line that a kill has torn is cut off, and its episode is run again: no row is lost and none counts twice.
"""

import json
import os
from pathlib import Path
from typing import IO, Self

from rehearse.errors import ConfigError, DataError
from rehearse.sim.episode import Episode
from rehearse.sim.task import Harm

BEGINNING = b'{"conditions": '


class Ledger:
    """A JSONL file of episodes, open for more."""

    def __init__(self, episodes: dict[tuple[str, int], Episode], file: IO[str], harm: Harm | None) -> None:
        self.episodes, self._file, self._harm = episodes, file, harm

    @classmethod
    def open(cls, path: Path, conditions: dict[str, str], harm: Harm | None) -> Self:
        """Open or begin ``path``; ConfigError if it was begun under other ``conditions``. ``harm`` is the task's."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = _whole_lines(path) if path.exists() else []
            file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise DataError(f"{path} cannot keep episodes: {error}; name another file") from error
        episodes = {}
        if whole:
            _check(path, whole[0], conditions)
            read = [_read(path, row, harm) for row in whole[1:]]
            episodes = {(episode.method, episode.layout): episode for episode in read}
        ledger = cls(episodes, file, harm)
        if not whole:
            ledger._write({"conditions": conditions})
        return ledger

    def add(self, episode: Episode) -> None:
        """Keep one more."""
        self._write(episode.to_row(self._harm))
        self.episodes[episode.method, episode.layout] = episode

    def _write(self, row: dict) -> None:
        try:
            self._file.write(json.dumps(row) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise DataError(f"{self._file.name}: {error}; what was written is kept, free space and go on") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _whole_lines(path: Path) -> list[str]:
    """The lines of ``path`` that end; what follows the last line break is cut off the file."""
    content = path.read_bytes()
    if not content.startswith(BEGINNING) and not BEGINNING.startswith(content):
        raise DataError(f"{path} is no file of episodes; name a new one")
    end = content.rfind(b"\n") + 1
    if end < len(content):
        os.truncate(path, end)
    return content[:end].decode("utf-8").splitlines()


def _check(path: Path, line: str, conditions: dict[str, str]) -> None:
    try:
        found = json.loads(line)["conditions"]
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: its first line is damaged; name a new file") from error
    for name in sorted(found.keys() | conditions.keys()):
        if found.get(name) != conditions.get(name):
            raise ConfigError(
                f"{path} was begun with {name} {found.get(name)}, this evaluation has {conditions.get(name)}; "
                "name a new file"
            )


def _read(path: Path, line: str, harm: Harm | None) -> Episode:
    try:
        return Episode.from_row(json.loads(line), harm)
    except (json.JSONDecodeError, TypeError) as error:
        raise DataError(f"{path}: a line is no episode of this version: {line[:80]}; name a new file") from error
