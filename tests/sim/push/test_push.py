"""Push: outlines, contacts, physics that depends on its factors, goals that can be reached, and a script that does."""

import itertools
from dataclasses import fields

import mujoco
import numpy as np
import pytest

from rehearse.errors import ConfigError
from rehearse.sim.layouts import layout_seed
from rehearse.sim.push import EPISODE_STEPS, Demonstrator, PushEnv, PushWorld, noisy_play
from rehearse.sim.push.contacts import STANDOFF_M, Contacts
from rehearse.sim.push.scene import PUSHER_RADIUS_M, TABLE_HALF_M
from rehearse.sim.push.shapes import SHAPES, Shape
from rehearse.sim.push.world import PUSHER_REACH_M, rotated
from rehearse.sim.variation import Look

BLOCKS = ("square", "T")
LOOKS = tuple(item.name for item in fields(Look))


@pytest.fixture(scope="module", params=BLOCKS)
def world(request: pytest.FixtureRequest) -> PushWorld:
    return PushWorld(request.param)


@pytest.fixture(scope="module")
def square() -> PushWorld:
    return PushWorld("square")


def lay_out(world: PushWorld, layout: int, split: str = "validation", **settings) -> PushWorld:
    world.reset(np.random.default_rng(layout_seed(split, layout)), **settings)
    return world


def face_east(world: PushWorld, pusher: tuple[float, float]) -> None:
    """The block in the middle, unturned, the pusher somewhere, middling masses and frictions."""
    lay_out(world, 0, fixed=("block_mass_kg", "table_friction", "pusher_friction"))
    world.data.qpos[:] = [*pusher, 0, 0, 0, 0]
    world.data.qvel[:] = 0


def test_unknown_block_is_named() -> None:
    with pytest.raises(ConfigError, match="unknown block 'ball'; choose one of square, T"):
        PushWorld("ball")


@pytest.mark.parametrize("shape", SHAPES.values(), ids=BLOCKS)
def test_outlines(shape: Shape) -> None:
    area = sum(4 * half_x * half_y for *_, half_x, half_y in shape.boxes)
    centre = sum(4 * half_x * half_y * np.array([x, y]) for x, y, half_x, half_y in shape.boxes) / area
    np.testing.assert_allclose(centre, 0, atol=1e-12)
    corners = np.array(shape.corners)
    np.testing.assert_allclose(shape.distance(corners), 0, atol=1e-12)
    x, y = corners.T
    assert np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2 == pytest.approx(area), "corners go round once"
    assert np.linalg.norm(corners, axis=1).max() + 2 * PUSHER_RADIUS_M + shape.reach_m < TABLE_HALF_M + 1e-3


def test_distance_from_a_square() -> None:
    points = np.array([[0, 0], [0.05, 0], [0.07, 0.08], [0.04, 0.01], [0.03, 0.0]])
    np.testing.assert_allclose(SHAPES["square"].distance(points), [-0.04, 0.01, 0.05, 0, -0.01], atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=BLOCKS)
def test_contacts_lie_on_the_outline_and_their_places_clear_of_it(shape: Shape) -> None:
    contacts = Contacts(shape)
    np.testing.assert_allclose(shape.distance(contacts.point), 0, atol=1e-9)
    assert shape.distance(contacts.ring).min() > 0.9 * STANDOFF_M
    assert (shape.distance(contacts.point + 1e-4 * contacts.inward)[contacts.usable] < 0).all()
    assert contacts.usable.sum() > 30
    between = (contacts.ring + np.roll(contacts.ring, -1, axis=0)) / 2
    assert shape.distance(between).min() > PUSHER_RADIUS_M, "the ring does not cut corners"


@pytest.mark.parametrize("shape", SHAPES.values(), ids=BLOCKS)
def test_the_way_leads_round_the_block(shape: Shape) -> None:
    contacts, everywhere = Contacts(shape), np.ones(len(Contacts(shape).ring), bool)
    pusher = np.array([0.15, 0.02])
    ways, first = contacts.ways(pusher, everywhere)
    straight = np.linalg.norm(contacts.ring - pusher, axis=1)
    assert (ways >= straight - 1e-9).all()
    behind = contacts.ring[:, 0].argmin()
    assert ways[behind] > 1.05 * straight[behind]
    assert (ways[first] <= ways + 1e-9).all()
    assert ways[straight.argmin()] == pytest.approx(straight.min())


