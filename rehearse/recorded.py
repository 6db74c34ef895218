"""An evaluation that was written down, read back: its episodes, and the conditions under which they were made.

result = read_evaluation(Path("result.json"))             # what `rehearse eval --json` wrote
episode = find_episode(result["episodes"], "planner-512", 7000012)
config = config_of(result["about"], "planner-512", checkpoint)
"""

import hashlib
import json
from pathlib import Path

from rehearse.errors import ConfigError, DataError
from rehearse.sim.evaluate import EvalConfig
from rehearse.world_model import shipped_checkpoint
from rehearse.world_model.checkpoint import weights_path

CONDITIONS = ("task", "level", "jacket", "split", "seed", "delay_steps", "compensate")
USUAL = {"arm": "arm7", "camera": "front"}  # conditions of evaluations from before there was a choice


def conditions(config: EvalConfig) -> dict[str, str]:
    """What an episode depends on besides its method and layout; the checkpoint by its content."""
    return {name: str(getattr(config, name)) for name in (*CONDITIONS, *USUAL)} | {
        "checkpoint_sha256": digest(config.checkpoint)
    }


def digest(checkpoint: Path | None) -> str:
    """The beginning of the SHA-256 of a checkpoint's weights; "none" without one."""
    if checkpoint is None:
        return "none"
    return hashlib.sha256(weights_path(checkpoint).read_bytes()).hexdigest()[:16]


def default_checkpoint(methods: tuple[str, ...]) -> Path | None:
    """The shipped world model, if a planner is among the methods."""
    planners = any(method.startswith("planner-") for method in methods)
    return shipped_checkpoint("dog-on-jacket-tiny") if planners else None


def read_evaluation(path: Path) -> dict:
    """What ``rehearse eval --json`` wrote; DataError for anything else."""
    try:
        result = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(
            f"{path} cannot be read as an evaluation: {error}; make it with rehearse eval --json"
        ) from error
    if not isinstance(result, dict) or not {"rows", "episodes", "about"} <= result.keys():
        raise DataError(
            f"{path} is no evaluation: rows, episodes or about is missing; make it with rehearse eval --json"
        )
    return result


def find_episode(episodes: list[dict], method: str, layout: int) -> dict:
    """The recorded episode; ConfigError if there is none."""
    for episode in episodes:
        if (episode["method"], episode["layout"]) == (method, layout):
            return episode
    methods = ", ".join(sorted({episode["method"] for episode in episodes}))
    raise ConfigError(f"no episode of {method} on layout {layout} is recorded; the methods are {methods}")


def config_of(about: dict[str, str], method: str, checkpoint: Path | None) -> EvalConfig:
    """The conditions that were written down, read back; ConfigError if the checkpoint is another one."""
    if missing := [name for name in (*CONDITIONS, "checkpoint_sha256") if name not in about]:
        raise ConfigError(f"the result does not say under which {missing[0]} it was made; evaluate again")
    if checkpoint is not None and (found := digest(checkpoint)) != about["checkpoint_sha256"]:
        raise ConfigError(
            f"{checkpoint} is not the checkpoint that was evaluated (SHA-256 {found}, recorded "
            f"{about['checkpoint_sha256']}); give that one with --checkpoint"
        )
    return EvalConfig(
        task=about["task"],
        level=about["level"],
        jacket=about["jacket"],
        split=about["split"],
        seed=int(about["seed"]),
        delay_steps=int(about["delay_steps"]),
        compensate=about["compensate"] == "True",
        **{name: about.get(name, usual) for name, usual in USUAL.items()},
        methods=(method,),
        checkpoint=checkpoint,
    )
