"""lerobot-train, as people call it, learns from our demonstrations; what it makes is a method of ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lerobot", reason="make test-lerobot makes an environment that has it")
pytest.importorskip("accelerate", reason="pip install 'lerobot[training]'")

from rehearse.cli import main
from rehearse.errors import CheckpointError
from rehearse.sim.agents import make_agent
from rehearse.sim.tasks import get_task

pytestmark = [pytest.mark.gl, pytest.mark.slow]
SMALL = ("chunk_size=4", "n_action_steps=2", "dim_model=32", "n_heads=2", "dim_feedforward=64", "n_encoder_layers=1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ACT after three steps on three demonstrations of ours."""
    folder = tmp_path_factory.mktemp("act")
    demos = folder / "demos"
    collect = ["collect", "--behaviour", "script-best", "--episodes", "4", "--workers", "1", "--out", str(demos)]
    assert main(collect) == 0
    command = [
        str(Path(sys.executable).with_name("lerobot-train")),
        f"--dataset.root={demos}",
        *("--dataset.repo_id=local/demos", "--dataset.episodes=[0,1,3]", "--dataset.video_backend=pyav"),
        *("--policy.type=act", "--policy.pretrained_backbone_weights=null", "--policy.device=cpu"),
        *("--policy.push_to_hub=false", "--policy.n_vae_encoder_layers=1"),
        *(f"--policy.{setting}" for setting in SMALL),
        *("--batch_size=4", "--steps=3", "--num_workers=0", "--env_eval_freq=0", f"--output_dir={folder / 'run'}"),
    ]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return folder / "run/checkpoints/last/pretrained_model"


def test_it_is_evaluated_beside_our_methods(trained: Path, tmp_path: Path) -> None:
    method, result = f"lerobot:{trained}", tmp_path / "result.json"
    ask = ["eval", "--episodes", "2", "--methods", f"nothing,{method}", "--workers", "1", "--json", str(result)]
    assert main(ask) == 0
    told = json.loads(result.read_text())
    assert [row["method"] for row in told["rows"]] == ["nothing", method]
    layouts = {name: [e["layout"] for e in told["episodes"] if e["method"] == name] for name in ("nothing", method)}
    assert layouts["nothing"] == layouts[method]


def test_it_acts_by_what_it_sees_and_begins_anew(trained: Path) -> None:
    task = get_task("dog-on-jacket")
    agent, env = make_agent(task, f"lerobot:{trained}"), task.make_env(split="validation")

    def first(layout: int, change: int = 0) -> np.ndarray:
        seen, _ = env.reset(options={"layout": layout})
        seen = seen | {"image": seen["image"] // (1 + change)}
        agent.reset(env, seen, np.random.default_rng(0))
        return agent.act(env)

    action = first(1)
    assert action.shape == (4,)
    assert np.isfinite(action).all()
    assert not np.allclose(first(1, change=1), action), "it looks"
    np.testing.assert_allclose(first(1), action, atol=1e-6)
    env.close()


def test_what_does_not_fit_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"observation.state is \(10,\); push has 4"):
        make_agent(get_task("push"), f"lerobot:{trained}")
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        make_agent(get_task("push"), f"lerobot:{tmp_path}")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="cannot be read"):
        make_agent(get_task("push"), f"lerobot:{tmp_path}")
