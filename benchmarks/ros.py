"""The dog and the jacket over ROS 2: does it succeed, does it stop, does it last, and how long does everything take?

    python benchmarks/ros.py fetch --episodes 30 --json benchmarks/results/ros-fetch.json     # in .venv-ros
    python benchmarks/ros.py fetch --task reach --futures 64 --episodes 20 --json benchmarks/results/ros-reach.json
    python benchmarks/ros.py soak --minutes 60 --json benchmarks/results/ros-soak.json
    python benchmarks/ros.py camera --minutes 2 --json benchmarks/results/ros-camera.json

``fetch``: so many jackets over ROS, and the same layouts in one process; of the task reach the planner is told where to
go by pictures. ``soak``: jackets without end, with a stop at any moment, each of them checked, and what every process
takes of memory and CPU; exit code 1 if the arm did not rest in time or a process died. ``camera``: the frames of
640 x 480 at 30 Hz that reach another process.
"""

import sys
from pathlib import Path

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.over_ros.camera import Camera, Film
from benchmarks.over_ros.fetch import Fetch
from benchmarks.over_ros.soak import Soak

if __name__ == "__main__":
    commands = {"fetch": Fetch, "soak": Soak, "camera": Camera, "film": Film}
    sys.exit(tyro.extras.subcommand_cli_from_dict(commands).run())
