"""A ROS domain of its own for each test process, nodes as real processes, and a small trained model."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.ros.live import Nodes, Probe


def take_domain() -> tuple[int, socket.socket]:
    """A free ROS domain; the bound socket holds it for as long as it is open, so parallel runs never meet."""
    for domain in range(1, 101):
        lock = socket.socket()
        try:
            lock.bind(("127.0.0.1", 23000 + domain))
            return domain, lock
        except OSError:
            lock.close()
    raise RuntimeError("no free ROS domain between 1 and 100")


@pytest.fixture(scope="session")
def _environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What nodes, here and in processes, find in their environment."""
    domain, lock = take_domain()
    with lock, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", str(domain))
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        patch.setenv("ROS_PYTHON_CHECK_FIELDS", "1")
        patch.setenv("ROS_LOG_DIR", str(tmp_path_factory.mktemp("ros_log")))
        patch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", str(ROOT / "config" / "fastdds.xml"))
        if "AMENT_PREFIX_PATH" not in os.environ:
            patch.setenv("AMENT_PREFIX_PATH", sys.prefix)
        yield


@pytest.fixture
def nodes(_environment: None, tmp_path: Path) -> Iterator[Nodes]:
    """Starts the project's executables, and ends what still runs."""
    started = Nodes(tmp_path)
    yield started
    started.close()


@pytest.fixture
def probe(nodes: Nodes) -> Iterator[Probe]:
    """A node in this process that listens, sends and calls."""
    probe = Probe(nodes)
    yield probe
    probe.close()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained for seconds on six episodes: it plans, if not well."""
    import torch

    from rehearse.sim.collect import CollectConfig, collect
    from rehearse.world_model import preset, train
    from rehearse.world_model.data import ClipCache

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("model")
    data = collect(CollectConfig(episodes=6, workers=1), folder / "data")
    config = preset("debug", steps=30, save_every=30)
    return train(config, [ClipCache.open([data])], folder / "run", on_progress=lambda now: None).path
