"""Batches: bit for bit the plain loop, whatever the number of threads; nothing wrong goes in, nothing bad comes out."""

from types import SimpleNamespace

import mujoco
import numpy as np
import pytest
import torch

from rehearse.errors import ConfigError, DataError, SetupError
from rehearse.sim.batch import CONTROL, GRASPS, PHYSICS, Batch, Serial, Threads, Warp, with_grasps
from rehearse.sim.dog_on_jacket.physics import PhysicsDynamics
from rehearse.sim.dog_on_jacket.world import World
from rehearse.sim.push import PushWorld
from rehearse.sim.reach import ReachWorld
from rehearse.sim.rollout import RolloutDynamics

WORLDS, STEPS = 5, 12
FORCE_N = 2.0
# A ball falls, rolls and bounces; a cart on a rail hangs on it by a grasp until that opens; a second grasp stays shut.
SCENE = """
<mujoco>
  <option timestep="0.004"/>
  <worldbody>
    <geom type="plane" size="2 2 .1"/>
    <body name="cart" pos="0 0 .5">
      <joint name="rail" type="slide" axis="1 0 0" damping="1"/>
      <geom size=".05" contype="0" conaffinity="0"/><site name="hand" pos="0 0 -.05"/>
    </body>
    <body name="ball" pos="0 0 .4"><freejoint/><geom size=".05"/><site name="tab" pos="0 0 .05"/></body>
    <body name="tail" pos="0 0 .3"><freejoint/><geom size=".02" contype="0" conaffinity="0"/>
      <site name="end" pos="0 0 .05"/></body>
    <site name="anchor" pos="0 0 .35"/>
  </worldbody>
  <equality>
    <connect name="grasp" site1="hand" site2="tab"/>
    <connect name="always" site1="anchor" site2="end"/>
  </equality>
  <actuator><motor joint="rail" gear="1"/></actuator>
  <sensor><framelinvel objtype="body" objname="ball"/><accelerometer site="tab"/></sensor>
</mujoco>
"""


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(SCENE)


@pytest.fixture
def asked(model: mujoco.MjModel) -> SimpleNamespace:
    """States (B,nstate) that differ, and forces (B,H,1)."""
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    states = np.empty((WORLDS, mujoco.mj_stateSize(model, PHYSICS)))
    for row in states:
        data.qvel[0] = rng.normal()
        mujoco.mj_getState(model, data, row, PHYSICS)
    return SimpleNamespace(states=states, controls=rng.uniform(-FORCE_N, FORCE_N, (WORLDS, STEPS, 1)))


