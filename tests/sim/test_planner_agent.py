"""What a planner is told: fear, doubt, goals in two kinds, deadlines; and that it is refused what it cannot know."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rehearse.errors import CheckpointError, ConfigError
from rehearse.sim.dog_on_jacket.task import TASK as DOG
from rehearse.sim.planner_agent import PlannerAgent, PlannerSettings, moment_of, read_off
from rehearse.sim.task import Task
from rehearse.world_model import ModelConfig, WorldModel, preset
from tests.sim.point_mass import TASK as POINT

FEW = PlannerSettings(futures=8)


def model_of(task: Task, **changes: object) -> WorldModel:
    """An untrained model of this task's robot, the same every time."""
    own = dict(action_dim=len(task.actions), proprio_dim=len(task.proprio), signals=dict(task.signals))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return WorldModel(ModelConfig(**{**vars(preset("debug").model), **own, **changes})).eval()


def observed(task: Task, seed: int = 0) -> dict[str, np.ndarray]:
    """Pictures of noise, and numbers."""
    rng = np.random.default_rng(seed)
    picture = lambda: rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)  # noqa: E731
    felt = {"proprio": np.zeros(len(task.proprio), np.float32), "goal_state": np.ones(len(task.goal), np.float32)}
    return {"image": picture(), "goal": picture(), **felt}


def decided(task: Task, settings: PlannerSettings, seed: int = 0) -> PlannerAgent:
    """An agent that has made one decision."""
    agent = PlannerAgent(task, model_of(task), settings)
    agent.reset(None, observed(task), np.random.default_rng(seed))
    agent.act(None)
    return agent


def parts(task: Task, **settings: object) -> set[str]:
    """The terms of what a decision's plan costs."""
    return set(decided(task, replace(FEW, **settings)).last_plan.kept[0].parts)


def test_every_camera_of_the_model_is_seen() -> None:
    agent = PlannerAgent(DOG, model_of(DOG, views=("left",)), FEW)
    moments = []
    for level in (0, 200):
        views = {"left": np.full((64, 64, 3), level, np.uint8)}
        agent.reset(None, observed(DOG) | {"views": views}, np.random.default_rng(0))
        agent.saw(np.zeros(4), observed(DOG, seed=1) | {"views": views})
        agent.act(None)
        moments.append(agent.belief.moment)
        assert agent.history().views["left"].shape == (2, 64, 64, 3)
    assert (moments[0] - moments[1]).abs().max() > 0.01


def test_fear_and_doubt_scale_their_terms_and_no_others() -> None:
    model, told = model_of(DOG), {}
    for name, settings in {"usual": FEW, "brave": replace(FEW, fear=0.0), "sure": replace(FEW, doubt=0.5)}.items():
        agent = PlannerAgent(DOG, model, settings)
        agent.reset(None, observed(DOG), np.random.default_rng(0))
        actions = torch.zeros(3, 4, 4)
        futures = agent.dynamics.imagine(agent.dynamics.observe(agent.history()), actions)
        told[name] = {term: float(cost[0]) for term, cost in agent.objective().parts(futures, actions).items()}
    usual = told["usual"]
    assert min(usual["hazard woken"], usual["disagreement"]) > 0
    for term, brave, sure in (("reach progress", 1.0, 1.0), ("hazard woken", 0.0, 1.0), ("disagreement", 1.0, 0.5)):
        assert told["brave"][term] == pytest.approx(brave * usual[term])
        assert told["sure"][term] == pytest.approx(sure * usual[term])


def test_a_goal_is_a_place_or_a_picture() -> None:
    assert parts(POINT, goal="state") == {"goal"}
    assert parts(POINT, goal="image") == {"toward", "disagreement"}
    assert "toward" not in parts(DOG, goal="image"), "where there is no goal, nothing is asked for"
    agent = decided(POINT, replace(FEW, goal="image"))
    expected = moment_of(agent.dynamics.model, observed(POINT)["goal"])
    goals = [term.goal for term in agent.objective().terms if hasattr(term, "goal")]
    torch.testing.assert_close(goals[0], expected)


