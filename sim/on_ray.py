"""Evaluate and collect on the machines of a Ray cluster: the same rows and datasets as on one machine.

    with connected("auto"):                                    # or "local", or "host:port"
        evaluate(config, run=episodes_on_ray)
        collect(config, path, run=takes_on_ray)

One process per CPU of the cluster. What an episode is depends on its layout alone, so it does not matter where it runs;
an episode whose machine was lost runs again on another. Every machine needs this version of Rehearse installed; models
are sent along.
"""

import logging
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rehearse import __version__
from rehearse.errors import ConfigError, SetupError
from rehearse.sim.agents import Agent
from rehearse.sim.collect import CollectConfig
from rehearse.sim.collect import start_worker as start_collecting
from rehearse.sim.collect import work as record
from rehearse.sim.episode import Episode
from rehearse.sim.evaluate import EvalConfig, Item
from rehearse.sim.evaluate import start_worker as start_evaluating
from rehearse.sim.evaluate import work as play
from rehearse.sim.takes import Take
from rehearse.sim.task import Task
from rehearse.world_model.checkpoint import weights_path

PATIENCE_S = 10
Files = dict[str, bytes]  # a checkpoint's two files by suffix


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise SetupError("Ray is not installed. Remedy: pip install 'rehearse[ray]'") from error
    return ray


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Join the cluster at ``address``, or begin one on this machine ("local"); SetupError if there is none."""
    ray = _ray()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    try:
        host, _, port = address.rpartition(":")
        if host and port.isdigit() and "://" not in host:  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), timeout=PATIENCE_S).close()
        begun = {"include_dashboard": False} if address == "local" else {}
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **begun)
    except (OSError, ValueError, RuntimeError) as error:
        said = str(error).splitlines()[0] if str(error) else repr(error)
        raise SetupError(
            f"no Ray cluster at {address} ({said}); begin one with ray start --head, or use local"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


class _Evaluating:
    """A process of the cluster that runs episodes."""

    def __init__(self, version: str, config: EvalConfig, models: dict[str, Files]) -> None:
        _check(version)
        self._folder = tempfile.TemporaryDirectory()
        self.config = replace(
            config, **{name: _unpacked(Path(self._folder.name) / name, files) for name, files in models.items()}
        )
        start_evaluating(self.config)

    def do(self, item: Item) -> Episode:
        return play(self.config, item)


class _Collecting:
    """A process of the cluster that records."""

    def __init__(self, version: str, config: CollectConfig, make_agent: Callable[[Task], Agent]) -> None:
        _check(version)
        start_collecting(config, make_agent)

    def do(self, index: int) -> Take:
        return record(index)


def episodes_on_ray(config: EvalConfig, items: Sequence[Item]) -> Iterator[Episode]:
    """Run the items on the cluster that this process is connected to; episodes come as they finish."""
    if config.trees is not None:
        raise ConfigError("trees are written where episodes run, which on a cluster is anywhere; leave out --trees")
    given = {"checkpoint": config.checkpoint, "policy": config.policy}
    models = {name: _packed(path) for name, path in given.items() if path is not None}
    with _hands(_Evaluating, len(items), config, models) as pool:
        yield from pool.map_unordered(lambda hand, item: hand.do.remote(item), items)


def takes_on_ray(config: CollectConfig, make_agent: Callable[[Task], Agent], indices: Sequence[int]) -> Iterator[Take]:
    """Record the episodes of these indices on the cluster; takes come in their order."""
    with _hands(_Collecting, len(indices), config, make_agent) as pool:
        yield from pool.map(lambda hand, index: hand.do.remote(index), indices)


@contextmanager
def _hands(kind: type, most: int, *arguments: object) -> Iterator[Any]:
    """A pool of processes, one per CPU of the cluster, killed at the end."""
    ray = _ray()
    from ray.util import ActorPool

    settings = {
        "num_cpus": 1,
        "max_restarts": -1,
        "max_task_retries": -1,
        "runtime_env": {"env_vars": {"OMP_NUM_THREADS": "1", "MUJOCO_GL": os.environ.get("MUJOCO_GL", "egl")}},
    }
    remote = ray.remote(**settings)(kind)
    count = min(most, max(1, int(ray.cluster_resources().get("CPU", 1))))
    sent = [ray.put(argument) for argument in arguments]  # once, and kept for those that begin again elsewhere
    hands = [remote.remote(__version__, *sent) for _ in range(count)]
    try:
        yield ActorPool(hands)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error  # ours, as it would have been raised here
    except ray.exceptions.RayError as error:
        raise SetupError(
            f"the cluster failed ({str(error).splitlines()[0]}); what was kept with --rows is kept"
        ) from error
    finally:
        for hand in hands:
            ray.kill(hand)


def _check(version: str) -> None:
    if version != __version__:
        raise SetupError(
            f"a machine of the cluster has Rehearse {__version__}, this one {version}; install one version"
        )


def _packed(path: Path) -> Files:
    weights = weights_path(path)
    return {file.suffix: file.read_bytes() for file in (weights, weights.with_suffix(".json"))}


def _unpacked(folder: Path, files: Files) -> Path:
    folder.mkdir()
    for suffix, content in files.items():
        (folder / f"model{suffix}").write_bytes(content)
    return folder / "model.safetensors"
