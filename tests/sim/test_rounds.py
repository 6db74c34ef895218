"""Rounds: shares of the datasets, and that a killed run loses nothing and repeats nothing."""

from dataclasses import replace

import pytest

from rehearse.errors import ConfigError
from rehearse.sim.collect import CollectConfig, collect
from rehearse.sim.rounds import RoundsConfig, dataset_weights, improve
from rehearse.world_model import describe, load, preset


def test_weights_give_the_attempts_their_share_and_the_newest_the_most():
    weights = dataset_weights(0.5, datasets=2, attempts=3)
    assert sum(weights) == pytest.approx(1)
    assert sum(weights[2:]) == pytest.approx(0.5)
    assert weights[0] == weights[1]
    assert weights[4] == pytest.approx(weights[2] + weights[3])


def test_rounds_resume_where_they_stopped(tmp_path):
    play = collect(CollectConfig(episodes=4, seed=1, workers=1), tmp_path / "play")
    config = RoundsConfig(rounds=1, episodes=2, ways=3, steps=2, workers=1)
    training = replace(preset("debug"), steps=3, batch=4)
    stages: list[str] = []
    told: list[tuple[int, int]] = []

    def stop(text: str) -> None:
        stages.append(text)
        if text.startswith("round 1: training"):
            raise KeyboardInterrupt

    silent = lambda now: None  # noqa: E731
    with pytest.raises(KeyboardInterrupt):
        improve(config, training, [play], tmp_path / "run", stop, silent, lambda *now: told.append(now))
    assert told == [(count, 6) for count in range(1, 7)]
    assert not (tmp_path / "run/model.safetensors").exists(), "an unfinished run has no final model"
    attempts = tmp_path / "run/round-1/attempts/meta/info.json"
    collected_at = attempts.stat().st_mtime_ns
    weights = improve(config, training, [play], tmp_path / "run", on_progress=silent)
    assert attempts.stat().st_mtime_ns == collected_at
    assert load(weights).config.action_dim == 4
    provenance = describe(weights)["data"]
    assert [source["episodes"] for source in provenance] == [4, 6]
    assert {source["split"] for source in provenance} == {"train"}


def test_impossible_rounds_are_refused():
    for changes in ({"rounds": -1}, {"episodes": 0}, {"ways": 0}, {"share": 1.0}):
        with pytest.raises(ConfigError):
            RoundsConfig(**changes)


def test_nothing_branches_where_there_is_no_way_back():
    assert RoundsConfig(rounds=1, task="push").ways == 5
    own = "tests.sim.point_mass:TASK"
    assert RoundsConfig(rounds=1, task=own).ways == 1
    with pytest.raises(ConfigError, match="cannot go back to a moment"):
        RoundsConfig(rounds=1, task=own, ways=2)
