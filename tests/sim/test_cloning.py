"""The policy that repeats what it was shown: that it learns, remembers, goes where it is told, and refuses nonsense."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rehearse.cli import main
from rehearse.errors import CheckpointError, ConfigError, DataError
from rehearse.sim.agents import make_agent
from rehearse.sim.cloning.learn import clone, clone_config
from rehearse.sim.cloning.policy import Policy, PolicyConfig, load_policy
from rehearse.sim.task import Task
from rehearse.sim.tasks import get_task
from rehearse.world_model import load, shipped_checkpoint
from rehearse.world_model.data import Clip, LeRobotWriter

SIZE, LENGTH = 32, 7
PUSH = get_task("push")


def noise(length: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (length, SIZE, SIZE, 3), np.uint8)


def shown(goal_x: float, length: int = LENGTH) -> Clip:
    """An episode that leads to (goal_x, 0): the action is the goal, and the pictures tell nothing."""
    signals = {name: np.zeros(length, np.float32) for name in PUSH.signals}
    signals["block_x_m"][:] = np.linspace(0, goal_x, length)
    return Clip(
        frames=noise(length),
        actions=np.tile(np.array([goal_x, 0.1], np.float32), (length, 1)),
        proprio=np.zeros((length, 4), np.float32),
        signals=signals,
        task="push",
    )


def dataset(path: Path, clips: list[Clip]) -> Path:
    with LeRobotWriter(path, fps=5, robot_type="test", provenance={}) as writer:
        for clip in clips:
            writer.add(clip)
    return path


def learnt(task: Task, data: Path, out: Path, steps: int) -> Policy:
    config = clone_config(steps=steps, batch=8, shift_px=0, holdout=0.2, save_every=20)
    return load_policy(clone(task, [data], _small(config), out, lambda now: None))


def _small(config):
    from dataclasses import replace

    return replace(config, model=replace(config.model, image_size=SIZE))


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = tmp_path_factory.mktemp("clone")
    rng = np.random.default_rng(0)
    data = dataset(folder / "data", [shown(x, int(rng.integers(4, LENGTH + 1))) for x in rng.uniform(-0.8, 0.8, 20)])
    return learnt(PUSH, data, folder / "run", 150)


def test_it_goes_where_it_is_told(policy: Policy) -> None:
    frame, proprio = noise(1)[0], np.zeros(4, np.float32)
    for x in (-0.5, 0.0, 0.5):
        action, _ = policy.act(frame, proprio, np.array([x, 0, 0, 0], np.float32), None)
        assert action == pytest.approx([x, 0.1], abs=0.15)


def test_step_by_step_is_the_same_as_all_at_once(policy: Policy) -> None:
    generator = torch.Generator().manual_seed(0)
    moments, goals = torch.randn(1, 5, 128, generator=generator), torch.randn(1, 1, 4, generator=generator)
    with torch.no_grad():
        whole, _ = policy(moments, goals.expand(1, 5, 4))
        memory = None
        for t in range(5):
            one, memory = policy(moments[:, t : t + 1], goals, memory)
            torch.testing.assert_close(one.mean[:, 0], whole.mean[:, t])


def test_same_seed_same_policy_and_a_kill_changes_nothing(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", [shown(x) for x in (-0.5, -0.2, 0.1, 0.3, 0.6)])
    whole = learnt(PUSH, data, tmp_path / "whole", 40).state_dict()
    config = _small(clone_config(steps=40, batch=8, shift_px=0, holdout=0.2, save_every=20))

    def killed(now: dict) -> None:
        if now["step"] == 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clone(PUSH, [data], config, tmp_path / "part", killed)
    resumed = load_policy(clone(PUSH, [data], config, tmp_path / "part", lambda now: None)).state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_where_there_is_no_goal_only_what_went_well_is_repeated(tmp_path: Path) -> None:
    dog = get_task("dog-on-jacket")

    def fetched(progress: float, woken: bool, action: float) -> Clip:
        signals = {name: np.zeros(5, bool if kind == "event" else np.float32) for name, kind in dog.signals.items()}
        signals["progress"][-1], signals["woken"][-1] = progress, woken
        actions, proprio = np.full((5, 4), action, np.float32), np.zeros((5, 10), np.float32)
        return Clip(noise(5), actions, proprio, signals, "fetch")

    bad = [fetched(1.0, True, 0.9), fetched(0.5, False, 0.9)] * 5
    with pytest.raises(DataError, match="none of 10 episodes did what was asked"):
        learnt(dog, dataset(tmp_path / "bad", bad), tmp_path / "none", 2)
    data = dataset(tmp_path / "mixed", [*bad, *[fetched(1.0, False, -0.5)] * 5])
    frame, proprio = noise(1)[0], np.zeros(10, np.float32)
    action, _ = learnt(dog, data, tmp_path / "run", 100).act(frame, proprio, np.zeros(0), None)
    assert (action < 0).all(), "what is 0.9 in the others"


def test_bad_input_is_named(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", [shown(0.3)] * 3)
    with pytest.raises(DataError, match=r"two-room has"):
        clone(get_task("two-room"), [data], clone_config(steps=1), tmp_path / "run", lambda now: None)
    with pytest.raises(ConfigError, match="rehearse clone"):
        make_agent(PUSH, "cloning")
    with pytest.raises(CheckpointError, match="no known model"):
        load_policy(shipped_checkpoint("push-tiny"))
    path = learnt(PUSH, data, tmp_path / "run", 1)
    with pytest.raises(CheckpointError, match="no known model"):
        load(tmp_path / "run")
    assert path.config == PolicyConfig(2, 4, 4, SIZE)
    with pytest.raises(CheckpointError, match="two-room needs"):
        make_agent(get_task("two-room"), "cloning", policy=tmp_path / "run")


@pytest.mark.gl
def test_from_demonstrations_to_a_row_by_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    task = ["--task", "tests.sim.point_mass:TASK"]
    data, run, result = (str(tmp_path / name) for name in ("data", "run", "result.json"))
    collect = ["collect", *task, "--episodes", "8", "--workers", "1", "--out", data]
    assert main([*collect, "--behaviour", "script-best"]) == 0
    assert main([*collect, "--behaviour", "juggling"]) == 2
    assert "no behaviour 'juggling'" in capsys.readouterr().err
    assert main(["clone", *task, "--data", data, "--out", run, "--steps", "30", "--batch", "4"]) == 0
    evaluate = ["eval", *task, "--methods", "cloning", "--episodes", "2", "--workers", "1"]
    assert main([*evaluate, "--policy", run, "--json", result]) == 0
    assert main(["replay", result, "--method", "cloning", "--layout", "1", "--policy", run]) == 0
    assert main(evaluate) == 2
    assert "rehearse clone" in capsys.readouterr().err
