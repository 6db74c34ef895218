"""From video to a robot on the command line: pretrain, finetune, act; and what is refused on the way."""

import json

import av
import numpy as np
import pytest

from rehearse.cli import main
from rehearse.sim.collect import CollectConfig, collect
from rehearse.sim.tasks import get_task
from rehearse.world_model import describe, shipped_checkpoint
from tests.commands.test_cli import refused

QUICK = ["--preset", "debug", "--batch", "4", "--no-tensorboard"]


def film(path, frames=12, size=64, seed=0):
    """A video of a square on its way over noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        back = rng.integers(0, 120, (size, size, 3), dtype=np.uint8)
        for t in range(frames):
            picture = back.copy()
            picture[20:30, 3 * t : 3 * t + 10] = 230
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def watched(dataset, tmp_path_factory):
    """A model that has seen a dataset's cameras and a folder of loose films for two steps."""
    folder = tmp_path_factory.mktemp("watched")
    film(folder / "films/a.mp4")
    film(folder / "films/deep/b.mp4", seed=1)
    videos = ["--videos", str(dataset), str(folder / "films")]
    assert main(["pretrain", *QUICK, *videos, "--steps", "2", "--out", str(folder / "run")]) == 0
    return folder


@pytest.mark.gl
def test_from_video_to_a_planner(watched, dataset, tmp_path):
    model = describe(watched / "run")["model"]
    assert (model["action_dim"], model["latent_actions"], model["signals"]) == (0, True, {})
    assert "alone" in (watched / "run/README.md").read_text()
    beside = ["--videos", str(watched / "films")]
    begun = ["--checkpoint", str(watched / "run"), "--data", str(dataset), "--episodes", "3", "--steps", "2"]
    assert main(["finetune", *QUICK, *begun, *beside, "--out", str(tmp_path / "taught")]) == 0
    taught = describe(tmp_path / "taught")
    assert (taught["model"]["action_dim"], taught["model"]["latent_actions"]) == (4, True)
    assert "began from may have learnt from some of them" in (tmp_path / "taught/README.md").read_text()
    assert taught["data"] == [{"data": str(dataset), "episodes": 3}]
    rows = tmp_path / "rows.json"
    act = ["--methods", "planner-8", "--episodes", "1", "--workers", "1", "--checkpoint", str(tmp_path / "taught")]
    assert main(["eval", *act, "--json", str(rows)]) == 0
    assert json.loads(rows.read_text())["rows"][0]["futures"] == 8


@pytest.mark.gl
def test_a_trained_model_learns_another_robot(checkpoint, dataset, tmp_path, capsys):
    begun = ["--checkpoint", str(checkpoint), "--data", str(dataset), "--steps", "1", "--out", str(tmp_path / "again")]
    assert main(["finetune", *QUICK, *begun]) == 0
    assert describe(tmp_path / "again")["model"]["latent_actions"] is False
    assert "not pretrained" in refused(capsys, "finetune", *QUICK, *begun, "--videos", dataset)


@pytest.mark.gl
def test_finetuning_is_what_the_task_of_the_data_needs(tmp_path):
    """Where places are asked for in metres, pictures must not be shown shifted."""
    data = collect(CollectConfig("push", episodes=3, seed=3, workers=1), tmp_path / "push")
    begun = ["--checkpoint", str(shipped_checkpoint("push-tiny")), "--data", str(data), "--steps", "1"]
    assert main(["finetune", *QUICK, *begun, "--out", str(tmp_path / "run")]) == 0
    card = (tmp_path / "run/README.md").read_text()
    assert get_task("push").training["shift_px"] == 0
    assert '"shift_px": 0' in card
    assert describe(tmp_path / "run")["model"]["goals"] is True


def test_bad_videos_are_named_or_left_out(watched, tmp_path, capsys):
    film(tmp_path / "films/good.mp4")
    (tmp_path / "films/empty.mp4").touch()
    (tmp_path / "films/text.mp4").write_text("not a film")
    asked = ["pretrain", *QUICK, "--videos", tmp_path / "films", "--steps", "1", "--out", tmp_path / "run"]
    assert "empty.mp4" in refused(capsys, *asked)
    assert not (tmp_path / "run").exists()
    assert main([*map(str, asked), "--skip-bad"]) == 0
    told = capsys.readouterr().err
    assert "left out" in told
    assert "text.mp4" in told.replace("\n", "")
    assert "--fps 5" in refused(capsys, "pretrain", *QUICK, "--videos", tmp_path / "films/good.mp4", "--fps", "30")
    assert "no such file" in refused(capsys, "pretrain", *QUICK, "--videos", tmp_path / "nowhere")
