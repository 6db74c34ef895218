"""Other people's arms: found where they lie, never fetched; models that were not made for us reach all the same."""

import builtins
import re
import socket
from pathlib import Path

import mujoco
import numpy as np
import pytest

from rehearse.errors import ConfigError, SetupError
from rehearse.sim import menagerie
from rehearse.sim.kinematics import ArmKinematics
from rehearse.sim.menagerie import get_robot
from rehearse.sim.reach import EPISODE_STEPS, Demonstrator, ReachEnv, ReachWorld
from rehearse.sim.robots import ROBOTS
from rehearse.sim.tasks import get_task

# Six hinges, a hand with two fingers on one tendon, a posture to begin at; no site says where the tool is.
BIG = """
<mujoco model="big">
  <compiler angle="radian" autolimits="true"/>
  <option integrator="implicit" cone="elliptic"/>
  <default><joint axis="0 1 0" range="-2.6 2.6" armature=".1" damping="1" limited="true"/></default>
  <worldbody>
    <light pos="0 0 3"/>
    <body name="link0">
      <geom type="cylinder" size=".06 .05" pos="0 0 .05"/>
      <body name="link1" pos="0 0 .3"><joint name="j1" axis="0 0 1" range="-2.9 2.9"/>
        <geom type="capsule" fromto="0 0 -.1 0 0 0" size=".05" mass="3"/>
        <body name="link2"><joint name="j2"/><geom type="capsule" fromto="0 0 0 0 0 .32" size=".04" mass="3"/>
          <body name="link3" pos="0 0 .32"><joint name="j3"/>
            <geom type="capsule" fromto="0 0 0 0 0 .3" size=".04" mass="2"/>
            <body name="link4" pos="0 0 .3"><joint name="j4"/><geom size=".04" mass="1"/>
              <body name="link5"><joint name="j5" axis="1 0 0"/><geom size=".03" mass=".5"/>
                <body name="link6"><joint name="j6" axis="0 0 1"/><geom size=".03" pos="0 0 .05" mass=".5"/>
                  <body name="hand" pos="0 0 .1"><geom type="box" size=".04 .02 .02" mass=".4"/>
                    <body name="left" pos=".02 0 .06"><joint name="f1" type="slide" axis="1 0 0" range="0 .04"/>
                      <geom type="box" size=".01 .01 .03" mass=".02"/></body>
                    <body name="right" pos="-.02 0 .06"><joint name="f2" type="slide" axis="-1 0 0" range="0 .04"/>
                      <geom type="box" size=".01 .01 .03" mass=".02"/></body>
                  </body></body></body></body></body></body></body>
    </body>
  </worldbody>
  <contact><exclude body1="hand" body2="link5"/></contact>
  <tendon><fixed name="split"><joint joint="f1" coef=".5"/><joint joint="f2" coef=".5"/></fixed></tendon>
  <equality><joint joint1="f1" joint2="f2"/></equality>
  <actuator>
    ARM
    <general tendon="split" ctrlrange="0 255" gainprm=".0157" biasprm="0 -100 -10" biastype="affine"/>
  </actuator>
  <sensor><jointpos joint="f1"/></sensor>
  <keyframe><key qpos="0 .3 1.6 1.2 0 0 .04 .04" ctrl="0 .3 1.6 1.2 0 0 255"/></keyframe>
</mujoco>
"""
STRENGTH = (90, 90, 60, 20, 10, 10)
SERVOS = "\n".join(
    f'<position joint="j{i}" kp="{20 * s}" kv="{2 * s}" forcerange="-{s} {s}"/>' for i, s in enumerate(STRENGTH, 1)
)
MOTORS = "\n".join(f'<motor joint="j{i}" ctrlrange="-1 1" gear="{s}"/>' for i, s in enumerate(STRENGTH, 1))

