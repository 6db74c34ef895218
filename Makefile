# One verb each; every verb does its own set-up. Options for the command go into ARGS: make test ARGS="-k planner -x"
PYTHON ?= python3
export PYTHON
ARGS ?=
BIN := .venv/bin
WITHOUT_ROS := env -u PYTHONPATH -u LD_LIBRARY_PATH -u AMENT_PREFIX_PATH -u RMW_IMPLEMENTATION

# One thread: on small or busy machines a second one costs more than it brings.
OMP_NUM_THREADS ?= 1
export OMP_NUM_THREADS
ifeq ($(shell uname -s),Linux)
MUJOCO_GL ?= egl
export MUJOCO_GL
endif

.DEFAULT_GOAL := help
.PHONY: demo demo-ros test test-ros test-lerobot lint format bench docs help clean rendering

demo: rendering ## Rehearse the dog on the jacket and write a page about it
	@$(BIN)/rehearse demo --quick $(ARGS)

# 64 futures: two cores that four processes share must keep pace with the robot.
demo-ros: .venv-ros/.installed ## Fetch jackets over ROS 2, recorded, and make a dataset of the bag
	@$(WITHOUT_ROS) .venv-ros/bin/python -m rehearse.sim.gl
	@rm -rf out/demo-ros
	@$(WITHOUT_ROS) .venv-ros/bin/python benchmarks/ros.py fetch --futures 64 --episodes 3 --record out/demo-ros/bags $(ARGS)
	@$(WITHOUT_ROS) .venv-ros/bin/rehearse data from-bag out/demo-ros/bags out/demo-ros/data

test: rendering lint ## Check the style, run every test
	@$(BIN)/python -m pytest -q $(ARGS)

# What a sourced ROS puts on these paths does not fit the ROS that pip installs.
test-ros: .venv-ros/.interfaces ## Test the ROS 2 nodes on a ROS from pip, in .venv-ros
	@$(WITHOUT_ROS) .venv-ros/bin/python -m rehearse.sim.gl
	@$(WITHOUT_ROS) .venv-ros/bin/python -m pytest -q tests/ros tests/faults $(ARGS)

# LeRobot wants Python 3.12 and an older torch, with CUDA: 5 GB and some minutes the first time.
test-lerobot: .venv-lerobot/.installed ## Test datasets and plugin against the real LeRobot, in .venv-lerobot
	@$(WITHOUT_ROS) .venv-lerobot/bin/python -m rehearse.sim.gl
	@$(WITHOUT_ROS) .venv-lerobot/bin/python -m pytest -q tests/lerobot $(ARGS)

lint: .venv/.installed ## Check the style only
	@$(BIN)/ruff check --quiet --output-format concise .
	@$(BIN)/ruff format --check --quiet . || { echo "rehearse: not formatted. Remedy: make format" >&2; exit 1; }

format: .venv/.installed ## Bring the code into the house style
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

bench: rendering ## Time the parts that matter; results in out/bench.json
	@mkdir -p out
	@$(BIN)/rehearse bench --json out/bench.json $(ARGS)

docs: .venv/.installed ## Write reference.md, tasks.md, robots.md and the robots' config from the code
	@$(BIN)/python docs/make_reference.py
	@$(BIN)/python docs/make_tasks.py
	@$(BIN)/python docs/make_robots.py

clean: ## Remove build output and caches (keeps .venv*, data, runs and out)
	@rm -rf build dist install log *.egg-info .pytest_cache .ruff_cache .hypothesis .mypy_cache
	@find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

rendering: .venv/.installed
	@$(BIN)/python -m rehearse.sim.gl

.venv/.installed: pyproject.toml setup.py constraints.txt
	@.ci/setup

.venv-ros/.installed: pyproject.toml setup.py constraints.txt
	@.ci/setup .venv-ros ros,interfaces,dev

.venv-ros/.interfaces: .venv-ros/.installed $(wildcard rehearse_interfaces/*.* rehearse_interfaces/*/*) rehearse_interfaces/build_from_wheels
	@$(WITHOUT_ROS) rehearse_interfaces/build_from_wheels .venv-ros

.venv-lerobot/.installed: pyproject.toml setup.py constraints-lerobot.txt
	@.ci/setup .venv-lerobot lerobot,dev constraints-lerobot.txt 3.12
