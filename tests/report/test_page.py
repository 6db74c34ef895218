"""The page: whole, self-contained, escaped, and with films that play."""

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from rehearse.errors import DataError
from rehearse.film import data_uri, encode_mp4, hold_last, sprite
from rehearse.page import DecisionView, ImaginedView, Story, number, percent, write_page
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.tasks import get_task

METHODS = ("nothing", "random", "script-fast", "script-best", "planner-1", "planner-64", "planner-4096", "oracle")
ABOUT = {"level": "half", "seeds": "0..19", "checkpoint": "tiny", "command": "rehearse eval --page report.html"}
FILM = re.compile(r'<video[^>]*src="data:video/mp4;base64,([^"]+)"')
H = 6


def row(method: str, success: float = 0.5) -> dict:
    low, high = success - 0.1, success + 0.1
    rates = dict(success=success, success_low=low, success_high=high, woken=0.3, woken_low=0.2, woken_high=0.4)
    return dict(method=method, n=20, time_s=3.4, disturbance_median=0.61, **rates)


def moving(length: int, height: int = 64, width: int = 64) -> np.ndarray:
    """A bright square that walks to the right over a grey ground."""
    frames = np.full((length, height, width, 3), 90, np.uint8)
    for t in range(length):
        frames[t, 8:24, 2 * t : 2 * t + 16] = (230, 120, 20)
    return frames


def future(verdict: str, wakes: float = 0.1, steps: int = H) -> ImaginedView:
    ramp = np.linspace(0, 1, steps)
    signals = dict(strain=1.4 * wakes * ramp, progress=ramp, harm=wakes * ramp)
    parts = {"progress": -1.0, "hazard": 6 * wakes}
    return ImaginedView(
        moving(steps), cost=6 * wakes - 1, parts=parts, actions=np.zeros((steps, 4)), verdict=verdict, **signals
    )


def story(title: str = "Layout 3", steps: int = 12, happened: int = H) -> Story:
    views = (future("chosen"), future("runner-up", 0.2), future("rejected: would wake the dog (71 %)", 0.71))
    decision = DecisionView(2, 0.4, 512, 83.0, views, moving(happened))
    signals = dict(strain=np.linspace(0, 0.8, steps), progress=np.linspace(0, 1, steps))
    return Story(title, "fetched in 2.2 s, dog asleep", moving(steps, 90, 120), decisions=(decision,), **signals)


def woken(steps: int = 7) -> Story:
    ramp = np.linspace(0, 3, steps)
    return Story("The habit", "dog awake after 0.6 s", moving(steps, 90, 120), strain=ramp, progress=ramp / 3)


