"""Two rooms: do walls hold in imagination, for as long as a plan may press against them?

    python benchmarks/walls.py --checkpoints two-room-tiny runs/two-room/model.safetensors

From the start of every validation layout the ball is led towards the divider in eleven directions, for as many steps as
the longest plan has. Paths on which it truly stays on its side are told apart by whether it does so as imagined, too;
and all are told by how far the imagined ball is from the true one.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import about, progress_bar
from rehearse.files import atomic_write
from rehearse.sim.tasks import get_task
from rehearse.sim.two_room import TwoRoomEnv
from rehearse.world_model import History, WorldModel, load, shipped_checkpoint

ANGLES_RAD = np.deg2rad(np.arange(-75, 76, 15))  # of the way to the divider
THROUGH_M = 0.01  # beyond its middle
AHEAD = (5, 10, 20, 40, 55)


@dataclass
class Walls:
    """Press against the divider, as imagined and in truth."""

    checkpoints: tuple[str, ...] = ("two-room-tiny",)
    """Names of shipped models, or paths."""
    episodes: int = 40
    """Validation layouts."""
    json: Path = Path("out/walls.json")
    """Where the rows go."""

    def run(self) -> None:
        """Press, write, print."""
        torch.set_num_threads(1)
        scout = get_task("two-room").scout
        steps, rows = scout.stride * scout.legs, []
        env = TwoRoomEnv(split="validation")
        with progress_bar(Console(stderr=True)) as bar:
            for name in self.checkpoints:
                model = load(Path(name) if Path(name).suffix else shipped_checkpoint(name))
                done, pressed = bar.add_task(name, total=self.episodes, text=""), []
                for layout in range(self.episodes):
                    pressed.append(press(env, model, layout, steps))
                    bar.update(done, advance=1)
                rows.append({"checkpoint": name} | told(*(np.concatenate(each) for each in zip(*pressed))))
        env.close()
        with atomic_write(self.json) as path:
            path.write_text(json.dumps({"rows": rows, "about": about(episodes=self.episodes)}, indent=1) + "\n")
        table = Table(
            "checkpoint", "paths", "come through", "error, mm: " + ", ".join(map(str, AHEAD)) + " steps ahead"
        )
        for row in rows:
            errors = ", ".join(f"{error:.0f}" for error in row["error_mm"])
            table.add_row(row["checkpoint"], str(row["held"]), str(row["come_through"]), errors)
        Console().print(table)


def press(env: TwoRoomEnv, model: WorldModel, layout: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the ball is, true and imagined (directions, steps, 2); x is that beyond the divider's middle."""
    observation, _ = env.reset(options={"layout": layout})
    wall_m, start_m = env.world.factors.wall_x_m, env.world.data.qpos.copy()
    side = np.sign(wall_m - start_m[0])
    way = np.stack([side * np.cos(ANGLES_RAD), np.sin(ANGLES_RAD)], -1)
    actions = np.repeat(way[:, None], steps, 1).astype(np.float32)
    belief = model.observe(History(observation["image"][None], observation["proprio"][None]))
    signals = model.imagine(belief, torch.from_numpy(actions)).signals
    imagined = np.stack([signals[name].mean(0).float().numpy() for name in ("agent_x_m", "agent_y_m")], -1)
    true = np.empty_like(imagined)
    for path, places in zip(actions, true):
        env.reset(options={"layout": layout})
        for step, action in enumerate(path):
            env.world.step(action)
            places[step] = env.world.data.qpos
    for places in (true, imagined):
        places[..., 0] = side * (places[..., 0] - wall_m)
    return true, imagined


def told(true: np.ndarray, imagined: np.ndarray) -> dict:
    """One row, of all layouts' paths (N, steps, 2)."""
    held = (true[..., 0] < 0).all(1)
    through = (imagined[held, :, 0] > THROUGH_M).any(1)
    errors = np.linalg.norm(imagined - true, axis=-1).mean(0)
    return {
        "held": int(held.sum()),
        "come_through": int(through.sum()),
        "error_mm": [round(1e3 * float(errors[step - 1]), 1) for step in AHEAD],
    }


if __name__ == "__main__":
    tyro.cli(Walls).run()
