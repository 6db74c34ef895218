"""lerobot-eval, as people call it, evaluates our planner in our environment; and another policy in it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("lerobot", reason="make test-lerobot makes an environment that has it")
pytest.importorskip("lerobot.scripts.lerobot_eval", reason="pip install 'lerobot[dataset,evaluation]'")
pytestmark = pytest.mark.gl
PLUGIN = "rehearse.sim.lerobot"


def evaluated(out: Path, *arguments: str) -> dict:
    """What eval_info.json says after `lerobot-eval` with these arguments."""
    command = [
        str(Path(sys.executable).with_name("lerobot-eval")),
        f"--env.discover_packages_path={PLUGIN}",
        "--env.type=rehearse",
        f"--output_dir={out}",
        "--policy.device=cpu",
        *arguments,
    ]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads((out / "eval_info.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 2])
def test_lerobot_eval_runs_our_planner_in_our_environment(tmp_path: Path, batch: int) -> None:
    ours = [f"--policy.discover_packages_path={PLUGIN}", "--policy.type=rehearse", "--policy.task=reach"]
    counts = [f"--eval.batch_size={batch}", "--eval.n_episodes=2", "--policy.futures=64", "--policy.push_to_hub=false"]
    told = evaluated(tmp_path / "out", "--env.task=reach", *ours, *counts)
    assert told["overall"]["n_episodes"] == 2
    assert told["overall"]["pc_success"] == 100.0, "reaching is easy"
    assert len(list((tmp_path / "out/videos").rglob("*.mp4"))) == 2


def test_what_passes_through_lerobot_arrives_as_it_was() -> None:
    from lerobot.envs.utils import preprocess_observation

    from rehearse.sim.lerobot.environment_rehearse import LeRobotEnv
    from rehearse.sim.lerobot.modeling_rehearse import _sensed

    env = LeRobotEnv("push")
    seen, _ = env.reset(seed=3)
    batch = preprocess_observation({name: value[None] for name, value in seen.items()})
    told = _sensed(batch, 0)
    for ours, theirs in (("image", "pixels"), ("proprio", "agent_pos"), ("goal", "goal"), ("goal_state", "goal_state")):
        np.testing.assert_array_equal(told[ours], seen[theirs])
        assert told[ours].dtype == seen[theirs].dtype
    env.close()


def test_a_planner_is_not_trained_by_lerobot() -> None:
    from rehearse.errors import ConfigError
    from rehearse.sim.lerobot.configuration_rehearse import RehearseConfig

    with pytest.raises(ConfigError, match="rehearse train"):
        RehearseConfig(device="cpu").get_optimizer_preset()


def test_when_time_is_up_it_holds() -> None:
    from rehearse.sim.lerobot.configuration_rehearse import RehearseConfig
    from rehearse.sim.lerobot.modeling_rehearse import RehearsePolicy

    policy = RehearsePolicy(RehearseConfig(device="cpu", task="reach", futures=1))
    policy.reset()
    policy._steps = 10**6
    assert policy.select_action({"observation.state": torch.zeros(2, 6)}).tolist() == [[0.0] * 3] * 2