def assert_equal(one, other) -> None:
    for name in ("states", "sensors", "good_steps"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("threads", [0, 1, 2, 3])
@pytest.mark.parametrize("begin_s", [0.0, 0.4])
def test_threads_are_the_plain_loop_to_the_last_bit(model, asked, threads: int, begin_s: float) -> None:
    asked.states[:, 0] = begin_s
    expected = Serial(model).rollout(asked.states, asked.controls)
    assert expected.states.shape == (WORLDS, STEPS, asked.states.shape[1])
    assert expected.sensors.shape == (WORLDS, STEPS, 6)
    assert not expected.diverged.any()
    assert_equal(Threads(model, threads).rollout(asked.states, asked.controls), expected)


def test_the_loop_is_mj_step(model, asked) -> None:
    data = mujoco.MjData(model)
    mujoco.mj_setState(model, data, asked.states[3], PHYSICS)
    rolled = Serial(model).rollout(asked.states, asked.controls)
    for step in range(STEPS):
        data.ctrl[:] = asked.controls[3, step]
        mujoco.mj_step(model, data)
        np.testing.assert_array_equal(rolled.states[3, step, 1 : 1 + model.nq], data.qpos)
        np.testing.assert_array_equal(rolled.sensors[3, step], data.sensordata)


def test_a_warm_start_is_used_by_both(model, asked) -> None:
    warmstart = np.random.default_rng(1).normal(size=(WORLDS, model.nv))
    cold, warm = (Serial(model).rollout(asked.states, asked.controls, warmstart=w) for w in (None, warmstart))
    assert (cold.states != warm.states).any()
    assert_equal(Threads(model, 2).rollout(asked.states, asked.controls, warmstart=warmstart), warm)


def test_one_start_serves_all_worlds(model, asked) -> None:
    repeated = Threads(model).rollout(np.repeat(asked.states[:1], WORLDS, 0), asked.controls)
    assert_equal(Threads(model).rollout(asked.states[0], asked.controls), repeated)


def test_nothing_is_remembered(model, asked) -> None:
    for batch in (Threads(model, 2), Serial(model)):
        first = batch.rollout(asked.states, asked.controls)
        batch.rollout(asked.states + 0.01, with_grasps(model, -asked.controls, {"grasp": np.zeros(STEPS)}), spec=GRASPS)
        assert_equal(batch.rollout(asked.states, asked.controls), first)


def test_the_model_may_change_between_calls(asked) -> None:
    model = mujoco.MjModel.from_xml_string(SCENE)
    batches = Threads(model), Serial(model)
    before = batches[0].rollout(asked.states, asked.controls)
    model.body_mass[model.body("ball").id] *= 3
    after = [batch.rollout(asked.states, asked.controls) for batch in batches]
    assert (after[0].states != before.states).any()
    assert_equal(*after)


def distance(model: mujoco.MjModel, states: np.ndarray, one: str, other: str) -> np.ndarray:
    """Between two sites in each of states (n,nstate)."""
    data, gaps = mujoco.MjData(model), []
    for state in states:
        mujoco.mj_setState(model, data, state, PHYSICS)
        mujoco.mj_kinematics(model, data)
        gaps.append(np.linalg.norm(data.site(one).xpos - data.site(other).xpos))
    return np.array(gaps)


def test_a_grasp_opens_inside_a_rollout_and_no_other_constraint_does(model, asked) -> None:
    held = np.ones((WORLDS, 100))
    held[1:, 40:] = 0
    controls = with_grasps(model, np.ones((WORLDS, 100, 1)), {"grasp": held})
    rolled = [batch.rollout(asked.states[0], controls, spec=GRASPS) for batch in (Threads(model, 2), Serial(model))]
    assert_equal(*rolled)
    states = rolled[0].states
    np.testing.assert_array_equal(states[0, :40], states[1, :40])
    assert distance(model, states[0], "hand", "tab").max() < 0.01
    assert distance(model, states[1, -1:], "hand", "tab")[0] > 0.1
    assert distance(model, states[1], "anchor", "end").max() < 0.01
    # The trap that with_grasps is there for: columns of zeros cut everything.
    zeros = np.concatenate([np.ones((1, 100, 1)), np.zeros((1, 100, model.neq))], axis=2)
    cut = Threads(model).rollout(asked.states[0], zeros, spec=GRASPS).states
    assert distance(model, cut[0, -1:], "anchor", "end")[0] > 0.05


def test_without_grasps_in_the_controls_the_model_decides(model, asked) -> None:
    told = with_grasps(model, asked.controls, {})
    assert told.shape == (WORLDS, STEPS, 3)
    assert_equal(
        Threads(model).rollout(asked.states, told, spec=GRASPS), Threads(model).rollout(asked.states, asked.controls)
    )


def test_a_grasp_that_is_not_there(model, asked) -> None:
    with pytest.raises(ConfigError, match=r"no equality 'grip'.*grasp, always"):
        with_grasps(model, asked.controls, {"grip": np.ones(STEPS)})


@pytest.mark.parametrize("backend", [Threads, Serial])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: {"states": a.states[:, :-1]}, r"states have shape \(5, 28\); expected \(5, 29\)"),
        (lambda a: {"states": a.states[:3]}, r"states have shape \(3, 29\)"),
        (lambda a: {"controls": a.controls[0]}, r"controls have shape \(12, 1\); expected \(worlds, steps, 1\)"),
        (lambda a: {"controls": a.controls[:, :0]}, "controls have shape"),
        (lambda a: {"spec": GRASPS}, r"expected \(worlds, steps, 3\)"),
        (lambda a: {"spec": PHYSICS}, "no user input"),
        (lambda a: {"warmstart": np.zeros(4)}, r"warmstart have shape \(4,\)"),
        (lambda a: {"states": np.where(np.arange(5)[:, None] == 2, np.nan, a.states)}, "states of world 2 are not"),
        (lambda a: {"controls": a.controls + np.inf}, "controls of world 0, step 0, column 0 are not finite"),
        (lambda a: {"controls": a.controls + 1e11}, "are not finite"),
        (lambda a: {"controls": np.full((5, 12, 3), 0.5), "spec": GRASPS}, "other than 0 and 1"),
    ],
)
def test_bad_input_is_one_clear_error(model, asked, backend: type, change, said: str) -> None:
    given = {"states": asked.states, "controls": asked.controls} | change(asked)
    with pytest.raises(DataError, match=said):
        backend(model).rollout(given.pop("states"), given.pop("controls"), **given)


def test_fewer_than_no_threads(model) -> None:
    with pytest.raises(ConfigError, match="threads is -1"):
        Threads(model, -1)


