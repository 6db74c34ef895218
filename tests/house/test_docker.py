"""docker/Dockerfile, as far as it can be looked at without building it."""

import re
import tomllib

from tests.house.tree import ROOT

TEXT = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def test_it_names_what_there_is() -> None:
    [extras] = re.findall(r'"src/rehearse\[([\w,]+)\]"', TEXT)
    assert set(extras.split(",")) <= EXTRAS.keys()
    [constraints] = re.findall(r"-c src/rehearse/(\S+)", TEXT)
    pins = (ROOT / constraints).read_text()
    for pinned in re.findall(r"(?:torch|torchvision)==[\d.]+", TEXT):
        assert f"{pinned}\n" in pins
    [launched] = re.findall(r'CMD \["ros2", "launch", "rehearse", "([\w.]+)"\]', TEXT)
    assert (ROOT / "launch" / launched).is_file()


def test_what_git_ignores_stays_out() -> None:
    ignored = {line.strip("/") for line in (ROOT / ".dockerignore").read_text().splitlines()}
    assert {".git", "build", "install", "log", "out", "data", "runs"} <= ignored
