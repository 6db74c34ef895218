"""Two rooms: walls that hold, a door that lets through, ways that are shortest, and a script that takes them."""

import numpy as np
import pytest

from rehearse.recorded import conditions, config_of
from rehearse.sim.agents import OracleAgent
from rehearse.sim.evaluate import EvalConfig, run_episode
from rehearse.sim.layouts import layout_seed
from rehearse.sim.planner_agent import PlannerSettings
from rehearse.sim.two_room import EPISODE_STEPS, Demonstrator, TwoRoomWorld, noisy_play
from rehearse.sim.two_room.scene import BALL_RADIUS_M, FLOOR_HALF_M, WALL_HALF_M
from rehearse.sim.two_room.task import TASK
from rehearse.sim.two_room.world import FARTHER_THAN_M, MAX_SPEED_MPS, REACH_M

STEP_M = 0.2 * MAX_SPEED_MPS


@pytest.fixture(scope="module")
def world() -> TwoRoomWorld:
    return TwoRoomWorld()


def lay_out(world: TwoRoomWorld, layout: int, split: str = "validation") -> TwoRoomWorld:
    world.reset(np.random.default_rng(layout_seed(split, layout)))
    return world


def clearance_m(world: TwoRoomWorld) -> float:
    """Distance of the ball's middle from the nearest part of the divider or wall."""
    ball, factors = world.data.qpos, world.factors
    nearest = FLOOR_HALF_M - np.abs(ball).max()
    for low, high in (
        (-FLOOR_HALF_M, factors.door_y_m - factors.door_half_m),
        (factors.door_y_m + factors.door_half_m, FLOOR_HALF_M),
    ):
        gap = np.abs(ball - [factors.wall_x_m, (low + high) / 2]) - [WALL_HALF_M, (high - low) / 2]
        nearest = min(nearest, np.linalg.norm(np.maximum(gap, 0)) + min(gap.max(), 0))
    return float(nearest)


def in_other_room(world: TwoRoomWorld) -> bool:
    wall_x_m = world.factors.wall_x_m
    return (world.data.qpos[0] - wall_x_m) * (world.goal_state[0] - wall_x_m) < 0


def steps_to_goal(world: TwoRoomWorld) -> int:
    """How many steps the demonstrator needs."""
    behaviour, steps = Demonstrator(), 0
    behaviour.reset(world, np.random.default_rng(0))
    while not world.outcome()["success"] and steps < EPISODE_STEPS:
        world.step(behaviour.act(world))
        steps += 1
    assert world.outcome()["success"]
    return steps


def test_walls_hold_in_every_layout(world: TwoRoomWorld) -> None:
    """The divider is resized and moved after compilation, which the collision code has to be told of."""
    play = noisy_play()
    for layout in range(40):
        lay_out(world, layout, split="train")
        play.reset(world, np.random.default_rng(layout))
        for _ in range(60):
            world.step(play.act(world))
            assert clearance_m(world) > BALL_RADIUS_M - 1.5e-3


def test_walls_touch_where_they_stand(world: TwoRoomWorld) -> None:
    for layout in range(10):
        lay_out(world, layout)
        factors = world.factors
        away = -1 if factors.door_y_m > 0 else 1
        world.data.qpos[:] = factors.wall_x_m - 0.05, away * 0.25
        for _ in range(8):
            world.step(np.array([1.0, 0.0]))
        assert world.data.qpos[0] == pytest.approx(factors.wall_x_m - WALL_HALF_M - BALL_RADIUS_M, abs=2e-3)
        world.data.qpos[:] = factors.wall_x_m - 0.05, factors.door_y_m
        for _ in range(8):
            world.step(np.array([1.0, 0.0]))
        assert world.data.qpos[0] > factors.wall_x_m + 0.05, "the door lets through"


def test_starts_are_clear_far_apart_and_mostly_in_different_rooms(world: TwoRoomWorld) -> None:
    other = []
    for layout in range(300):
        lay_out(world, layout)
        outcome = world.outcome()
        assert clearance_m(world) > BALL_RADIUS_M
        assert outcome["way_m"] >= FARTHER_THAN_M
        assert outcome["way_m"] >= outcome["distance_m"] - 1e-9
        other.append(in_other_room(world))
    assert 0.6 < np.mean(other) < 0.8


