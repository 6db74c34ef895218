"""Dreams: what is watched, imagined and drawn, by file, by dataset and by hand."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from rehearse.cli import main
from rehearse.dream_pictures import BEGIN, BORDER, DREAM, FILM_TILE, MARGIN, TOP, film, strip
from rehearse.dreams import Dreamed, Recorded, imagine, watch
from rehearse.errors import ConfigError, DataError
from rehearse.steering import half_blocks, presses
from rehearse.world_model import ModelConfig, WorldModel, load, preset, save
from rehearse.world_model.data import Clip, LeRobotReader


def dream(*arguments: object) -> int:
    return main(["dream", *map(str, arguments)])


def refused(capsys: pytest.CaptureFixture, *arguments: object) -> str:
    """Run a dream that must exit with 2 and one line of error; returns the line."""
    assert dream(*arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as opened:
        return [frame.to_ndarray(format="rgb24") for frame in opened.decode(video=0)]


def rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def invented(context: int = 2, steps: int = 5, known: bool = True) -> Dreamed:
    """A dream that no model dreamt: every picture in a grey of its own, with a white line."""
    rng = np.random.default_rng(0)
    pictures = (
        np.full((context + steps, 64, 64, 3), 90, np.uint8)
        + np.arange(context + steps, dtype=np.uint8)[:, None, None, None]
    )
    pictures[:, 10, 20:28] = 255
    length = context + steps if known else context
    return Dreamed(
        title="a title",
        note="a note",
        period_s=0.2,
        context=context,
        truth=pictures[:length],
        imagined=pictures[context:],
        true={"calm": rng.random(length), "woken": np.zeros(length)},
        said={name: rng.random((3, steps)) for name in ("calm", "woken", "reward")},
        disagreement=rng.random(steps),
        actions=np.zeros((steps, 4)),
        events=frozenset({"woken"}),
    )


def test_an_episode_is_imagined_beside_the_truth(checkpoint, tmp_path):
    out, told = tmp_path / "dream.mp4", tmp_path / "dream.json"
    assert dream(checkpoint, "--layout", 1, "--context", 4, "--out", out, "--json", told) == 0
    result = json.loads(told.read_text())
    steps = len(result["actions"])
    assert steps > 5
    assert {len(values) for values in result["imagined"].values()} == {steps}
    assert {len(values) for values in result["truth"].values()} == {4 + steps}
    assert result["truth"]["progress"][-1] == 1, "the scripted pull brings the jacket there"
    assert len(frames_of(out)) == 4 + steps + 4 + 5, "every moment, and a second of the first imagined and of the last"
    assert Image.open(out.with_suffix(".png")).width == 1640


def test_actions_of_a_file_are_done_in_the_simulator_too(checkpoint, tmp_path):
    out, own, again = tmp_path / "dream.mp4", tmp_path / "own.json", tmp_path / "again.json"
    assert dream(checkpoint, "--layout", 3, "--out", out, "--json", own) == 0
    result = json.loads(own.read_text())
    np.savetxt(tmp_path / "own.csv", result["actions"], delimiter=",", header="x, y, z, grip")
    assert dream(checkpoint, "--layout", 3, "--actions", tmp_path / "own.csv", "--out", out, "--json", again) == 0
    repeated = json.loads(again.read_text())
    for kind in ("truth", "imagined"):
        for name, values in result[kind].items():
            assert repeated[kind][name] == pytest.approx(values, abs=1e-5), name
    np.save(tmp_path / "still.npy", np.tile(np.array([0, 0, 0, 1.0]), (6, 1)))
    assert dream(checkpoint, "--layout", 3, "--actions", tmp_path / "still.npy", "--out", out, "--json", again) == 0
    still = json.loads(again.read_text())
    assert len(still["truth"]["progress"]) == 3 + 6
    assert still["truth"]["progress"][-1] < result["truth"]["progress"][-1], "who holds still brings nothing"


def test_a_dream_knows_nothing_of_what_follows_its_context(checkpoint, dataset):
    model, clip = load(checkpoint), LeRobotReader(dataset).read(0)
    changed = Clip(
        np.concatenate([clip.frames[:3], 255 - clip.frames[3:]]),
        clip.actions,
        np.concatenate([clip.proprio[:3], 0 * clip.proprio[3:]]),
        clip.signals,
    )
    dreams = []
    for episode in (clip, changed):
        stage = Recorded(episode, 3)
        belief = watch(model, stage.clip)
        dreams.append(imagine(model, belief, stage.finish(), stage, "", "", 0.2))
    assert (dreams[0].imagined == dreams[1].imagined).all()
    assert (dreams[0].truth != dreams[1].truth).any()
    shifted = imagine(model, belief, 1 - stage.finish(), stage, "", "", 0.2)
    assert any((shifted.said[name] != dreams[1].said[name]).any() for name in shifted.said), "actions matter"


def test_an_episode_of_a_dataset_is_imagined(checkpoint, dataset, tmp_path, capsys):
    out, told = tmp_path / "dream.mp4", tmp_path / "dream.json"
    source = (checkpoint, "--data", dataset, "--out", out, "--json", told)
    assert dream(*source, "--episode", 2) == 0
    length = int(LeRobotReader(dataset).lengths[2])
    assert len(json.loads(told.read_text())["actions"]) == length - 3
    np.save(tmp_path / "other.npy", np.zeros((9, 4)))
    assert dream(*source, "--actions", tmp_path / "other.npy") == 0
    result = json.loads(told.read_text())
    assert {len(values) for values in result["imagined"].values()} == {9}
    assert {len(values) for values in result["truth"].values()} == {3}, "what other actions do, a recording cannot tell"
    capsys.readouterr()
    assert "no episode 6" in refused(capsys, *source, "--episode", 6)
    assert "none is left to imagine" in refused(capsys, *source, "--context", 100)


def test_a_recording_without_actions_has_none_of_its_own():
    stage = Recorded(Clip(np.zeros((5, 64, 64, 3), np.uint8)), 3)
    assert len(stage.clip) == 3
    with pytest.raises(DataError, match="no actions"):
        stage.finish()


def test_a_model_that_saw_video_alone_dreams_of_latent_actions(dataset, tmp_path, capsys):
    small = vars(preset("debug").model) | {"latent_actions": True, "signals": {}}
    model = WorldModel(ModelConfig(**small))
    save(model, tmp_path)
    np.save(tmp_path / "latent.npy", np.ones((6, model.action_dim)))
    given = ("--actions", tmp_path / "latent.npy", "--out", tmp_path / "dream.mp4")
    assert dream(tmp_path, "--data", dataset, *given) == 0
    assert len(frames_of(tmp_path / "dream.mp4")) == 3 + 6 + 4 + 5
    assert main(["inspect", str(tmp_path)]) == 0
    assert "latent" in capsys.readouterr().out
    told = tmp_path / "told.json"
    assert dream(tmp_path, "--data", dataset, "--json", told, "--out", tmp_path / "inferred.mp4") == 0
    assert np.shape(json.loads(told.read_text())["actions"])[1] == model.action_dim
    capsys.readouterr()
    assert "video alone" in refused(capsys, tmp_path)
    assert "video alone" in refused(capsys, tmp_path, *given)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.npy", np.zeros((5, 6)), "(5, 6); expected (H, 4)"),
        ("a.npy", np.zeros((5, 2, 4)), "(5, 2, 4); expected (H, 4)"),
        ("a.npy", np.zeros((0, 4)), "H from 1"),
        ("a.npy", np.zeros((10_000, 4)), "to 200"),
        ("a.npy", np.array([[0, 0, 0, 1], [0, np.nan, 0, 1]]), "row 1"),
        ("a.npy", np.array([["a", "b", "c", "d"]]), "not a table of numbers"),
        ("a.npy", np.array([[{}, 0, 0, 0]], dtype=object), "not a table of numbers"),
        ("a.npy", b"no array at all", "not a table of numbers"),
        ("a.csv", b"0,0,0,1\n0,0,1\n", "not a table of numbers"),
        ("a.csv", b"x,y,z,grip\n0,0,0,1\n", "not a table of numbers"),
        ("a.csv", b"0,inf,0,1\n", "row 0"),
        ("a.csv", b"\n", "expected (H, 4)"),
        ("a.csv", b"\xff\xfe\x00", "not a table of numbers"),
        ("a.txt", b"0,0,0,1\n", ".npy or .csv"),
        ("a.csv", None, "no such file"),
    ],
)
def test_bad_actions_are_one_clear_error(name, content, said, checkpoint, tmp_path, capsys):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content)
    line = refused(capsys, checkpoint, "--actions", path, "--out", tmp_path / "out/dream.mp4")
    assert said in line
    assert str(path) in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--context", 0], "context"),
        (["--context", 20], "context"),
        (["--layout", -1], "layout"),
        (["--level", "hard"], "hard"),
        (["--method", "habit"], "habit"),
        (["--out", "dream.gif"], "dream.gif"),
        (["--speed", 2], "speed"),
        (["--data", "no/such/data"], "no/such/data"),
        (["--actions", "keyboard"], "terminal"),
    ],
)
def test_what_cannot_be_dreamt_is_named(arguments, named, checkpoint, capsys):
    assert named in refused(capsys, checkpoint, *arguments)


def test_a_model_of_another_robot_needs_its_own_data(tmp_path, capsys):
    small = vars(preset("debug").model) | {"action_dim": 2, "proprio_dim": 3, "signals": {"reward": "regression"}}
    save(WorldModel(ModelConfig(**small)), tmp_path)
    assert "--data" in refused(capsys, tmp_path)


def test_the_film_marks_where_imagination_begins():
    told = invented(context=2, steps=5)
    frames = film(told)
    right = 2 * MARGIN + FILM_TILE
    border = [frame[TOP - BORDER + 1, right + 100].tolist() for frame in frames]
    assert rgb(BEGIN) not in border[:2]
    assert border[2:7] == [rgb(BEGIN)] * 5, "for a second"
    assert set(map(tuple, border[7:])) == {tuple(rgb(DREAM))}
    tile = frames[-1][TOP : TOP + FILM_TILE, right : right + FILM_TILE]
    assert (tile == told.imagined[-1].repeat(8, 0).repeat(8, 1)).all(), "every pixel is a square"


def test_pictures_bear_short_and_unknown_truths():
    for told in (invented(steps=1), invented(known=False), invented(context=1, steps=30)):
        assert strip(told).width == 1640
        assert len(film(told)) == told.context + len(told.imagined) + 4 + 5


def test_a_picture_fits_into_the_terminal():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32] = 200
    for columns, rows, size in ((200, 60, (64, 32)), (80, 17, (32, 16)), (20, 60, (16, 8)), (1, 1, (2, 1))):
        lines = half_blocks(picture, columns, rows).plain.split("\n")
        assert (len(lines[0]), len(lines)) == size
    console = Console(force_terminal=True, color_system="truecolor", width=80)
    with console.capture() as shown:
        console.print(half_blocks(picture, 64, 32))
    assert "38;2;200;200;200" in shown.get()


def test_keys_are_told_apart_even_in_pieces():
    reading, writing = os.pipe()
    for piece in (b"w\x1b[A", b"\x1bOB\x1b[1;2C", b"\x1b", b"[D", b"S\xc3\xa9 ", b"q"):
        os.write(writing, piece)
    os.close(writing)
    assert list(presses(reading)) == ["w", "up", "down", "right", "left", "s", " ", "q"]
    os.close(reading)


def test_a_person_steers_the_dream(checkpoint, tmp_path):
    """The real command in a real terminal: keys in, pictures out, and the terminal as it was."""
    out, told = tmp_path / "dream.mp4", tmp_path / "dream.json"
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
    before = termios.tcgetattr(theirs)
    command = [sys.executable, "-m", "rehearse.cli", "dream", str(checkpoint), "--actions", "keyboard"]
    process = subprocess.Popen(
        [*command, "--speed", "0.5", "--out", str(out), "--json", str(told)],
        **dict(stdin=theirs, stdout=theirs, stderr=theirs),
        env={**os.environ, "TERM": "xterm-256color"},
    )
    screen = bytearray()

    def watch_screen() -> None:
        while process.poll() is None:
            try:
                screen.extend(os.read(ours, 65536))
            except OSError:
                return

    threading.Thread(target=watch_screen, daemon=True).start()

    def wait_for(text: bytes, times: int = 1) -> None:
        until = time.monotonic() + 60
        while screen.count(text) < times:
            assert process.poll() is None, bytes(screen[-2000:])
            assert time.monotonic() < until, bytes(screen[-2000:])
            time.sleep(0.02)

    try:
        wait_for(b"press a key")
        for number, key in enumerate((b"\x1b[C", b"\x1b[B", b"w", b" ", b"x."), start=1):
            os.write(ours, key)
            wait_for(f"imagined: step {number},".encode())
        assert b"grip open" in screen
        wait_for("▀".encode(), times=6 * 64 * 32)  # every moment is shown, the last one below its words
        assert b"progress" in screen
        os.write(ours, b"q")
        assert process.wait(60) == 0
    finally:
        process.kill()
    assert termios.tcgetattr(theirs) == before
    result = json.loads(told.read_text())
    asked = [[-0.5, 0, 0, 1], [0, 0.5, 0, 1], [0, 0, 0.5, 1], [0, 0, 0, -1], [0, 0, 0, -1]]
    assert np.allclose(result["actions"], asked), "x has no meaning, and passes no time"
    assert len(result["truth"]["progress"]) == 3 + 5, "the simulator did the same"
    assert len(frames_of(out)) == 3 + 5 + 4 + 5


def test_the_arm_stops_at_the_edge_in_the_dream_as_in_the_world(checkpoint, tmp_path):
    told = tmp_path / "dream.json"
    np.save(tmp_path / "down.npy", np.tile(np.array([0, 0, -1.0, 1]), (3, 1)))
    options = ("--actions", tmp_path / "down.npy", "--out", tmp_path / "dream.mp4", "--json", told)
    assert dream(checkpoint, *options) == 0
    done = np.array(json.loads(told.read_text())["actions"])
    assert (done[1:, 2] > -1).all(), "the table is in the way"


def test_context_beyond_the_episode_is_refused():
    with pytest.raises(ConfigError, match="none is left"):
        Recorded(Clip(np.zeros((5, 64, 64, 3), np.uint8), np.zeros((5, 4))), 5)
