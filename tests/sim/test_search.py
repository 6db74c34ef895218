"""The study of searches: it runs to its table, goes on where it stopped, and mixes no two studies in one file."""

import json
from pathlib import Path

import pytest

from benchmarks import search
from rehearse.errors import ConfigError
from rehearse.sim.planner_agent import PlannerSettings

pytestmark = pytest.mark.gl


def test_a_study_goes_on_as_it_was_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    variants = [search.Variant("few", PlannerSettings(1)), search.Variant("more", PlannerSettings(2))]
    monkeypatch.setitem(search.STUDIES, "risk", lambda: variants[:count])
    rows = tmp_path / "rows.json"
    study = {"study": "risk", "task": "reach", "episodes": 1, "json": rows}
    for count in (1, 2):
        search.Search(**study).run()
        assert [row["method"] for row in json.loads(rows.read_text())["rows"]] == ["few", "more"][:count]
        assert "few" in capsys.readouterr().out, "the table"
    before = rows.read_bytes()
    for changed in ({"seed": 7}, {"episodes": 2}):
        with pytest.raises(ConfigError, match=f"begun with {next(iter(changed))}"):
            search.Search(**study | changed).run()
    assert rows.read_bytes() == before