def decoded(mp4: bytes) -> np.ndarray:
    with av.open(io.BytesIO(mp4)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def films(page: str) -> list[np.ndarray]:
    return [decoded(base64.b64decode(text)) for text in FILM.findall(page)]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "made" / "report.html"
    write_page(path, TASK, [row(m, 0.1 + 0.1 * i) for i, m in enumerate(METHODS)], [story()], ABOUT, contrast=woken())
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    return path.read_text(encoding="utf-8")


def test_whole_and_in_order(page: str) -> None:
    assert page.startswith("<!DOCTYPE html>")
    assert page.rstrip().endswith("</html>")
    order = [
        page.index(text)
        for text in (
            "A dog is asleep on the jacket",
            "A habit pulls",
            "Imagination pulls",
            "How often it goes well",
            "futures imagined at each step",
            "512 futures in 83 ms",
            "How to read this",
            "rehearse eval --page report.html",
        )
    ]
    assert order == sorted(order)


def test_the_films_speak_of_what_can_be_harmed(page: str, tmp_path: Path) -> None:
    assert 'data-before="asleep" data-word="awake"' in page
    drawer = get_task("drawer")
    rows = [row("nothing", 0.1) | dict(fallen=0.3, fallen_low=0.2, fallen_high=0.4)]
    write_page(tmp_path / "page.html", drawer, rows, [story()], ABOUT, contrast=woken())
    told = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert 'data-before="standing" data-word="fallen"' in told
    assert 'content: "asleep"' not in told


def test_loads_nothing(page: str) -> None:
    assert not re.search(r"https?://|@import|<link(?! rel=\"icon\" href=\"data:,\")", page)
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert addresses
    assert not [a for a in addresses if not a.startswith(("data:", "#"))]
    assert not [a for a in re.findall(r"url\(([^)]*)\)", page) if not a.startswith("#")]


def test_every_method_has_its_row_and_its_interval(page: str) -> None:
    assert tuple(re.findall(r'<tr class="\w+" data-method="([^"]+)"', page)) == METHODS
    assert page.count('<tr class="reference"') == 3
    assert "Rehearse, 4,096 futures" in page
    assert 'aria-label="between 70\u00a0% and 90\u00a0%"' in page  # the oracle's success
    assert "--l:0.7000;--h:0.9000" in page


def test_headline_compares_the_largest_planner_with_the_best_script(page: str) -> None:
    text = " ".join(re.sub(r"<[^>]+>", "", page[page.index("In 20 layouts") :][:900]).split())
    assert "imagining 4,096 futures" in text
    assert "70 % and woke it in 30 %" in text
    assert "managed 40 %" in text


def test_films_play(page: str) -> None:
    habit, plan, whole, imagined = films(page)
    assert habit.shape == plan.shape == (17, 90, 120, 3)  # one length, so that the pair loops in step
    assert np.abs(habit[7:].astype(int) - moving(7, 90, 120)[-1]).mean() < 4
    assert np.abs(whole[:12].astype(int) - moving(12, 90, 120)).mean() < 4
    assert imagined.shape == (H + 5, 128, 4 * 128, 3)
    assert np.abs(imagined[:H, ::2, 1:128:2].astype(int) - moving(H)).mean() < 4


def test_chosen_first_then_what_happened_then_the_others(page: str) -> None:
    kinds = re.findall(r'<figure class="tile ([\w-]+)">', page)
    assert kinds == ["chosen", "happened", "runner-up", "rejected"]
    places = re.findall(r'data-from="(\d+) (\d+) 128 128"', page)
    assert places == [("0", "0"), ("128", "0"), ("256", "0"), ("384", "0")]
    assert "rejected: would wake the dog (71\u00a0%)" in page
    assert re.search(r"would wake the dog</dt><dd>71\u00a0%", page)


def test_the_films_know_when_the_dog_wakes(page: str) -> None:
    assert re.findall(r'data-wakes-at="(-?\d+)"', page) == ["2", "-1", "-1"]


def test_figures_follow_the_colours_of_the_page(page: str) -> None:
    figures = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(figures) == 6  # two of results, two of the pair, one film, one decision
    for svg in figures:
        assert "var(--" in svg
        assert 'role="img" aria-label="' in svg
        assert not re.search(r"#(0\d)\1\1", svg)


def test_all_text_is_escaped(tmp_path) -> None:
    evil = '<script>alert("x")</script>&'
    views = story().decisions[0].candidates
    decision = replace(story().decisions[0], candidates=(replace(views[0], parts={evil: 1.0}, verdict=evil),))
    bad = replace(story(evil), outcome=evil, decisions=(decision,))
    write_page(tmp_path / "page.html", TASK, [row(evil)], [bad], {evil: evil, "level": evil}, contrast=bad)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<script>") == 1  # the page's own
    assert "alert(&#34;x&#34;)" in page
    assert 'alert("x")' not in page


def test_nothing_to_show_is_still_a_page(tmp_path) -> None:
    write_page(tmp_path / "page.html", TASK, [], [], {})
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "How to read this" in page
    assert "<video" not in page
    assert "<table" not in page


def test_rows_may_lack_what_was_not_measured(tmp_path) -> None:
    rows = [
        {"method": "script-best", "success": 0.4},
        {"method": "planner-8", "success": 0.6, "woken": None, "time_s": None},
        {"method": "planner-512"},
        {"method": "my-own", "n": 3, "success": float("nan"), "futures": 0},
    ]
    write_page(tmp_path / "page.html", TASK, rows, [], {})
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("data-method=") == 4
    assert page.count("<svg") == 1  # success of one planner; woken was measured for none
    assert "nan" not in page.lower().replace("nance", "")
    assert "None" not in page


@pytest.mark.parametrize("happened", [0, 2])
def test_short_or_unknown_sequels(tmp_path, happened: int) -> None:
    write_page(tmp_path / "page.html", TASK, [], [story(happened=happened)], {})
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert ('<figure class="tile happened">' in page) == (happened > 0)
    assert page.count('<figure class="plot">') == 1


def test_one_frame_and_one_step_are_enough(tmp_path) -> None:
    views = (future("chosen", steps=1),)
    short = replace(story(steps=1), decisions=(DecisionView(0, 0.0, 1, 2.0, views, moving(1)),))
    write_page(tmp_path / "page.html", TASK, [row("planner-1")], [short], {})
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert [len(film) for film in films(page)] == [6, 6, 6]


def test_a_failure_leaves_the_old_page(tmp_path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    broken = replace(story(), decisions=(replace(story().decisions[0], candidates=()),))
    with pytest.raises(DataError, match="step 2: no candidates"):
        write_page(path, TASK, [], [broken], {})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(DataError, match="'Layout 3': strain"):
        replace(story(), strain=np.zeros(3))
    with pytest.raises(DataError, match="imagined future: harm"):
        replace(future("chosen"), harm=np.zeros(H + 1))
    with pytest.raises(DataError, match="uint8"):
        encode_mp4(np.zeros((2, 8, 8, 3)), 5)
    with pytest.raises(DataError, match="one size"):
        sprite([moving(2), moving(2, 90, 120)])


def test_odd_sizes_gain_an_edge_and_equal_films_are_equal() -> None:
    frames = moving(3, 45, 61)
    assert decoded(encode_mp4(frames, 5)).shape == (3, 46, 62, 3)
    assert data_uri(encode_mp4(frames, 5)) == data_uri(encode_mp4(frames, 5))


def test_sprite_puts_each_film_in_its_place() -> None:
    tiles = [np.full((i + 1, 4, 4, 3), 30 * i, np.uint8) for i in range(7)]
    grid, columns = sprite(tiles, scale=2)
    assert columns == 5
    assert grid.shape == (7, 2 * 8, 5 * 8, 3)
    assert [int(grid[-1, 8 * (i // 5), 8 * (i % 5), 0]) for i in range(7)] == [30 * i for i in range(7)]
    assert len(hold_last(tiles[2], 2)) == 3


@pytest.mark.parametrize(
    ("rate", "text"), [(0.0, "0\u00a0%"), (0.914, "91\u00a0%"), (0.012, "1.2\u00a0%"), (None, "–"), (float("nan"), "–")]
)
def test_percent(rate: float | None, text: str) -> None:
    assert percent(rate) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.5, "−0.50"), (1234.5, "1,234.50"), (None, "–"), (float("nan"), "–"), (float("inf"), "∞"), (-np.inf, "−∞")],
)
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


def test_a_task_without_harm_has_a_page_without_it(tmp_path) -> None:
    push = get_task("push")
    rows = [row("random", 0.0), row("script-best", 0.9), row("planner-64", 0.5)]
    rows = [{name: value for name, value in each.items() if "woken" not in name} for each in rows]
    views = tuple(
        replace(view, strain=None, harm=None, progress=None, verdict=view.verdict.partition(":")[0])
        for view in story().decisions[0].candidates
    )
    calm = replace(story(), outcome="there", strain=None, decisions=(replace(story().decisions[0], candidates=views),))
    write_page(tmp_path / "page.html", push, rows, [calm], {}, contrast=replace(calm, decisions=()))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<title>Rehearse: A pusher brings a square block" in page
    body = page[page.index("</style>") : page.index("<script>")].lower()
    assert not re.search(r"\bdog\b|\bharm|wak(e|ing)s? |jacket|strain|disturbance", body)
    assert page.count("<svg") == 4  # success of planners, the pair, one film; no curve of what was imagined
    assert page.count('<figure class="tile ') == 4
    assert re.findall(r'data-wakes-at="(-?\d+)"', page) == ["-1", "-1", "-1"]
