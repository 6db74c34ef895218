"""``rehearse demo`` with nothing but what is shipped, on a task that has every kind of method."""

import json
from pathlib import Path

import pytest

from rehearse.cli import main

pytestmark = [pytest.mark.gl, pytest.mark.slow]


def test_it_runs_with_what_is_shipped(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    page, told = tmp_path / "demo.html", tmp_path / "demo.json"
    assert main(["demo", "--task", "reach", "--episodes", "1", "--out", str(page), "--json", str(told)]) == 0
    methods = [row["method"] for row in json.loads(told.read_text())["rows"]]
    assert {"nothing", "script-best", "cloning", "planner-512", "oracle"} <= set(methods)
    assert "<video" in page.read_text(encoding="utf-8")
    assert "planner-512" in capsys.readouterr().out