@pytest.mark.parametrize("begin_s", [0.0, 0.004, 0.4])
@pytest.mark.parametrize(("steps", "at"), [(1, 0), (2, 0), (2, 1), (6, 0), (6, 1), (6, 5)])
def test_a_diverged_world_is_flagged_and_harms_no_other(
    asked, tmp_path, monkeypatch: pytest.MonkeyPatch, begin_s: float, steps: int, at: int
) -> None:
    """MuJoCo itself resets such a world and goes on, as if nothing had happened."""
    monkeypatch.chdir(tmp_path)  # where MuJoCo leaves its MUJOCO_LOG.TXT
    model = mujoco.MjModel.from_xml_string(SCENE.replace('gear="1"', 'gear="1e7"'))
    controls = np.zeros((WORLDS, steps, 1))
    controls[2, at] = 1e9
    asked.states[:, 0] = begin_s
    threads, serial = (batch.rollout(asked.states, controls) for batch in (Threads(model, 2), Serial(model)))
    assert_equal(threads, serial)
    assert threads.diverged.tolist() == [False, False, True, False, False]
    assert threads.good_steps.tolist() == [steps, steps, at, steps, steps]
    assert np.isfinite(threads.states[2, :at]).all()
    assert np.isnan(threads.states[2, at:]).all()
    assert np.isnan(threads.sensors[2, at:]).all()
    others = [0, 1, 3, 4]
    assert_equal(
        Serial(model).rollout(asked.states[others], controls[others]),
        SimpleNamespace(states=threads.states[others], sensors=threads.sensors[others], good_steps=[steps] * 4),
    )


class Losing:
    """A batch that loses its world 1 half-way through the call of number ``call``."""

    def __init__(self, batch: Batch, call: int) -> None:
        self.model, self._batch, self._left = batch.model, batch, call

    def rollout(self, states, controls, **rest):
        rolled = self._batch.rollout(states, controls, **rest)
        if self._left == 0:
            half = controls.shape[1] // 2
            rolled.good_steps[1] = half
            rolled.states[1, half:] = rolled.sensors[1, half:] = np.nan
        self._left -= 1
        return rolled


def test_a_lost_future_is_not_a_number_to_planners() -> None:
    world = PushWorld()
    world.reset(np.random.default_rng(0))
    actions = torch.full((3, 6, 2), 0.3)
    lossy, whole = RolloutDynamics(world, Losing(Threads(world.model), 0)), RolloutDynamics(world)
    lost, expected = (dynamics.imagine(dynamics.observe(world), actions).signals for dynamics in (lossy, whole))
    for name, values in lost.items():
        assert values[0, 1, 3:].isnan().all(), name
        assert torch.equal(values[0, :, :3], expected[name][0, :, :3]), name
        assert torch.equal(values[0, ::2], expected[name][0, ::2]), name


def test_a_lost_pull_is_not_a_number_to_planners(layout) -> None:
    world = World()
    world.reset(layout(0))
    actions = torch.tensor([-0.4, 0.0, 0.1, 1.0]).repeat(3, 4, 1)
    lossy, whole = PhysicsDynamics(world, Losing(Threads(world.model), 1)), PhysicsDynamics(world)
    lost, expected = (dynamics.imagine(dynamics.observe(world), actions).signals for dynamics in (lossy, whole))
    for name, values in lost.items():
        assert values[0, 1, 1:].isnan().all(), name
        assert torch.equal(values[0, :, :1], expected[name][0, :, :1]), name
        assert torch.equal(values[0, ::2], expected[name][0, ::2]), name


@pytest.mark.parametrize("jacket", ["patch", "cloth"])
def test_the_dogs_scene_is_the_plain_loop(jacket: str, layout) -> None:
    world = World(jacket)
    world.reset(layout(0))
    snapshot = PhysicsDynamics(world).observe(world)
    joints = np.repeat(world.data.ctrl[None, None], 20, axis=1)
    controls = with_grasps(world.model, np.repeat(joints, 2, axis=0), {"grasp_tab_middle": np.ones((2, 20))})
    controls[1, :, 0] += 0.3
    rolled = [
        batch.rollout(snapshot.state, controls, spec=GRASPS, warmstart=snapshot.warmstart)
        for batch in (Threads(world.model, 2), Serial(world.model))
    ]
    assert_equal(*rolled)
    assert not rolled[0].diverged.any()
    assert (rolled[0].states[0] != rolled[0].states[1]).any()


def test_warp_without_a_gpu_is_one_clear_error(model) -> None:
    try:
        import warp
    except ImportError:
        said = r"pip install 'rehearse\[gpu\]'"
    else:
        if warp.is_cuda_available():
            pytest.skip("there is a GPU")
        said = "extra 'gpu' needs an NVIDIA GPU"
    with pytest.raises(SetupError, match=said):
        Warp(model)


