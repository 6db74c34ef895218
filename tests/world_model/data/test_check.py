"""Each fault is planted in a sound dataset, and found where it was planted; nothing is found in a sound one."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rehearse.cli import main
from rehearse.errors import DataError
from rehearse.world_model.data import Clip, LeRobotWriter
from rehearse.world_model.data.check import check

DATA, EPISODES = "data/chunk-000/file-000.parquet", "meta/episodes/chunk-000/file-000.parquet"
VIDEO = "videos/observation.images.front/chunk-000/file-000.mp4"


def edited(dataset: Path, file: str, column: str, change: Callable[[np.ndarray], None]) -> None:
    """One column of a table, changed in place."""
    table = pq.read_table(dataset / file)
    values = np.array(table[column].to_pylist())
    change(values)
    kind = table.schema.field(column).type
    index = table.column_names.index(column)
    pq.write_table(table.set_column(index, column, pa.array(values.tolist(), kind)), dataset / file)


def said(dataset: Path) -> list[str]:
    return [f"{'grave' if f.grave else 'look'}: {f.where}: {f.what}" for f in check(dataset).findings]


def test_nothing_is_wrong_with_what_we_write(dataset: Path) -> None:
    report = check(dataset)
    assert report.findings == ()
    assert report.sound
    assert (report.facts["episodes"], report.facts["frames"]) == (3, 26)
    assert len(report.facts["ranges"]["action"]["low"]) == 4


def set_(where: object, value: object) -> Callable[[np.ndarray], None]:
    return lambda values: values.__setitem__(where, value)


@pytest.mark.parametrize(
    ("file", "column", "change", "finding"),
    [
        (DATA, "action", set_((13, 2), np.nan), "grave: episode 1: action is NaN or infinite at frame 1"),
        (DATA, "signal.disturbance", set_((2, ...), np.inf), "signal.disturbance is NaN or infinite at frame 2"),
        (
            DATA,
            "timestamp",
            set_(slice(5, 12), np.arange(9, 16) / 5),
            "episode 0: the clock goes 1.000 s on at frame 4",
        ),
        (DATA, "timestamp", set_(3, 0.0), "episode 0: the clock goes -0.400 s on at frame 2"),
        (DATA, "action", set_((..., 1), 0.25), "look: action[a1]: always 0.25"),
        (DATA, "observation.state", set_((0, 0), 900.0), "grave: meta/stats.json: observation.state: its mean"),
        (
            DATA,
            "action",
            set_((slice(0, 20), 0), 9.9),
            "look: action[a0]: 77 % of all frames are at the end",
        ),
        (DATA, "episode_index", set_(11, 1), "grave: episode 0: rows 0 to 12 are not its own"),
        (EPISODES, "dataset_to_index", set_(2, 25), "grave: episode 2: rows 17 to 25 are not its own"),
        (EPISODES, "episode_index", set_(1, 7), "grave: meta/episodes: 3 episodes, info.json says 3"),
        (EPISODES, "videos/observation.images.front/from_timestamp", set_(2, 90.0), "grave: episode 2, observation"),
    ],
)
def test_a_wrong_number_is_found(dataset: Path, file: str, column: str, change: Callable, finding: str) -> None:
    edited(dataset, file, column, change)
    assert any(finding in line for line in said(dataset)), said(dataset)


def test_a_cut_and_a_missing_video_are_found(dataset: Path) -> None:
    content = (dataset / VIDEO).read_bytes()
    (dataset / VIDEO).write_bytes(content[: len(content) // 2])
    assert len([line for line in said(dataset) if "truncated" in line]) == 3
    (dataset / VIDEO).unlink()
    assert len([line for line in said(dataset) if "video is missing" in line]) == 3


def test_lost_tables_are_found(dataset: Path) -> None:
    (dataset / "meta/stats.json").write_text("{}")
    assert any("no statistics" in line for line in said(dataset))
    table = pq.read_table(dataset / DATA)
    pq.write_table(table.drop_columns(["timestamp"]), dataset / DATA)
    assert said(dataset) == ["grave: tables: data has no column timestamp"]
    pq.write_table(table, dataset / DATA)
    (dataset / "meta/tasks.parquet").unlink()
    assert any("meta/tasks.parquet" in line and line.startswith("grave") for line in said(dataset))
    (dataset / DATA).write_bytes(b"PAR1")
    assert any("damaged" in line for line in said(dataset))
    (dataset / DATA).unlink()
    assert any("no parquet file" in line for line in said(dataset))


def test_dead_and_frozen_cameras_and_twins_are_found(tmp_path: Path, make_clip: Callable[..., Clip]) -> None:
    good = make_clip(0, length=6)

    def like(frames: np.ndarray, seed: int) -> Clip:
        other = make_clip(seed, length=6)
        return Clip(frames, other.actions, other.proprio, other.signals, other.task, other.events)

    dead = good.frames.copy()
    dead[2:4] = 128
    with LeRobotWriter(tmp_path / "bad", fps=5) as out:
        for clip in (good, like(dead, 1), like(np.repeat(good.frames[:1], 6, 0), 2), good):
            out.add(clip)
    lines = said(tmp_path / "bad")
    assert "grave: episode 1, observation.images.front: 2 of 6 pictures are of one colour, as of a dead camera" in lines
    assert "look: episode 2, observation.images.front: the picture never changes, as of a frozen camera" in lines
    assert "look: episodes 0, 3: the same numbers throughout" in lines
    assert len(lines) == 3


def test_by_the_command_line(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    result = tmp_path / "check.json"
    assert main(["data", "check", str(dataset), "--json", str(result)]) == 0
    assert json.loads(result.read_text())["sound"]
    assert "nothing is wrong" in capsys.readouterr().out
    edited(dataset, DATA, "action", set_((13, 2), np.nan))
    assert main(["data", "check", str(dataset), "--json", str(result)]) == 1
    found = json.loads(result.read_text())["findings"]
    assert found[0]["grave"]
    assert "grave" in capsys.readouterr().out
    assert main(["data", "check", str(tmp_path)]) == 2
    assert "not a LeRobotDataset" in capsys.readouterr().err


def test_what_was_done_can_be_listed(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    done, result = clip_of(True, False), tmp_path / "done.json"
    with LeRobotWriter(tmp_path / "some", fps=5) as out:
        for each in (clip_of(False, False), done, clip_of(True, True), done):
            out.add(each)
    assert main(["data", "done", str(tmp_path / "some"), "--json", str(result)]) == 0
    told = capsys.readouterr()
    assert told.out == "[1, 3]\n"
    assert "2 of 4" in told.err
    assert json.loads(result.read_text())["episodes"] == [1, 3]


def clip_of(brought: bool, woken: bool) -> Clip:
    """Four moments of a jacket."""
    signals = {"progress": np.linspace(0, 1 if brought else 0.5, 4).astype(np.float32), "woken": np.full(4, woken)}
    rows = lambda n: np.zeros((4, n), np.float32)  # noqa: E731
    return Clip(np.random.default_rng(0).integers(0, 255, (4, 32, 32, 3), np.uint8), rows(4), rows(10), signals, "x")


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        check(tmp_path / "nowhere")