def test_the_way_is_the_shortest_through_the_door(world: TwoRoomWorld) -> None:
    for layout in range(30):
        lay_out(world, layout)
        ball, goal, factors = world.data.qpos, world.goal_state, world.factors
        way = float(world.way_m(ball))
        if not in_other_room(world):
            assert way == pytest.approx(np.linalg.norm(goal - ball))
            continue
        free_m = factors.door_half_m - BALL_RADIUS_M
        ys = factors.door_y_m + np.linspace(-free_m, free_m, 2001)
        gates = np.stack([np.full_like(ys, factors.wall_x_m), ys], axis=-1)
        lengths = np.linalg.norm(gates - ball, axis=-1) + np.linalg.norm(goal - gates, axis=-1)
        assert way == pytest.approx(lengths.min(), abs=1e-5)


def test_the_way_is_measured_of_many_at_once(world: TwoRoomWorld) -> None:
    lay_out(world, 1)
    places = np.random.default_rng(0).uniform(-REACH_M, REACH_M, (4, 5, 2))
    ways = world.outcomes(places)["way_m"]
    assert ways.shape == (4, 5)
    assert ways[2, 3] == world.way_m(places[2, 3])


def test_the_demonstrator_takes_the_shortest_way(world: TwoRoomWorld) -> None:
    for layout in range(30):
        lay_out(world, layout)
        way, steps = float(world.way_m(world.data.qpos)), steps_to_goal(world)
        # A step covers STEP_M along each axis, so up to 1.41 times that much, and the last 3 cm need not be gone.
        assert (way - 0.03) / STEP_M / 1.42 <= steps <= way / STEP_M + 5


def test_far_layouts_are_far(world: TwoRoomWorld) -> None:
    steps = [steps_to_goal(world) for layout in range(40) if in_other_room(lay_out(world, layout))]
    assert np.median(steps) > 25
    assert max(steps) < EPISODE_STEPS


def test_a_demonstrator_with_an_aim_of_its_own(world: TwoRoomWorld) -> None:
    lay_out(world, 2)
    for x_m in (-0.2, 0.2, -0.2):
        behaviour = Demonstrator(aim=np.array([x_m, 0.1]))
        for _ in range(EPISODE_STEPS):
            world.step(behaviour.act(world))
        np.testing.assert_allclose(world.data.qpos, [x_m, 0.1], atol=5e-3)


def test_play_changes_rooms_and_meets_walls(world: TwoRoomWorld) -> None:
    play, crossed, touched, kinds = noisy_play(), [], [], set()
    for layout in range(40):
        lay_out(world, layout, split="train")
        play.reset(world, np.random.default_rng(layout))
        kinds.add(play.kind)
        sides = []
        for _ in range(EPISODE_STEPS):
            world.step(play.act(world))
            sides.append(world.data.qpos[0] > world.factors.wall_x_m)
            touched.append(clearance_m(world) < BALL_RADIUS_M + 1e-3)
        crossed.append(len(set(sides)) == 2)
    assert kinds == set(play.kinds)
    assert np.mean(crossed) > 0.4
    assert 0.05 < np.mean(touched) < 0.6


def test_play_presses_against_the_divider_for_long(world: TwoRoomWorld) -> None:
    """As plans do: a model that saw it seldom imagines that the ball comes through."""
    play, runs, episodes = noisy_play(), [], 100
    for layout in range(episodes):
        lay_out(world, layout, split="train")
        play.reset(world, np.random.default_rng(layout))
        runs.append(0)
        for _ in range(EPISODE_STEPS):
            world.step(play.act(world))
            beside_m = abs(world.data.qpos[0] - world.factors.wall_x_m) - WALL_HALF_M - BALL_RADIUS_M
            if abs(beside_m) < 3e-3:
                runs[-1] += 1
            elif runs[-1]:
                runs.append(0)
    assert sum(run for run in runs if run >= 20) / (episodes * EPISODE_STEPS) > 0.06


def test_true_physics_finds_the_door_where_the_crow_flies_into_the_wall() -> None:
    far = 12  # 0.62 m through the door; on one level it ends at the wall
    assert run_episode(TASK, TASK.make_env(split="validation"), OracleAgent(TASK), "oracle", far).success


def test_an_evaluation_tells_on_how_many_levels_was_planned() -> None:
    assert EvalConfig(task="two-room", methods=("nothing",)).planner.scout is True
    one_level = EvalConfig(task="two-room", methods=("nothing",), planner=PlannerSettings(scout=False))
    assert conditions(one_level).keys().isdisjoint({"planner"})
    assert config_of(conditions(one_level), "nothing", None).planner.scout is False
    assert (
        config_of(conditions(EvalConfig(task="two-room", methods=("nothing",))), "nothing", None).planner.scout is True
    )
    assert EvalConfig(task="push", methods=("nothing",)).planner == PlannerSettings(scout=False)
