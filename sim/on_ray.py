"""Evaluate and collect on the machines of a Ray cluster: the same rows and datasets as on one machine.

    with connected("auto"):                                    # or "local", or "host:port"
        evaluate(config, run=episodes_on_ray)
        collect(config, path, run=takes_on_ray)

One process per CPU of the cluster. What an episode is depends on its layout alone, so it does not matter where it runs:
one whose machine was lost runs again on another. Every machine needs this version of Rehearse installed; models are
sent along.
"""

import itertools
import logging
import os
import socket
import tempfile
import uuid
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
RETRIES = 3  # of an episode whose process or machine died
AHEAD = 2  # episodes asked for, per CPU
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
    """What a process of the cluster keeps between the episodes that it runs."""

    def __init__(self, config: EvalConfig, models: dict[str, Files]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        here = {name: _unpacked(Path(self._folder.name) / name, files) for name, files in models.items()}
        self.config = replace(config, **here)
        start_evaluating(self.config)

    def do(self, item: Item) -> Episode:
        return play(self.config, item)


class _Collecting:
    """What a process of the cluster keeps between the episodes that it records."""

    def __init__(self, config: CollectConfig, make_agent: Callable[[Task], Agent]) -> None:
        start_collecting(config, make_agent)

    def do(self, index: int) -> Take:
        return record(index)


_prepared: dict[str, _Evaluating | _Collecting] = {}  # of this process, by run; it never holds more than one


def _do(run: str, version: str, kind: type, arguments: tuple, item: Item | int) -> Episode | Take:
    """One episode, in a process of the cluster."""
    if run not in _prepared:
        if version != __version__:
            raise SetupError(f"a machine of the cluster has Rehearse {__version__}, not {version}; install one version")
        _prepared.clear()
        _prepared[run] = kind(*arguments)
    return _prepared[run].do(item)


def episodes_on_ray(config: EvalConfig, items: Sequence[Item]) -> Iterator[Episode]:
    """Run the items on the cluster that this process is connected to; episodes come as they finish."""
    if config.trees is not None:
        raise ConfigError("trees are written where episodes run, which on a cluster is anywhere; leave out --trees")
    given = {"checkpoint": config.checkpoint, "policy": config.policy}
    models = {name: _packed(path) for name, path in given.items() if path is not None}
    yield from _done(_Evaluating, (config, models), items, in_order=False)


def takes_on_ray(config: CollectConfig, make_agent: Callable[[Task], Agent], indices: Sequence[int]) -> Iterator[Take]:
    """Record the episodes of these indices on the cluster; takes come in their order."""
    yield from _done(_Collecting, (config, make_agent), indices, in_order=True)


def _done(kind: type, arguments: tuple, items: Sequence[Any], in_order: bool) -> Iterator[Any]:
    """What the cluster makes of the items; few are on their way at a time, so that finished ones do not pile up."""
    ray = _ray()
    env = {"OMP_NUM_THREADS": "1", "MUJOCO_GL": os.environ.get("MUJOCO_GL", "egl")}
    task = ray.remote(num_cpus=1, max_retries=RETRIES, runtime_env={"env_vars": env})(_do)
    run, sent, left, on_their_way = uuid.uuid4().hex, ray.put(arguments), iter(items), []
    try:
        while True:
            most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
            for item in itertools.islice(left, most - len(on_their_way)):
                on_their_way.append(task.remote(run, __version__, kind, sent, item))
            if not on_their_way:
                return
            ready = on_their_way[:1] if in_order else ray.wait(on_their_way)[0]
            on_their_way.remove(ready[0])
            yield ray.get(ready[0])
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error  # ours, as it would have been raised here
    except ray.exceptions.RayError as error:
        raise SetupError(f"the cluster failed: {str(error).splitlines()[-1]}; finished episodes are kept") from error
    finally:
        for unfinished in on_their_way:
            ray.cancel(unfinished, force=True)


def _packed(path: Path) -> Files:
    weights = weights_path(path)
    return {file.suffix: file.read_bytes() for file in (weights, weights.with_suffix(".json"))}


def _unpacked(folder: Path, files: Files) -> Path:
    folder.mkdir()
    for suffix, content in files.items():
        (folder / f"model{suffix}").write_bytes(content)
    return folder / "model.safetensors"