def test_a_way_that_a_wall_cuts_off_is_taken_the_other_way_round() -> None:
    contacts = Contacts(SHAPES["square"])
    above = contacts.ring[:, 1] > 0.05
    left = np.flatnonzero((contacts.ring[:, 0] < -0.06) & ~above)
    ways, first = contacts.ways(np.array([0.15, 0.03]), ~above)
    assert np.isfinite(ways[left]).all()
    assert (contacts.ring[first[left], 1] < 0).all()
    assert np.isinf(ways[above]).all()


@pytest.mark.parametrize(
    ("point", "moves", "turns"), [((-0.04, 0.0), 1.0, 0.0), ((-0.04, 0.028), 0.89, -3.9), ((-0.04, -0.028), 0.89, 3.9)]
)
def test_pushing_does_what_contacts_say(square: PushWorld, point: tuple, moves: float, turns: float) -> None:
    """Quasi-static theory against physics: one step of pushing east on the west side."""
    contacts = Contacts(SHAPES["square"])
    nearest = np.linalg.norm(contacts.point - point, axis=1).argmin()
    assert contacts.shift[nearest, 0] == pytest.approx(moves, abs=0.02)
    assert contacts.turn[nearest] == pytest.approx(turns, abs=0.7)
    face_east(square, (point[0] - PUSHER_RADIUS_M, point[1]))
    square.step(np.array([0.4, 0.0]))
    pushed_m = square.data.qpos[0] - (point[0] - PUSHER_RADIUS_M)
    assert 0.015 < pushed_m < 0.02
    block, yaw_rad = square.block_pose()
    assert block[0] / pushed_m == pytest.approx(moves, abs=0.08)
    assert yaw_rad / pushed_m == pytest.approx(turns, abs=1.0)


def test_the_pusher_goes_where_it_is_told_and_no_further_than_the_walls(square: PushWorld) -> None:
    face_east(square, (0.1, 0.1))
    square.step(np.array([0.4, -0.2]))
    np.testing.assert_allclose(square.data.qpos[:2], [0.12, 0.09], atol=2e-3)
    for _ in range(8):
        square.step(np.array([1.0, 1.0]))
    np.testing.assert_allclose(square.data.qpos[:2], PUSHER_REACH_M, atol=2e-3)


def test_friction_stops_the_block_and_mass_slows_the_pusher(square: PushWorld) -> None:
    went = {}
    for mass_kg, friction in ((0.2, 0.4), (0.2, 0.6), (3.0, 0.6)):
        face_east(square, (-0.065, 0))
        body = square.model.body("block")
        square.model.body_inertia[body.id] *= mass_kg / float(body.mass[0])
        square.model.body_mass[body.id] = mass_kg
        square.model.geom_friction[square._block_geoms, 0] = friction
        square.step(np.array([1.0, 0.0]))
        square.step(np.array([0.0, 0.0]))
        still = square.block_pose()[0][0]
        square.step(np.array([0.0, 0.0]))
        assert square.block_pose()[0][0] == pytest.approx(still, abs=1e-3)
        went[mass_kg, friction] = still
    assert went[3.0, 0.6] < went[0.2, 0.6] - 5e-3
    assert went[0.2, 0.6] > 0.02
    assert went[0.2, 0.4] != went[0.2, 0.6]


def test_factors_reach_the_physics(world: PushWorld) -> None:
    for layout in range(3):
        factors = lay_out(world, layout).factors
        assert float(world.model.body("block").mass[0]) == factors.block_mass_kg
        assert (world.model.geom_friction[world._block_geoms, 0] == factors.table_friction).all()
        assert float(world.model.geom("pusher").friction[0]) == factors.pusher_friction


def test_starts_and_goals_leave_room(world: PushWorld) -> None:
    shape, starts, goals = world.shape, [], []
    for layout in range(200):
        lay_out(world, layout)
        block, yaw_rad = world.block_pose()
        goal, goal_yaw_rad = world.goal_pose()
        pusher = world.data.qpos[:2]
        assert shape.distance(rotated(pusher - block, -yaw_rad)) > PUSHER_RADIUS_M + 0.01
        assert np.linalg.norm(goal - block) > 0.099
        for place, angle in ((block, yaw_rad), (goal, goal_yaw_rad)):
            corners = place + rotated(np.array(shape.corners), angle)
            assert np.abs(corners).max() + 2 * PUSHER_RADIUS_M < TABLE_HALF_M + 1e-3
        assert np.abs(world.data.qvel).max() < 0.05, "everything lies still"
        starts.append([*block, yaw_rad])
        goals.append([*goal, goal_yaw_rad])
    correlation = np.corrcoef(np.array(starts).T, np.array(goals).T)[:3, 3:]
    # A distance kept from each other is all that ties a goal to its start.
    assert np.abs(correlation).max() < 0.35
    assert np.ptp(np.array(goals)[:, 2]) > 6