def test_a_picture_of_a_goal_can_be_read() -> None:
    """The planner is given no number of the goal, only its picture, and makes numbers of it."""
    reading = replace(FEW, goal="reading")
    assert parts(POINT, goal="reading") == {"goal"}
    agent = PlannerAgent(POINT, model_of(POINT), reading)
    seen = observed(POINT)
    del seen["goal_state"]
    agent.reset(None, seen, np.random.default_rng(0))
    read = read_off(agent.dynamics.model, seen["goal"], ("x_m", "y_m"))
    assert agent.objective().goal == pytest.approx(dict(zip(("x_m", "y_m"), read.tolist(), strict=True)))
    other = read_off(agent.dynamics.model, seen["image"], ("y_m", "x_m"))
    assert not np.allclose(other[::-1], read), "another picture tells another place"
    agent.use(replace(FEW, goal="image"))
    with pytest.raises(ConfigError, match="point-mass has no goal_signals"):
        PlannerAgent(replace(POINT, goal_signals=()), model_of(POINT), reading)
    PlannerAgent(DOG, model_of(DOG), reading)  # where there is no goal, none has to be read


def test_a_deadline_ends_the_search_and_noise_stays_within_bounds() -> None:
    whole, hurried = decided(POINT, PlannerSettings(64)), decided(POINT, PlannerSettings(64, deadline_s=1e-9))
    assert hurried.last_plan.iterations == 1 < whole.last_plan.iterations
    agent = PlannerAgent(DOG, model_of(DOG), replace(FEW, noise=5.0))
    agent.reset(None, observed(DOG), np.random.default_rng(0))
    action = agent.act(None)
    assert not np.allclose(action, agent.last_plan.actions[0])
    assert np.all(action >= DOG.mpc.action_low)
    assert np.all(action <= DOG.mpc.action_high)


