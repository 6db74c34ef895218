"""What pyproject.toml cannot tell setuptools and colcon: the rooms, their data, and ROS's files."""

from glob import glob
from pathlib import Path

from setuptools import setup

# Listed by hand, so that a stray folder is never shipped; tests/house/test_packaging.py compares the list
# with the folders. A new subfolder with an __init__.py goes here.
PACKAGES = [
    "rehearse",
    "rehearse.commands",
    "rehearse.suites",
    "rehearse.planner",
    "rehearse.planner.objectives",
    "rehearse.ros_nodes",
    "rehearse.ros_nodes.bag",
    "rehearse.ros_nodes.guard",
    "rehearse.sim",
    "rehearse.sim.batch",
    "rehearse.sim.cloning",
    "rehearse.sim.dog_on_jacket",
    "rehearse.sim.drawer",
    "rehearse.sim.gym",
    "rehearse.sim.lerobot",
    "rehearse.sim.pick_place",
    "rehearse.sim.push",
    "rehearse.sim.reach",
    "rehearse.sim.two_room",
    "rehearse.world_model",
    "rehearse.world_model.backbones",
    "rehearse.world_model.data",
]

# Everything in a room that is not Python. The same test finds files that no pattern covers.
PACKAGE_DATA = {
    "rehearse": ["py.typed", "templates/*"],
    "rehearse.suites": ["*.yaml", "*.json"],
    "rehearse.sim": ["assets/*"],
    "rehearse.sim.dog_on_jacket": ["assets/*"],
    "rehearse.world_model": ["checkpoints/*"],
}

setup(
    name="rehearse",
    packages=PACKAGES,
    package_data=PACKAGE_DATA,
    include_package_data=False,  # the patterns above alone decide
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/rehearse"]),
        # pyproject.toml is here because `colcon build --symlink-install` links nothing into its build folder
        # but setup.py, setup.cfg, packages and data files, and the scripts stand in pyproject.toml.
        ("share/rehearse", ["package.xml", "pyproject.toml"]),
        ("share/rehearse/launch", sorted(glob("launch/*.launch.*"))),
        ("share/rehearse/config/sros2", sorted(glob("config/sros2/*"))),
        ("share/rehearse/config", sorted(path for path in glob("config/*") if Path(path).is_file())),
    ],
    # Not in pyproject.toml: colcon evaluates the metadata's repr, and a SpecifierSet's cannot be read back.
    python_requires=">=3.11",
    # Not in pyproject.toml: the setuptools of ROS releases and today's want it spelled differently there.
    license="Apache-2.0",
    long_description=Path("README.md").read_text(encoding="utf-8") if Path("README.md").is_file() else "",
    long_description_content_type="text/markdown",
    zip_safe=False,
)
