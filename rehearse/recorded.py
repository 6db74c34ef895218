"""An evaluation that was written down, read back: its episodes, and the conditions under which they were made.

result = read_evaluation(Path("result.json"))             # what `rehearse eval --json` wrote
episode = find_episode(result["episodes"], "planner-512", 7000012)
config = config_of(result["about"], "planner-512", checkpoint)
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from rehearse.errors import ConfigError, DataError
from rehearse.sim.agents import CLONING, LEROBOT
from rehearse.sim.evaluate import EvalConfig
from rehearse.sim.planner_agent import PlannerSettings
from rehearse.sim.task import Task
from rehearse.sim.tasks import DEFAULT, get_task
from rehearse.world_model import shipped_checkpoint
from rehearse.world_model.checkpoint import weights_path

ONE_LEVEL = PlannerSettings(scout=False)  # which is not written down: there was nothing else once
CONDITIONS = ("task", "level", "split", "seed", "delay_steps", "compensate")


def conditions(config: EvalConfig) -> dict[str, str]:
    """What an episode depends on besides its method and layout; the checkpoint by its content.

    The planner's settings, a clock that measures and variations are told where there are such.
    """
    told = {name: str(getattr(config, name)) for name in CONDITIONS} | dict(config.options)
    if config.planner != ONE_LEVEL:
        told["planner"] = json.dumps(asdict(config.planner))
    if config.measured:
        told["clock"] = "measured"
    if config.variations:
        told["variations"] = json.dumps(config.variations, sort_keys=True)
    if config.policy is not None:
        told["policy_sha256"] = digest(config.policy)
    for method in config.methods:
        if method.startswith(LEROBOT):
            told[f"{method}_sha256"] = digest(Path(method.removeprefix(LEROBOT)))
    return told | {"checkpoint_sha256": digest(config.checkpoint)}


def task_of(about: Mapping[str, str]) -> Task:
    """The task of an evaluation that was written down."""
    return get_task(about.get("task", DEFAULT))


def options_of(about: Mapping[str, str]) -> dict[str, str]:
    """The task's options as they were; what evaluations from before there was a choice do not tell is the usual."""
    return {name: about.get(name, usual) for name, usual in task_of(about).checked_options({}).items()}


def digest(checkpoint: Path | None) -> str:
    """The beginning of the SHA-256 of a checkpoint's weights; "none" without one."""
    if checkpoint is None:
        return "none"
    return hashlib.sha256(weights_path(checkpoint).read_bytes()).hexdigest()[:16]


def default_checkpoint(task: Task, methods: tuple[str, ...]) -> Path | None:
    """The model that is shipped for the task, if a planner is among the methods; ConfigError if there is none."""
    if not any(method.startswith("planner-") for method in methods):
        return None
    if task.checkpoint is None:
        raise ConfigError(f"no model is shipped for {task.name}: train one and give it with --checkpoint")
    return shipped_checkpoint(task.checkpoint)


def default_policy(task: Task, methods: tuple[str, ...]) -> Path | None:
    """The cloned policy that is shipped for the task, if cloning is among the methods; ConfigError if there is none."""
    if CLONING not in methods:
        return None
    if task.cloned is None:
        raise ConfigError(f"no cloned policy is shipped for {task.name}: rehearse clone makes one, --policy names it")
    return shipped_checkpoint(task.cloned)


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


def config_of(about: dict[str, str], method: str, checkpoint: Path | None, policy: Path | None = None) -> EvalConfig:
    """The conditions that were written down, read back; ConfigError if the checkpoint or the policy is another one."""
    if missing := [name for name in (*CONDITIONS, "checkpoint_sha256") if name not in about]:
        raise ConfigError(f"the result does not say under which {missing[0]} it was made; evaluate again")
    for what, path in (("checkpoint", checkpoint), ("policy", policy)):
        recorded = about.get(f"{what}_sha256")
        if path is not None and (found := digest(path)) != recorded:
            raise ConfigError(
                f"{path} is not the {what} that was evaluated (SHA-256 {found}, recorded {recorded}); "
                f"give that one with --{what}"
            )
    return EvalConfig(
        task=about["task"],
        level=about["level"],
        options=options_of(about),
        planner=replace(ONE_LEVEL, **json.loads(about.get("planner", "{}"))),
        split=about["split"],
        seed=int(about["seed"]),
        delay_steps=int(about["delay_steps"]),
        measured=about.get("clock") == "measured",
        compensate=about["compensate"] == "True",
        variations=json.loads(about.get("variations", "{}")),
        methods=(method,),
        checkpoint=checkpoint,
        policy=policy,
    )


def recorded_episode(
    path: Path, method: str, layout: int, checkpoint: Path | None = None, policy: Path | None = None
) -> tuple[dict, EvalConfig]:
    """One episode as it was recorded, and the conditions under which it was made."""
    result = read_evaluation(path)
    episode = find_episode(result["episodes"], method, layout)
    task = task_of(result["about"])
    checkpoint = checkpoint or default_checkpoint(task, (method,))
    policy = policy or default_policy(task, (method,))
    return episode, config_of(result["about"], method, checkpoint, policy)