# Another maker's hand, which says where the tool is; but no posture is told.
NAMED = (
    re.sub("<keyframe>.*</keyframe>", "", BIG)
    .replace('"hand"', '"gripper_base"')
    .replace('mass=".4"/>', 'mass=".4"/><site name="pinch" pos="0 0 .08"/>')
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A menagerie of two makers' arms, and something that is none."""
    for name, text in {
        "acme_big/big.xml": BIG.replace("ARM", SERVOS),
        "acme_big/scene.xml": "<mujoco/>",
        "other_motors/motors.xml": NAMED.replace("ARM", MOTORS),
        "acme_ball/ball.xml": "<mujoco><worldbody><body><joint/><geom size='.1'/></body></worldbody></mujoco>",
        "acme_two/left.xml": "<mujoco/>",
        "acme_two/right.xml": "<mujoco/>",
        "a_same/same.xml": "<mujoco/>",
        "b_same/same.xml": "<mujoco/>",
        "acme_weak/weak.xml": BIG.replace("ARM", SERVOS.replace('forcerange="-60 60"', "")),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("MUJOCO_MENAGERIE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["menagerie:acme_big", "menagerie:big", "menagerie:acme_big/big"])
def test_found_by_its_folder(folder: Path, name: str) -> None:
    robot = get_robot(name)
    assert robot.joints == ("j1", "j2", "j3", "j4", "j5", "j6")
    assert robot.torque_nm == STRENGTH
    assert robot.source == "acme_big of MuJoCo Menagerie"


def test_found_where_robot_descriptions_keeps_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_MENAGERIE")
    monkeypatch.setenv("ROBOT_DESCRIPTIONS_CACHE", str(folder / "cache"))
    with pytest.raises(SetupError, match="not on this machine"):
        get_robot("menagerie:big")
    (folder / "cache").mkdir()
    (folder / "cache" / "mujoco_menagerie").symlink_to(folder)
    assert get_robot("menagerie:big").hand == "hand"


@pytest.mark.parametrize("kind", ["big", "motors"])
def test_reaches_and_is_what_its_model_says(folder: Path, kind: str) -> None:
    robot = get_robot(f"menagerie:{kind}")
    model = robot.spec().compile()
    assert (model.nq, model.nu, model.neq, model.ntendon, model.nkey) == (6, 6, 0, 0, 0), "fingers are held still"
    np.testing.assert_array_equal(model.actuator_forcerange[:, 1], STRENGTH)
    np.testing.assert_array_equal(model.actuator_gainprm[:, 0], np.array(STRENGTH) * (20 if kind == "big" else 10))
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    assert data.site("grip").xpos[2] == pytest.approx(0.3 + 0.32 + 0.3 + 0.1 + (0.06 if kind == "big" else 0.08))
    kinematics = ArmKinematics(robot)
    low, high = robot.workspace_low_m, robot.workspace_high_m
    assert min(np.subtract(high, low)) > 0.15
    for place in np.random.default_rng(1).uniform(low, high, (20, 3)):
        np.testing.assert_allclose(
            kinematics.forward(kinematics.solve(kinematics.home_rad, place, iterations=80)), place, atol=5e-3
        )
    world = ReachWorld(robot)
    for layout in range(4):
        world.reset(np.random.default_rng(layout))
        script = Demonstrator()
        script.reset(world, np.random.default_rng(0))
        for _ in range(EPISODE_STEPS - 5):
            world.step(script.act(world))
        assert world.outcome()["success"], world.outcome()
    assert world.data.warning.number.sum() == 0


@pytest.mark.gl
def test_by_name_in_the_task(folder: Path) -> None:
    env = get_task("reach").make_env(options={"arm": "menagerie:big"})
    observation, _ = env.reset(options={"layout": 0})
    assert observation["image"].std() > 5
    assert env.world.robot.name == "menagerie:big"
    env.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("menagerie:huge", "there is none of that name"),
        ("menagerie:same", "there is a_same, b_same"),
        ("menagerie:two", "there are: menagerie:two/left, menagerie:two/right"),
        ("menagerie:big/small", "there are: menagerie:big/big"),
        ("menagerie:ball", "0 driven hinges lead from the base"),
        ("menagerie:weak", "does not say how strong j3 is"),
        ("arm9", "unknown robot 'arm9'; choose one of arm7"),
    ],
)
def test_what_is_no_arm_here_says_so(folder: Path, name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        get_robot(name)


@pytest.fixture
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without models, on which whoever would fetch some is caught."""
    monkeypatch.delenv("MUJOCO_MENAGERIE", raising=False)
    monkeypatch.setenv("ROBOT_DESCRIPTIONS_CACHE", str(tmp_path))
    monkeypatch.setattr(menagerie, "find_spec", lambda name: None)
    imported = builtins.__import__

    def guarded(name: str, *rest, **more):
        assert name.partition(".")[0] not in ("robot_descriptions", "ogbench", "git"), "importing it fetches"
        return imported(name, *rest, **more)

    def offline(*_, **__):
        raise AssertionError("nothing may be fetched")

    monkeypatch.setattr(builtins, "__import__", guarded)
    monkeypatch.setattr(socket.socket, "connect", offline)


@pytest.mark.usefixtures("nothing_here")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "menagerie:panda",
            "nothing is fetched unasked.*robot_descriptions pull panda_mj_description.*MUJOCO_MENAGERIE",
        ),
        ("ogbench:ur5e", "pip install --no-deps ogbench"),
    ],
)
def test_a_model_that_is_not_here_is_one_line(name: str, said: str) -> None:
    for ask in (
        get_robot,
        lambda name: ReachEnv(arm=name),
        lambda name: get_task("reach").checked_options({"arm": name}),
    ):
        with pytest.raises(SetupError, match=said) as caught:
            ask(name)
        assert "\n" not in str(caught.value)


def test_our_own_need_no_finding() -> None:
    assert get_robot("so101") is ROBOTS["so101"]


def test_the_task_tells_how_other_arms_are_named() -> None:
    with pytest.raises(ConfigError, match="unknown arm 'arm9'; choose one of arm7, so101, menagerie:…, ogbench:…"):
        get_task("reach").checked_options({"arm": "arm9"})
    with pytest.raises(ConfigError, match="unknown robot 'ogbench:ur6'"):
        get_task("reach").checked_options({"arm": "ogbench:ur6"})


def test_ogbenchs_arm_reaches() -> None:
    pytest.importorskip("ogbench", reason="needs ogbench, whose models it uses")
    robot = get_robot("ogbench:ur5e")
    assert robot.hand == "gripper/base"
    world = ReachWorld(robot)
    world.reset(np.random.default_rng(0))
    script = Demonstrator()
    script.reset(world, np.random.default_rng(0))
    for _ in range(EPISODE_STEPS):
        world.step(script.act(world))
    assert world.outcome()["success"]