def test_the_same_generator_gives_the_same_decision() -> None:
    first, again, other = (decided(POINT, FEW, seed).last_plan.actions for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_model_must_know_the_robot_and_what_is_asked() -> None:
    for wrong in ({"action_dim": 3}, {"proprio_dim": 5}, {"signals": {"x_m": "regression"}}):
        with pytest.raises(CheckpointError, match="point-mass needs 2, 2"):
            PlannerAgent(POINT, model_of(POINT, **wrong), FEW)
    without_heads = model_of(POINT, signals={})
    PlannerAgent(POINT, without_heads, replace(FEW, goal="image"))
    more = dict(POINT.signals) | {"speed_mps": "regression"}
    PlannerAgent(POINT, model_of(POINT, signals=more), FEW)


def test_risk_and_a_bound_on_harm_reach_the_objective() -> None:
    assert "chance woken" in parts(DOG, at_most=0.02)
    assert "chance woken" not in parts(DOG)
    told = {}
    for risk in ("worst", "mean"):
        agent = PlannerAgent(DOG, model_of(DOG), replace(FEW, risk=risk))
        agent.reset(None, observed(DOG), np.random.default_rng(0))
        actions = torch.zeros(3, 4, 4)
        futures = agent.dynamics.imagine(agent.dynamics.observe(agent.history()), actions)
        told[risk] = float(agent.objective().parts(futures, actions)["hazard woken"][0])
    assert told["mean"] < told["worst"]


def test_skills_are_among_what_is_imagined() -> None:
    asked = []
    agent = PlannerAgent(replace(DOG, limits=lambda history, actions: asked.append(actions) or actions), model_of(DOG))
    agent.use(replace(FEW, futures=64, skills=True))
    agent.reset(None, observed(DOG), np.random.default_rng(0))
    agent.act(None)
    first = asked[0].numpy()
    found = [np.abs(first - skill).max((1, 2)).min() < 1e-5 for skill in DOG.skills(DOG.mpc.horizon)]
    assert sum(found) == len(first) // 2, "as many as there is room for"
    with pytest.raises(ConfigError, match="has no skills"):
        decided(POINT, replace(FEW, skills=True))


def test_a_model_that_knows_the_way_to_a_goal_proposes_it() -> None:
    agent = PlannerAgent(POINT, model_of(POINT, goals=True), replace(FEW, skills=True, futures=32))
    asked = []
    imagine = agent.dynamics.imagine
    agent.dynamics.imagine = lambda belief, actions: asked.append(actions) or imagine(belief, actions)
    agent.reset(None, observed(POINT), np.random.default_rng(0))
    agent.act(None)
    model, goal = agent.dynamics.model, moment_of(agent.dynamics.model, observed(POINT)["goal"])
    way = model.propose(model.observe(agent.history()), goal, POINT.mpc.horizon)
    line = np.linspace(0, 1, POINT.mpc.horizon)  # two linear knots: the nearest straight line
    slope, start = np.polyfit(line, way.numpy(), 1)
    nearest = np.clip(start + slope * line[:, None], -1, 1)
    assert np.abs(asked[0].numpy() - nearest).max((1, 2)).min() < 1e-4


def test_trust_needs_to_know_how_exact_the_model_is() -> None:
    with pytest.raises(ConfigError, match="how exact"):
        PlannerAgent(POINT, model_of(POINT), replace(FEW, trust=True))
    agent = PlannerAgent(POINT, model_of(POINT), replace(FEW, trust=True), moment_errors=(1e-9,))
    agent.reset(None, observed(POINT), np.random.default_rng(0))
    modes = []
    for step in range(3):
        agent.saw(agent.act(None), observed(POINT, seed=step + 1))
        modes.append(agent.last_plan.mode)
    assert modes == ["trust", "hold", "hold"], "noise is nothing that was imagined"
    np.testing.assert_allclose(agent.last_plan.actions[0], POINT.hold, atol=1e-6)


def test_verification_asks_the_true_world() -> None:
    env = POINT.make_env(split="validation")
    observation, _ = env.reset(options={"layout": 0})
    agent = PlannerAgent(POINT, model_of(POINT), replace(FEW, futures=32, verify=16))
    agent.reset(env, observation, np.random.default_rng(0))
    agent.act(env)
    plan = agent.last_plan
    assert plan.health["verified"] == 16
    physics = POINT.oracles["oracle"](env.world)
    actions = torch.from_numpy(plan.actions[None])
    true = agent.objective()(physics.imagine(physics.observe(env.world), actions), actions)
    assert plan.cost == pytest.approx(float(true[0]), rel=1e-4)


def test_a_scout_looks_far_ahead() -> None:
    plan = decided(POINT, replace(FEW, scout=True)).last_plan
    assert plan.health["scouted"] == POINT.scout.legs * POINT.scout.beam * POINT.scout.branches
    assert plan.health["path_steps"] % POINT.scout.stride == 0


def test_a_task_says_whether_its_planners_look_far_ahead() -> None:
    far = replace(POINT, two_levels=True)
    assert "scouted" in decided(far, FEW).last_plan.health
    assert "scouted" not in decided(far, replace(FEW, scout=False)).last_plan.health
    assert "scouted" not in decided(POINT, FEW).last_plan.health


@pytest.mark.parametrize(
    "wrong",
    [
        {"goal": "words"},
        {"futures": 0},
        {"fear": -1.0},
        {"doubt": -0.1},
        {"noise": -1.0},
        {"deadline_s": 0.0},
        {"risk": "none"},
        {"verify": -1},
        {"optimizer": "luck"},
        {"verify": 2, "trust": True},
        {"verify": 2, "goal": "image"},
    ],
)
def test_impossible_settings_are_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong)) + "|negative|at least 1"):
        PlannerSettings(**wrong)
