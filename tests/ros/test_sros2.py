"""config/sros2/policy.xml: of SROS 2's form, what it promises, and what the nodes really use."""

import fnmatch
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.ros.live import Nodes, Probe

POLICY = ElementTree.parse(ROOT / "config" / "sros2" / "policy.xml").getroot()
KINDS = {"topics": ("publish", "subscribe"), "services": ("reply", "request"), "actions": ("execute", "call")}
# What a node does in some settings only: simulated time, sim_node's own clock, an optional action, further cameras,
# goals of the tasks that have them.
SOMETIMES = {
    "/clock",
    "/sim/follow_joint_trajectory",
    "/camera/*/image_raw",
    "/camera/*/camera_info",
    "/goal/image_raw",
}


def rules() -> Iterator[tuple[str, str, str]]:
    """(node, verb, full name) of all that is allowed; names as in sros2's permissions.xsl."""
    for profile in POLICY.iter("profile"):
        node, space = profile.get("node"), profile.get("ns").rstrip("/") + "/"
        for group in profile:
            for name in group:
                full = name.text if name.text.startswith("/") else space + name.text.replace("~", node, 1)
                yield from ((node, verb, full) for verb in group.attrib)


def allowed(node: str, verb: str) -> set[str]:
    """The expressions of one node."""
    return {name for who, what, name in rules() if (who, what) == (node, verb)}


def who_may(verb: str, name: str) -> set[str]:
    """The nodes that may do this to this name."""
    return {node for node, what, expression in rules() if what == verb and fnmatch.fnmatchcase(name, expression)}


def test_it_has_the_form_of_sros2s_schema() -> None:
    """What policy.xsd asks for."""
    assert (POLICY.tag, POLICY.attrib) == ("policy", {"version": "0.2.0"})
    [enclaves] = POLICY
    assert enclaves.tag == "enclaves"
    for enclave in enclaves:
        assert (enclave.tag, list(enclave.attrib)) == ("enclave", ["path"])
        [profiles] = enclave
        assert profiles.tag == "profiles"
        for profile in profiles:
            assert (profile.tag, sorted(profile.attrib)) == ("profile", ["node", "ns"])
            assert enclave.get("path") == f"/rehearse/{profile.get('node')}"
            for group in profile:
                assert set(group.attrib) <= set(KINDS[group.tag])
                assert set(group.attrib.values()) == {"ALLOW"}, "what is not allowed is denied"
                assert {name.tag for name in group} == {group.tag.removesuffix("s")}


def test_the_way_to_the_arm_leads_through_the_guard() -> None:
    assert who_may("publish", "/joint_trajectory") == {"guard"}
    assert who_may("publish", "/guard/command") == {"planner", "guard"}  # the guard's own name, which it does not use
    assert who_may("publish", "/guard/enable") == {"operator", "guard"}
    assert who_may("request", "/guard/stop") == who_may("request", "/guard/reset") == {"operator"}
    assert who_may("request", "/guard/set_parameters") == set()
    assert who_may("call", "/sim/follow_joint_trajectory") == {"operator"}
    assert who_may("publish", "/planner/goal") == {"operator", "planner"}
    assert who_may("call", "/planner/plan_to_goal") == {"operator"}
    assert who_may("publish", "/joint_states") == {"arm", "sim"}
    assert "/cartesian_command" not in {name for _, _, name in rules()}


@pytest.mark.ros
@pytest.mark.gl
@pytest.mark.skipif(find_spec("rclpy") is None, reason="needs a ROS 2: make test-ros brings one")
def test_it_allows_what_the_nodes_use_and_no_more(nodes: Nodes, probe: Probe, tmp_path: Path) -> None:
    asked = {
        "publish": probe.node.get_publisher_names_and_types_by_node,
        "subscribe": probe.node.get_subscriber_names_and_types_by_node,
        "reply": probe.node.get_service_names_and_types_by_node,
        "request": probe.node.get_client_names_and_types_by_node,
    }
    started = {
        "sim": {},
        "guard": {"deadman": False},
        "planner": {"futures": 4},
        "arm": {"robot_file": ROOT / "config" / "so101_simulated.yaml"},
        "recorder": {"folder": tmp_path, "autostart": False},
    }
    for node, parameters in started.items():
        process = nodes.start(f"{node}_node", **parameters)
        probe.until(lambda node=node: node in probe.node.get_node_names(), f"{node} to be there")
        used = lambda verb, node=node: {name for name, _ in asked[verb](node, "/")}  # noqa: E731
        unused = lambda node=node, used=used: (  # noqa: E731
            {(v, rule) for v in asked for rule in allowed(node, v) - SOMETIMES if not fnmatch.filter(used(v), rule)}
            - {("publish", f"/{node}/*"), ("subscribe", f"/{node}/*")}
        )
        probe.until(
            lambda unused=unused: not unused(), f"{node} to use all that it may: {allowed(node, 'publish')}, ..."
        )
        for verb in asked:
            known = allowed(node, verb)
            stray = {name for name in used(verb) if not any(fnmatch.fnmatchcase(name, rule) for rule in known)}
            assert not stray, f"{node} may not {verb} {stray}"
        nodes.kill(process)