def agrees(batch: Warp, model: mujoco.MjModel, asked: SimpleNamespace) -> None:
    """Warp beside Serial: a rolling start in float32 stays near the one in float64, a grasp that opens included."""
    held = np.ones((WORLDS, STEPS))
    held[2, STEPS // 2 :] = 0
    controls = with_grasps(model, asked.controls, {"grasp": held})
    expected = Serial(model).rollout(asked.states, controls, spec=GRASPS)
    for _ in range(2):  # nothing is remembered
        rolled = batch.rollout(asked.states, controls, spec=GRASPS)
        assert not rolled.diverged.any()
        (qpos, qvel), (qpos_64, qvel_64) = (np.split(r.states[..., 1:], [model.nq], 2) for r in (rolled, expected))
        np.testing.assert_allclose(qpos, qpos_64, atol=2e-4)
        np.testing.assert_allclose(qvel, qvel_64, atol=2e-2)  # m/s and rad/s, of up to 6
        np.testing.assert_array_equal(rolled.states[..., 0], expected.states[..., 0])
        np.testing.assert_allclose(rolled.sensors[..., :3], expected.sensors[..., :3], atol=2e-2)
    free = with_grasps(model, asked.controls, {"grasp": np.zeros(STEPS)})
    moved = batch.rollout(asked.states, free, spec=GRASPS).states[0, :, 1 : 1 + model.nq] - qpos[0]
    assert np.abs(moved).max() > 5e-3, "the tolerance would not see a grasp"


@pytest.mark.gpu
def test_warp_agrees_on_a_gpu(model, asked) -> None:
    warp = pytest.importorskip("warp", reason="needs the extra gpu")
    if not warp.is_cuda_available():
        pytest.skip("needs a CUDA device")
    agrees(Warp(model), model, asked)


@pytest.mark.slow
def test_warp_agrees_on_the_processor(model, asked) -> None:
    pytest.importorskip("mujoco_warp", reason="needs the extra gpu")
    agrees(Warp(model, device="cpu"), model, asked)


@pytest.mark.slow
@pytest.mark.parametrize("make_world", [PushWorld, ReachWorld])
def test_warp_agrees_on_our_scenes(make_world: type) -> None:
    pytest.importorskip("mujoco_warp", reason="needs the extra gpu")
    world = make_world()
    world.reset(np.random.default_rng(0))
    dynamics = RolloutDynamics(world)
    belief = dynamics.observe(world)
    actions = torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, (3, 2, len(world.action_names))))
    signals = dynamics.imagine(belief, actions).signals
    warped = RolloutDynamics(world, Warp(world.model, device="cpu")).imagine(belief, actions).signals
    for name, values in warped.items():
        torch.testing.assert_close(values, signals[name], rtol=0, atol=1e-4, msg=name)


@pytest.mark.slow
def test_warp_makes_room() -> None:
    """Balls fall onto the floor, and there was not one contact at first."""
    pytest.importorskip("mujoco_warp", reason="needs the extra gpu")
    balls = "".join(
        f'<body pos="{x} {y} .06"><freejoint/><geom size=".05"/></body>' for x in range(10) for y in range(10)
    )
    floor = '<geom type="plane" size="9 9 1"/>'
    heap = mujoco.MjModel.from_xml_string(f"<mujoco><worldbody>{floor}{balls}</worldbody></mujoco>")
    data = mujoco.MjData(heap)
    state = np.empty(mujoco.mj_stateSize(heap, PHYSICS))
    mujoco.mj_getState(heap, data, state, PHYSICS)
    assert data.ncon == 0
    rolled = Warp(heap, device="cpu").rollout(state, np.zeros((2, 40, 0)))
    assert not rolled.diverged.any()
    assert rolled.states[:, -1, 1 + 2 : 1 + heap.nq : 7].min() > 0.045, "none fell through"


@pytest.mark.slow
def test_warp_flags_what_diverged(asked) -> None:
    pytest.importorskip("mujoco_warp", reason="needs the extra gpu")
    model = mujoco.MjModel.from_xml_string(SCENE.replace('gear="1"', 'gear="1e7"'))
    controls = np.zeros((WORLDS, 6, 1))
    controls[2, 3] = 1e9
    rolled = Warp(model, device="cpu").rollout(asked.states, controls)
    assert rolled.diverged.tolist() == [False, False, True, False, False]
    assert rolled.good_steps[2] == 3
    assert np.isnan(rolled.states[2, 3:]).all()


def test_specs_are_mujocos(model) -> None:
    assert mujoco.mj_stateSize(model, CONTROL) == model.nu
    assert mujoco.mj_stateSize(model, GRASPS) == model.nu + model.neq
