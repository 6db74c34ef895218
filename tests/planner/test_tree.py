"""The tree of a run comes back from its file as it was."""

import dataclasses

import numpy as np
import pytest
from safetensors.numpy import save_file

from rehearse.errors import DataError
from rehearse.planner import load_tree, save_tree, why
from tests.planner.point_mass import PERIOD_S, generator, planner


@pytest.fixture
def plans():
    mpc, dice = planner(64, rest=(0.0, 0.0)), generator()
    return [mpc.plan((np.array([-1.0 + 0.1 * t, 0.0]), np.zeros(2)), t * PERIOD_S, dice) for t in range(3)]


def test_there_and_back(plans, tmp_path):
    save_tree(plans, tmp_path / "run.safetensors", {"layout": "3"})
    again, about = load_tree(tmp_path / "run.safetensors")
    assert about == {"layout": "3"}
    assert len(again) == 3
    for plan, read in zip(plans, again, strict=True):
        assert read.health == plan.health
        assert (read.cost, read.futures, read.mode) == (plan.cost, plan.futures, plan.mode)
        for name in ("actions", "times_s", "to_rest"):
            np.testing.assert_array_equal(getattr(read, name), getattr(plan, name))
        for one, other in zip(plan.kept, read.kept, strict=True):
            assert (one.rank, one.cost, one.parts) == (other.rank, other.cost, other.parts)
            np.testing.assert_array_equal(one.actions, other.actions)
            for name in one.signals:
                np.testing.assert_array_equal(one.signals[name], other.signals[name])


def test_why_names_the_part_that_made_the_difference(plans):
    kept = plans[0].kept
    worst = dataclasses.replace(kept[-1], parts={"reach progress": 1.0, "hazard hit": 4.0})
    best = dataclasses.replace(kept[0], parts={"reach progress": 0.8, "hazard hit": 0.1})
    assert why(worst, best) == ("hazard hit", pytest.approx(3.9))
    assert why(best, worst)[0] == "reach progress"


def test_a_decision_is_small(plans, tmp_path):
    save_tree(plans, tmp_path / "run.safetensors")
    assert (tmp_path / "run.safetensors").stat().st_size < 3 * 12_000


def test_what_is_no_tree_is_refused(plans, tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        load_tree(tmp_path / "nothing.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(b"\x10\x00")
    with pytest.raises(DataError, match="cannot be read"):
        load_tree(tmp_path / "torn.safetensors")
    save_file({"weights": np.zeros(3)}, tmp_path / "model.safetensors")
    with pytest.raises(DataError, match="no tree of imagined histories"):
        load_tree(tmp_path / "model.safetensors")
