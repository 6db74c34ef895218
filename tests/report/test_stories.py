"""Stories: verdicts name the reason, and a decision's imagined futures lie beside what then happened."""

import numpy as np
import pytest
import torch

from rehearse.planner import Candidate
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.evaluate import EvalConfig
from rehearse.sim.planner_agent import PlannerAgent, PlannerSettings
from rehearse.sim.task import Task
from rehearse.sim.tasks import get_task
from rehearse.stories import habit, tell
from rehearse.verdict import verdict
from rehearse.world_model import ModelConfig, WorldModel, preset


def candidate(rank: int, **parts: float) -> Candidate:
    """A candidate with the cost parts reach, hazard, excess, doubt and late."""
    names = ("reach progress", "hazard woken", "excess disturbance", "disagreement", "deadline progress")
    named = dict(zip(names, (parts.get(k, 0.0) for k in ("reach", "hazard", "excess", "doubt", "late")), strict=True))
    signals = {"woken": np.array([0.1, 0.71]), "disturbance": np.array([0.2, 1.3]), "progress": np.array([0.1, 0.25])}
    return Candidate(rank, sum(named.values()), np.zeros((2, 4), np.float32), signals, named)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"hazard": 5}, "would wake the dog (71 %)"),
        ({"excess": 5}, "disturbance 1.30"),
        ({"reach": 5}, "progress 25 %"),
        ({"doubt": 5}, "members disagree"),
        ({"late": 5}, "too late"),
    ],
)
def test_a_rejected_future_says_why(parts, said):
    assert said in verdict(TASK, candidate(20, **parts), candidate(0, reach=1))


def test_the_chosen_future_and_the_next_best_are_named():
    assert verdict(TASK, candidate(0), candidate(0)) == "chosen"
    assert verdict(TASK, candidate(1), candidate(0)) == "runner-up"


def agent_of(task: Task) -> PlannerAgent:
    """A planner on an untrained model of this task's robot, the same whatever ran before."""
    own = dict(action_dim=len(task.actions), proprio_dim=len(task.proprio), signals=dict(task.signals))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = WorldModel(ModelConfig(**vars(preset("debug").model) | own)).eval()
    return PlannerAgent(task, model, PlannerSettings(16))


def test_a_story_opens_decisions_of_a_real_episode():
    agent = agent_of(TASK)
    story = tell(agent, EvalConfig(methods=("nothing",)), layout=1, decisions=2)
    assert len(story.film) == len(story.strain) == len(story.progress)
    assert story.decisions
    for view in story.decisions:
        assert view.futures == 16
        assert view.candidates[0].verdict == "chosen"
        assert len(view.happened) <= len(view.candidates[0].frames)
        assert all(np.isfinite(imagined.cost) for imagined in view.candidates)


def test_a_habit_has_a_film_and_no_decisions():
    story = habit(EvalConfig(methods=("nothing",)), layout=1)
    assert story.decisions == ()
    assert story.film.dtype == np.uint8


def test_a_story_of_a_task_without_harm():
    config = EvalConfig("reach", methods=("nothing",))
    story = tell(agent_of(get_task("reach")), config, layout=1, decisions=1)
    assert story.strain is None
    assert story.outcome in ("not there when the time was up", *(f"there after {t / 5:.1f} s" for t in range(1, 26)))
    verdicts = {imagined.verdict for imagined in story.decisions[0].candidates}
    assert {"chosen", "runner-up"} < verdicts
    assert any(said.startswith("rejected: stays farther from the goal (by ") for said in verdicts)
    assert all(imagined.harm is None for imagined in story.decisions[0].candidates)
