"""A collection that was killed goes on: nothing twice, nothing mixed, the same dataset as without the kill."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rehearse.errors import ConfigError, DataError
from rehearse.sim.collect import CollectConfig, collect
from rehearse.sim.takes import KeptTakes, Take
from rehearse.world_model.data import Clip
from tests.house.tree import ROOT

CONDITIONS = {"seed": "3", "level": "half"}


def take(number: int) -> Take:
    rng = np.random.default_rng(number)
    clip = Clip(
        rng.integers(256, size=(4, 8, 8, 3)).astype(np.uint8),
        actions=rng.normal(size=(4, 2)),
        proprio=rng.normal(size=(4, 3)),
        signals={"reward": rng.normal(size=4), "woken": rng.random(4) > 0.5},
        task="bring it",
        views={"left": rng.integers(256, size=(4, 6, 6, 3)).astype(np.uint8)},
    )
    return Take(clip, success=number % 2 == 0, harmed=number % 2 == 1)


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_what_was_kept_is_there_again_bit_for_bit(tmp_path: Path) -> None:
    folder = tmp_path / "play.partial"
    kept = KeptTakes.open(folder, CONDITIONS)
    assert not folder.exists(), "a collection that has recorded nothing leaves nothing"
    for number in range(3):
        kept.add(take(number))
    again = KeptTakes.open(folder, CONDITIONS)
    assert again.count == 3
    for number in range(3):
        wanted, found = take(number), again.read(number)
        assert (found.success, found.harmed) == (wanted.success, wanted.harmed)
        assert (found.clip.task, found.clip.events) == (wanted.clip.task, wanted.clip.events)
        for name in ("frames", "actions", "proprio"):
            np.testing.assert_array_equal(getattr(found.clip, name), getattr(wanted.clip, name))
        for name in ("signals", "views"):
            one, other = getattr(found.clip, name), getattr(wanted.clip, name)
            assert one.keys() == other.keys()
            assert all((one[key] == other[key]).all() for key in one)
    again.remove()
    assert not folder.exists()


def test_other_conditions_damage_and_other_folders_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "play.partial"
    KeptTakes.open(folder, CONDITIONS).add(take(0))
    with pytest.raises(ConfigError, match=r"begun with seed 3, this collection has 4; go on as it was begun"):
        KeptTakes.open(folder, CONDITIONS | {"seed": "4"})
    (folder / "000000.npz").write_bytes(b"torn")
    with pytest.raises(DataError, match=r"000000\.npz is damaged"):
        KeptTakes.open(folder, CONDITIONS).read(0)
    (tmp_path / "notes").mkdir()
    with pytest.raises(DataError, match="no unfinished collection"):
        KeptTakes.open(tmp_path / "notes", CONDITIONS)


@pytest.mark.gl
@pytest.mark.slow
def test_after_a_kill_the_same_command_goes_on(tmp_path: Path) -> None:
    config = CollectConfig(episodes=6, seed=3, workers=1)
    whole = collect(config, tmp_path / "whole")
    path, partial = tmp_path / "killed", tmp_path / "killed.partial"
    script = """
import sys
from pathlib import Path
from rehearse.sim.collect import CollectConfig, collect
if __name__ == "__main__":
    collect(CollectConfig(episodes=6, seed=3, workers=1), Path(sys.argv[1]), keep={"code": "today"})
"""
    (tmp_path / "script.py").write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, tmp_path / "script.py", path]
    running = subprocess.Popen(command, env=environment, start_new_session=True)
    while not (partial / "000001.npz").exists():
        assert running.poll() is None, "it ended before it was killed"
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not path.exists()
    left = sorted(file.name for file in partial.glob("*.npz"))
    assert 2 <= len(left) < 6
    with pytest.raises(ConfigError, match="code today, this collection has tomorrow"):
        collect(config, path, keep={"code": "tomorrow"})
    recorded = []

    def run(config, make_agent, indices):
        from rehearse.sim.collect import in_processes

        recorded.extend(indices)
        return in_processes(config, make_agent, indices)

    collect(config, path, keep={"code": "today"}, run=run)
    assert recorded == list(range(len(left), 6)), "nothing is recorded twice"
    assert digests(path) == digests(whole)
    assert not partial.exists()
