"""The pytest marker in somebody else's repository: the gate's own words, one evaluation, and nothing where unused."""

import json
import os
import sys
import tomllib
from importlib.metadata import entry_points

import pytest

from tests.house.tree import ROOT

pytest_plugins = ["pytester"]
PLUGIN = "rehearse.pytest_plugin"

TESTS = """
import pytest

ALIKE = dict(task="dog-on-jacket", method="nothing", episodes=2, workers=1)

@pytest.mark.rehearse_gate(**ALIKE, max_harm=0.5)
def test_holds(rehearse_gate):
    assert rehearse_gate.result["rows"][0]["n"] == 2
    assert rehearse_gate.passed

@pytest.mark.rehearse_gate(**ALIKE, min_success=0.7)
def test_fails(rehearse_gate):
    raise RuntimeError("the body is not reached")

@pytest.mark.rehearse_gate(**ALIKE, baseline="baseline.json")
def test_worse_than_before():
    pass

@pytest.mark.rehearse_gate(**ALIKE, baseline="absent.json")
def test_cannot_be_judged():
    pass

@pytest.mark.rehearse_gate(**ALIKE, min_succes=0.7)
def test_is_misspelt():
    pass

@pytest.mark.skip
@pytest.mark.rehearse_gate(task="no-such-task", method="nothing", min_success=0.7)
def test_is_skipped():
    pass

def test_has_the_fixture_alone(rehearse_gate):
    pass

def test_has_nothing_to_do_with_it():
    pass

def test_shares_one_evaluation(request):
    from rehearse.pytest_plugin import RESULTS
    assert len(request.config.stash[RESULTS]) == 1
"""


@pytest.fixture(autouse=True)
def _find_rehearse(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """In fresh processes, as torch cannot be loaded twice into one."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_PLUGINS", PLUGIN)
    monkeypatch.setenv("MUJOCO_GL", os.environ.get("MUJOCO_GL", "egl"))


@pytest.mark.gl
def test_a_marked_test_fails_with_the_words_of_the_gate(pytester: pytest.Pytester) -> None:
    row = {"method": "nothing", "n": 2, "success": 1.0, "success_low": 0.3, "success_high": 1.0, "woken": 0.0}
    listed = [{"method": "nothing", "layout": layout, "success": True, "woken": False} for layout in range(2)]
    about = {"task": "dog-on-jacket", "level": "half", "split": "test", "delay_steps": "0", "compensate": "True"}
    pytester.makefile(".json", baseline=json.dumps({"rows": [row], "episodes": listed, "about": about}))
    pytester.makepyfile(TESTS)
    found = pytester.runpytest_subprocess("-v", "--strict-markers", "--junit-xml=junit.xml", "-p", "no:cacheprovider")
    found.assert_outcomes(passed=4, failed=1, errors=3, skipped=1)
    found.stdout.fnmatch_lines(
        [
            "*::test_holds PASSED*",
            "*::test_fails FAILED*",
            "*::test_worse_than_before PASSED*",  # two layouts are no evidence
            "*::test_cannot_be_judged ERROR*",
            "*::test_is_misspelt ERROR*",
            "*::test_has_the_fixture_alone ERROR*",
            "*could not judge: *absent.json*rehearse eval --json*",
            "*unexpected keyword argument 'min_succes'*",
            "*is for tests that carry the marker*",
            "FAIL nothing: success at least 70%: 0% [[]0%, 66%], n 2; at least 70% is asked",
        ]
    )
    said = found.stdout.str()
    assert "the body is not reached" not in said
    assert "Traceback" not in said
    written = (pytester.path / "junit.xml").read_text()
    assert 'property name="rehearse_gate" value="pass nothing: woken at most 50%' in written
    assert "a loss of 10 points is caught in" in written


def test_where_it_is_not_used_it_loads_nothing_and_changes_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_plain():
            heavy = {"numpy", "scipy", "torch", "mujoco", "gymnasium"} & set(sys.modules)
            assert not heavy
            assert {name for name in sys.modules if name.startswith("rehearse.")} == {"rehearse.pytest_plugin"}
        """
    )
    pytester.runpytest_subprocess("--strict-markers", "-W", "error").assert_outcomes(passed=1)


def test_pytest_finds_it_where_rehearse_is_installed() -> None:
    """Under the name that -p takes, so that naming it beside its being installed loads it once."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert declared == {PLUGIN: PLUGIN}
    for installed in entry_points(group="pytest11", name=PLUGIN):
        assert installed.load() is sys.modules[PLUGIN]
