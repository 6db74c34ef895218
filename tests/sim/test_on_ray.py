"""A Ray cluster of two nodes gives what one machine gives, goes on where that left off, and its absence is one line."""

import hashlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rehearse.cli import main
from rehearse.errors import ConfigError, DataError, SetupError
from rehearse.sim.collect import CollectConfig, Take, collect, noisy_play
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.evaluate import EvalConfig, evaluate
from rehearse.sim.on_ray import connected, episodes_on_ray, takes_on_ray
from tests.house.tree import ROOT
from tests.sim.test_collect import broken_play

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator["Cluster"]:
    """A cluster of two nodes with a core each."""
    pytest.importorskip("ray", reason="needs the extra ray")
    from ray.cluster_utils import Cluster

    environment = pytest.MonkeyPatch()
    environment.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.shutdown()
        environment.undo()


def without_times(report) -> tuple[list[dict], list[dict]]:
    told = report.to_dict()
    strip = lambda row: {name: value for name, value in row.items() if name != "cpu_ms"}  # noqa: E731
    return [strip(row) for row in told["rows"]], [strip(row) for row in told["episodes"]]


def contents(folder: Path) -> dict[str, str]:
    """Digests of a dataset's files by name."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.gl
@pytest.mark.slow
def test_two_nodes_give_what_one_machine_gives(cluster: "Cluster", tmp_path: Path) -> None:
    from rehearse.world_model import shipped_checkpoint

    model = shipped_checkpoint(TASK.checkpoint)
    config = EvalConfig(methods=("script-best", "planner-1"), episodes=2, workers=1, checkpoint=model)
    here = evaluate(config)
    recording = CollectConfig(episodes=3, seed=3, workers=1)
    collect(recording, tmp_path / "here")
    with connected(cluster.address):
        import ray

        assert len([node for node in ray.nodes() if node["Alive"]]) == 2
        seen = []
        there = evaluate(config, seen.append, run=episodes_on_ray)
        assert without_times(there) == without_times(here)
        assert len(seen) == 4
        half = {(episode.method, episode.layout): episode for episode in here.episodes[:3]}
        again = evaluate(config, done=half, run=episodes_on_ray)
        assert without_times(again) == without_times(here)
        assert again.episodes[:3] == here.episodes[:3], "what is done is not run again, its CPU times prove it"
        collect(recording, tmp_path / "there", run=takes_on_ray)
        assert contents(tmp_path / "there") == contents(tmp_path / "here")
        with pytest.raises(ConfigError, match="--trees"):
            evaluate(EvalConfig(methods=("nothing",), episodes=1, trees=tmp_path / "trees"), run=episodes_on_ray)
        with pytest.raises(DataError, match="no idea what to do"):
            collect(CollectConfig(episodes=1), tmp_path / "broken", broken_play, run=takes_on_ray)
    assert not (tmp_path / "broken").exists()


@pytest.mark.gl
@pytest.mark.slow
def test_a_node_that_is_lost_costs_its_episode_alone(cluster: "Cluster") -> None:
    config = EvalConfig(methods=("nothing",), episodes=8, workers=1)
    with connected(cluster.address):
        extra = cluster.add_node(num_cpus=1)
        seen = []

        def lose_a_node(episode) -> None:
            seen.append(episode)
            if len(seen) == 2:
                cluster.remove_node(extra, allow_graceful=False)

        report = evaluate(config, lose_a_node, run=episodes_on_ray)
    assert sorted(episode.layout for episode in report.episodes) == list(range(8))


def test_without_ray_one_line_names_the_extra(monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for command in (["eval", "--methods", "nothing"], ["collect", "--episodes", "1"]):
        assert main([*command, "--ray-address", "local"]) == 2
        [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert "pip install 'rehearse[ray]'" in line


def test_no_cluster_is_one_line() -> None:
    pytest.importorskip("ray", reason="needs the extra ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"  # where nobody listens
        with pytest.raises(SetupError, match=f"no Ray cluster at {address}.*ray start"), connected(address):
            pass


def test_takes_are_asked_for_in_the_same_words() -> None:
    """The two places where episodes are recorded are exchangeable: both get what is missing, in order."""
    asked = []

    def run(config, make_agent, indices) -> Iterator[Take]:
        asked.append((make_agent, list(indices)))
        return iter(())

    with pytest.raises(DataError, match="no episode"):
        collect(CollectConfig(episodes=3), Path("nowhere"), run=run)
    assert asked == [(noisy_play, [0, 1, 2])]
