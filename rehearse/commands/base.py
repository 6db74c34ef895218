"""What all commands share: ``--seed``, ``--json``, ``--debug``, progress bars, whole JSON, NAME=NUMBER pairs."""

import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from platform import machine, processor, python_version
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from rehearse import __version__
from rehearse.errors import ConfigError
from rehearse.files import atomic_write

Number = TypeVar("Number", int, float)


@dataclass(kw_only=True)
class Command:
    """Base of the commands."""

    seed: int = 0
    """Seed of everything random in this command."""
    json: Path | None = None
    """Also write the result to this file, for machines."""
    debug: bool = False
    """Show the full traceback of an error."""

    def run(self, console: Console) -> int:
        """Do it; returns the exit code (0 fine, 1 failed)."""
        raise NotImplementedError

    def check_json(self) -> None:
        """ConfigError before any work is done, if ``--json`` could not be written after it."""
        if self.json is not None and (self.json.is_dir() or any(folder.is_file() for folder in self.json.parents)):
            raise ConfigError(f"--json {self.json} is a folder, or lies below a file; name a file to be written")

    def write_json(self, result: dict) -> None:
        """Write ``result`` to ``--json``, if that was given."""
        if self.json is not None:
            with atomic_write(self.json) as path:
                path.write_text(json.dumps(result, indent=1) + "\n")


def progress_bar(console: Console) -> Progress:
    """A bar with a rate-bearing text, the count, the time spent and the time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )


def about(**more: object) -> dict[str, str]:
    """Where and by which code a result was made."""
    commit = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
    )
    return {
        "code": f"rehearse {__version__}" + (f" ({commit.stdout.strip()})" if commit.returncode == 0 else ""),
        "python": python_version(),
        "machine": processor() or machine(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        **{name: str(value) for name, value in more.items()},
    }


def parsed(text: str | None, number: type[Number], option: str, form: str) -> dict[str, Number]:
    """{name: number} from ``friction=0.5,light=1``; ConfigError, which names the option, for what is not so written."""
    found = {}
    for word in text.split(",") if text else ():
        name, _, value = word.strip().partition("=")
        try:
            found[name] = number(value)
        except ValueError as error:
            raise ConfigError(f"{option} {text!r}: write {form} with commas between") from error
    return found
