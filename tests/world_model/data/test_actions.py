"""Actions that are missing, not finite or of another robot: one line names dataset, field and remedy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rehearse.errors import DataError
from rehearse.world_model.data import Clip, ClipCache, LeRobotWriter, open_videos
from rehearse.world_model.sampler import check_alike

TABLE = "data/chunk-000/file-000.parquet"


def _write(path: Path, clip: Clip) -> Path:
    with LeRobotWriter(path, fps=5) as out:
        out.add(clip)
    return path


def _told(error: pytest.ExceptionInfo) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("odd", "field", "has"),
    [
        (lambda clip: Clip(clip.frames, clip.actions[:, :3], clip.proprio, clip.signals), "action_dim 3", "has 4"),
        (lambda clip: Clip(clip.frames, None, clip.proprio, clip.signals), "action_dim 0", "has 4"),
        (lambda clip: Clip(clip.frames, clip.actions, None, clip.signals), "proprio_dim 0", "has 3"),
    ],
)
def test_datasets_of_two_robots_are_refused_together_and_apart(
    dataset: Path, tmp_path: Path, make_clip: Callable[..., Clip], odd: Callable[[Clip], Clip], field: str, has: str
):
    other = _write(tmp_path / "other", odd(make_clip(0)))
    with pytest.raises(DataError) as together:
        ClipCache.open([dataset, other], image_size=32)
    with pytest.raises(DataError) as apart:
        check_alike([ClipCache.open(path, image_size=32) for path in (dataset, other)])
    for error in (together, apart):
        assert _told(error).startswith(f"{other}: {field}, but {dataset} {has}; train on datasets of one robot")


def test_a_dataset_without_actions_trains_no_robot_but_is_video(tmp_path: Path, make_clip: Callable[..., Clip]):
    silent = _write(tmp_path / "silent", Clip(make_clip(0).frames))
    with pytest.raises(DataError) as error:
        check_alike([ClipCache.open(silent, image_size=32)])
    assert _told(error) == (
        f"{silent}: no 'action', and training needs the one taken at every frame; pretrain on it as video"
    )
    check_alike([], open_videos(silent, image_size=32))


def _spoiled(value: float | None, row: int = 13) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        rows = table["action"].to_pylist()
        rows[row] = [*rows[row][:-1], value]
        column = pa.array(rows, table["action"].type)
        return table.set_column(table.column_names.index("action"), "action", column)

    return change


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda table: table.drop_columns(["action"]), "column 'action' is missing, found .*; restore the file"),
        (_spoiled(np.nan), "'action' has NaN or infinity in episode 1; remove that episode"),
        (_spoiled(np.inf, row=20), "'action' has NaN or infinity in episode 2; remove that episode"),
        (_spoiled(None), "'action' has NaN or infinity in episode 1; remove that episode"),
    ],
)
def test_a_spoilt_action_column_is_named_and_leaves_no_cache_but_is_no_matter_to_video(
    dataset: Path, change: Callable[[pa.Table], pa.Table], complaint: str
):
    pq.write_table(change(pq.read_table(dataset / TABLE)), dataset / TABLE)
    with pytest.raises(DataError, match=f"{TABLE}: {complaint}") as error:
        ClipCache.open([dataset], image_size=32)
    assert _told(error).startswith(str(dataset))
    assert not list(dataset.glob(".cache*"))
    assert len(open_videos(dataset, image_size=32)[0]) == 3