def test_the_angle_is_measured_whole(world: PushWorld) -> None:
    lay_out(world, 0)
    _, yaw_rad = world.goal_pose()
    turned = np.tile(world.data.qpos, (5, 1))
    turned[:, 5] = yaw_rad + np.array([0, 0.5, -0.5, np.pi, 2 * np.pi + 0.1])
    measured = world.outcomes(turned)
    np.testing.assert_allclose(measured["angle_rad"], [0, 0.5, 0.5, np.pi, 0.1], atol=1e-9)
    np.testing.assert_allclose(
        np.arctan2(measured["block_sin"], measured["block_cos"])[1], np.angle(np.exp(1j * turned[1, 5]))
    )


@pytest.mark.gl
@pytest.mark.parametrize("block", BLOCKS)
def test_the_angle_can_be_seen(block: str) -> None:
    env = PushEnv(block, fixed=LOOKS)
    env.reset(options={"layout": 0})
    pictures = []
    for quarter in range(4):
        env.world.data.qpos[:] = [0.2, 0.2, 0, 0, 0, quarter * np.pi / 2]
        mujoco.mj_kinematics(env.world.model, env.world.data)
        pictures.append(env.observe()["image"].astype(int))
    for one, other in itertools.combinations(pictures, 2):
        assert (np.abs(one - other).max(-1) > 40).sum() > 15
    env.close()


def test_success_asks_for_the_angle_of_the_t_alone(world: PushWorld) -> None:
    lay_out(world, 0)
    goal, yaw_rad = world.goal_pose()
    counts = np.isfinite(world.shape.angle_tolerance_rad)
    at = lambda x_m, turn_rad: world.outcomes(np.array([0, 0, goal[0] + x_m, goal[1], 0, yaw_rad + turn_rad]))  # noqa: E731
    assert at(0.029, 0.0)["success"]
    assert not at(0.031, 0.0)["success"]
    assert at(0.0, np.radians(19))["success"]
    assert at(0.0, np.radians(40))["success"] == (not counts)
    assert at(0.0, 0.0)["progress"] == 1


def test_the_demonstrator_brings_the_block(world: PushWorld) -> None:
    steps = EPISODE_STEPS["T" if np.isfinite(world.shape.angle_tolerance_rad) else "square"]
    successes = 0
    for layout in range(12):
        lay_out(world, layout)
        behaviour = Demonstrator()
        behaviour.reset(world, np.random.default_rng(0))
        for _ in range(steps):
            action = behaviour.act(world)
            assert np.abs(action).max() <= 1
            world.step(action)
            if world.outcome()["success"]:
                successes += 1
                break
    assert successes >= 11


def test_a_demonstrator_with_an_aim_of_its_own(square: PushWorld) -> None:
    lay_out(square, 3)
    behaviour = Demonstrator(aim=(np.array([0.1, -0.1]), 0.0))
    behaviour.reset(square, np.random.default_rng(0))
    for _ in range(40):
        square.step(behaviour.act(square))
    np.testing.assert_allclose(square.block_pose()[0], [0.1, -0.1], atol=0.02)


def test_play_moves_the_block_everywhere(world: PushWorld) -> None:
    play, places, moved, kinds = noisy_play(), [], [], set()
    for layout in range(40):
        lay_out(world, layout, split="train")
        play.reset(world, np.random.default_rng(layout))
        kinds.add(play.kind)
        before = world.block_pose()[0]
        for _ in range(30):
            world.step(play.act(world))
            places.append(world.block_pose()[0])
        moved.append(np.linalg.norm(places[-1] - before) > 0.02)
        assert abs(world.data.qpos[4]) < 0.01, "the block stays on the table"
    assert kinds == set(play.kinds)
    assert np.mean(moved) > 0.5
    assert np.std(places, axis=0).min() > 0.07
    assert np.abs(places).max() < TABLE_HALF_M - 0.02
