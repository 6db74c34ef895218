"""What the scene is made of: both jackets weigh, measure and offer the same."""

import mujoco
import numpy as np
import pytest

from rehearse.sim.dog_on_jacket import scene
from rehearse.sim.dog_on_jacket.world import HOLD_SUBSTEPS, PERIOD_S, SUBSTEPS, World


def jacket_points(world: World) -> np.ndarray:
    """Corners of every plate, or every vertex (P, 3)."""
    model, data = world.model, world.data
    if model.nflex:
        return data.flexvert_xpos.copy()
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
    geoms = np.flatnonzero(model.geom_contype == 1)
    return np.concatenate(
        [data.geom_xpos[g] + (signs * model.geom_size[g]) @ data.geom_xmat[g].reshape(3, 3).T for g in geoms]
    )


def jacket_mass_kg(model: mujoco.MjModel) -> float:
    bodies = model.flex_vertbodyid if model.nflex else model.geom_bodyid[model.geom_contype == 1]
    return float(model.body_mass[np.unique(bodies)].sum())


def lay_flat(world: World, xy: tuple[float, float], yaw_rad: float) -> None:
    mujoco.mj_resetData(world.model, world.data)
    scene.place_jacket(world.model, world.data, xy, yaw_rad)
    mujoco.mj_kinematics(world.model, world.data)
    mujoco.mj_flex(world.model, world.data)


def test_mass_and_extent(either_world: World) -> None:
    lay_flat(either_world, (0.0, 0.0), 0.0)
    points = jacket_points(either_world)
    assert jacket_mass_kg(either_world.model) == pytest.approx(scene.JACKET_MASS_KG, rel=1e-3)
    assert np.ptp(points[:, 0]) == pytest.approx(scene.JACKET_LENGTH_M, abs=0.005)
    assert np.ptp(points[:, 1]) == pytest.approx(1.6 * scene.JACKET_WIDTH_M, abs=0.01)  # sleeve to sleeve
    assert np.ptp(points[:, 2]) < 0.01
    assert points[:, 2].min() >= 0


def test_placed_where_asked(either_world: World) -> None:
    lay_flat(either_world, (0.0, 0.0), 0.0)
    flat = jacket_points(either_world)
    lay_flat(either_world, (0.15, -0.03), 0.7)
    np.testing.assert_allclose(either_world.jacket_position()[:2], (0.15, -0.03), atol=1e-4)
    cos, sin = np.cos(0.7), np.sin(0.7)
    turned = flat @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]) + np.array([0.15, -0.03, 0])
    np.testing.assert_allclose(jacket_points(either_world), turned, atol=1e-9)


def test_tabs_lie_on_the_near_edge(either_world: World) -> None:
    lay_flat(either_world, (0.0, 0.0), 0.0)
    left, middle, right = either_world.data.site_xpos[either_world.tab_sites]
    for tab in (left, middle, right):
        assert tab[0] == pytest.approx(-scene.JACKET_LENGTH_M / 2, abs=0.015)
    assert left[1] == pytest.approx(-right[1])
    assert left[1] > 0.1
    assert middle[1] == pytest.approx(0, abs=1e-9)


def test_grasps_begin_open_and_the_rest_stays_on(either_world: World) -> None:
    active = np.ones(either_world.model.neq, bool)
    active[either_world.grasps] = False
    np.testing.assert_array_equal(either_world.model.eq_active0, active)
    assert len(either_world.grasps) == len(scene.TABS)


def test_friction_reaches_the_contact_of_dog_and_jacket(either_world: World, layout) -> None:
    """In the contacts themselves, where priorities decide, and not only in the geoms."""
    either_world.reset(layout(1))
    model, data = either_world.model, either_world.data
    dog = np.array([model.body(b).name.startswith("dog/") for b in model.geom_bodyid])
    found = [
        contact.friction[0]
        for contact in data.contact
        if any(g >= 0 and dog[g] for g in contact.geom)
        and (min(contact.geom) < 0 or (model.geom_contype[contact.geom] == 1).any())
    ]
    assert found
    np.testing.assert_allclose(found, either_world.factors.friction)


def test_dog_mass_is_applied_afresh(world: World, layout) -> None:
    for index in (1, 2, 1):
        world.reset(layout(index))
        dog = [i for i in range(world.model.nbody) if world.model.body(i).name.startswith("dog/")]
        assert world.model.body_mass[dog].sum() == pytest.approx(world.factors.dog_mass_kg)


def test_the_jacket_bears_the_dog(either_world: World, layout) -> None:
    """With the dog on top of it, the jacket carries a good part of its weight: else no tug could reach the dog."""
    either_world.reset(layout(2, level="full"))
    model, data = either_world.model, either_world.data
    dog = np.array([model.body(b).name.startswith("dog/") for b in model.geom_bodyid])
    borne, force = 0.0, np.zeros(6)
    for index, contact in enumerate(data.contact):
        geoms = [g for g in contact.geom if g >= 0]
        on_jacket = len(geoms) < 2 or (model.geom_contype[geoms] == 1).any()
        if on_jacket and dog[geoms].any():
            mujoco.mj_contactForce(model, data, index, force)
            borne += force[0]
    share = 0.2 if model.nflex else 0.4  # a vertex is softer the lighter it is
    assert borne > share * either_world.factors.dog_mass_kg * 9.81


def test_a_step_is_a_whole_number_of_substeps() -> None:
    assert pytest.approx(PERIOD_S) == SUBSTEPS * scene.TIMESTEP_S
    assert SUBSTEPS % HOLD_SUBSTEPS == 0


@pytest.mark.parametrize("camera", ["front", "wide", "top"])
def test_cameras_exist(world: World, camera: str) -> None:
    assert world.model.camera(camera).id >= 0
