"""A suite: what is evaluated, written down once, so that two people who say its name mean the same episodes.

    suite = read_suite("headline")                    # a shipped one, or the path of a YAML file
    for cell in cells_of(suite): cell.id, cell.config # every condition, as an EvalConfig

A part is one task. Its cells vary one thing at a time: levels and options in every combination, and under the first of
its clocks nothing else, then each further clock, then each strength of each factor of variation. All cells and methods
meet the same layouts. The format is told in docs/evaluation.md.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import dacite
import yaml

from rehearse.errors import ConfigError
from rehearse.recorded import default_checkpoint, default_policy
from rehearse.sim.agents import CLONING, IDENTITY
from rehearse.sim.evaluate import EvalConfig
from rehearse.sim.latency import Clock
from rehearse.sim.layouts import LAYOUTS_PER_SEED
from rehearse.sim.planner_agent import PlannerSettings
from rehearse.sim.task import Task
from rehearse.sim.tasks import get_task
from rehearse.sim.variation import OF_THE_LINK
from rehearse.world_model import describe

SHIPPED = Path(__file__).parent
LEARNED = "planner-"
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Sweep:
    """One factor of variation (sim/variation.py) at several strengths from 0 to 1."""

    factor: str
    strengths: list[float]


@dataclass(frozen=True)
class Part:
    """One task of a suite. What is None or empty is as usual in the task, or as the suite says for all of its parts.

    ``options``: {name: values}. ``told``: whether planners know of a latency; [true, false] tries both. ``planner``:
    fields of PlannerSettings. ``fewer``: {method: episodes} for what takes long, such as an oracle; the first ones.
    """

    task: str
    name: str = ""
    levels: list[str] = field(default_factory=list)
    options: dict[str, list[str]] = field(default_factory=dict)
    methods: list[str] = field(default_factory=list)
    references: list[str] | None = None
    episodes: int | None = None
    clocks: list[str] = field(default_factory=lambda: ["ideal"])
    told: list[bool] = field(default_factory=lambda: [True])
    variations: list[Sweep] = field(default_factory=list)
    planner: dict[str, Any] = field(default_factory=dict)
    fewer: dict[str, int] = field(default_factory=dict)
    checkpoint: str | None = None
    policy: str | None = None


@dataclass(frozen=True)
class Suite:
    """What a YAML file says. ``references``: rows that stand beside the methods; all that the task has unless given.

    ``films``: so many episodes of each part are filmed, failures first.
    """

    name: str
    parts: list[Part]
    methods: list[str] = field(default_factory=list)
    references: list[str] | None = None
    about: str = ""
    episodes: int = 20
    seed: int = 0
    split: str = "test"
    films: int = 2


@dataclass(frozen=True)
class Cell:
    """One condition of a part. ``id`` names its file of rows."""

    id: str
    part: str
    config: EvalConfig

    @property
    def layouts(self) -> range:
        """Of its episodes."""
        first = self.config.seed * LAYOUTS_PER_SEED
        return range(first, first + self.config.episodes)

    @property
    def varied(self) -> tuple[str, float] | tuple[None, None]:
        """The factor of variation and its strength, if there is one."""
        return next(iter(self.config.variations.items()), (None, None))

    @property
    def scene(self) -> str:
        """What its starts depend on besides the layout's number: not what happens to pictures later on."""
        config = self.config
        options = (f"{name}={value}" for name, value in sorted(config.options.items()))
        varied = (f"{name}={value:g}" for name, value in sorted(config.variations.items()) if name not in OF_THE_LINK)
        return " ".join([config.task, config.level, *options, *varied, config.split])


def read_suite(source: str | Path, checkpoint: Path | None = None) -> Suite:
    """The suite in a YAML file, or the shipped one of this name; ConfigError says what is wrong and where.

    ``checkpoint``: what it is to be run with, instead of what is shipped for its tasks.
    """
    path = suite_path(source)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as YAML: {error}") from error
    return checked(suite_from(content, str(path)), str(path), checkpoint)


def suite_path(source: str | Path) -> Path:
    """The file of a suite; ConfigError lists the shipped ones."""
    path = Path(source)
    if path.is_file():
        return path
    shipped = SHIPPED / f"{path.stem}.yaml"
    if path.suffix in ("", ".yaml") and shipped.is_file() and str(path.parent) in (".", "suites"):
        return shipped
    known = ", ".join(sorted(found.stem for found in SHIPPED.glob("*.yaml")))
    raise ConfigError(f"there is no suite {source}: give the path of a YAML file, or one of {known}")


def suite_from(content: Any, where: str) -> Suite:
    """A suite from what YAML gives; ConfigError for unknown names, missing ones, and wrong types."""
    if not isinstance(content, Mapping):
        raise ConfigError(f"{where} is no suite: it must be a mapping with name, methods and parts")
    parts = content.get("parts")
    if not isinstance(parts, list) or not parts:
        raise ConfigError(f"{where}: parts must be a list of at least one part, each with a task")
    read = [_built(Part, part, f"{where}: parts[{i}]") for i, part in enumerate(parts)]
    head = _built(Suite, {**content, "parts": []}, where)
    names = [part.name or part.task for part in read]
    return replace(head, parts=[replace(part, name=name) for part, name in zip(read, names, strict=True)])


def _built(kind: type[Kind], content: Any, where: str) -> Kind:
    if not isinstance(content, Mapping):
        raise ConfigError(f"{where} must be a mapping, not {content!r}")
    known = [item.name for item in fields(kind)]
    if unknown := sorted(str(name) for name in set(content) - set(known)):
        raise ConfigError(f"{where} has no field {unknown[0]!r}; its fields are {', '.join(known)}")
    try:
        return dacite.from_dict(kind, content, dacite.Config(strict=True))
    except dacite.DaciteError as error:
        raise ConfigError(f"{where}: {error}") from error


def checked(suite: Suite, where: str, checkpoint: Path | None = None) -> Suite:
    """The suite if all that it names exists; ConfigError otherwise, before anything runs."""
    if not suite.name or not set(suite.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_"):
        raise ConfigError(f"{where}: name {suite.name!r} must be of small letters, digits, - and _")
    if suite.split not in ("test", "validation"):
        raise ConfigError(f"{where}: split is {suite.split!r}; a suite is run on test or validation, never on training")
    if suite.episodes < 1 or suite.seed < 0 or suite.films < 0 or suite.episodes > LAYOUTS_PER_SEED:
        raise ConfigError(f"{where}: episodes must be at least 1, seed and films not negative")
    names = [part.name for part in suite.parts]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"{where}: two parts are called {twice[0]!r}; give each a name of its own")
    for part in suite.parts:
        try:
            if part.episodes is not None and part.episodes < 1:
                raise ConfigError("episodes must be at least 1")
            if not part.clocks or not part.told:
                raise ConfigError("clocks and told must not be empty")
            cells_of_part(suite, part, checkpoint)
        except ConfigError as error:
            raise ConfigError(f"{where}: part {part.name}: {error}") from error
    return suite


# -- what is run -----------------------------------------------------------------------------------------------------


def cells_of(suite: Suite, checkpoint: Path | None = None) -> list[Cell]:
    """Every condition of every part; ``checkpoint`` instead of that which is shipped for the task."""
    return [cell for part in suite.parts for cell in cells_of_part(suite, part, checkpoint)]


def cells_of_part(suite: Suite, part: Part, checkpoint: Path | None = None) -> list[Cell]:
    """The conditions of one part, the plain one first; ConfigError for what the task does not have."""
    task = get_task(part.task)
    methods = methods_of_part(suite, part, task)
    if strangers := part.fewer.keys() - set(methods):
        raise ConfigError(f"fewer: {', '.join(sorted(strangers))}: this part has {', '.join(methods)}")
    settings = _built(PlannerSettings, part.planner, "planner")
    found: dict[str, Cell] = {}
    first, *other_clocks = _clocks(part, task)
    varied = [(first, {}), *((clock, {}) for clock in other_clocks), *((first, each) for each in _strengths(part))]
    scenes = [dict(zip(part.options, values)) for values in product(*part.options.values())]
    given = part.checkpoint and Path(part.checkpoint)
    for level, options, (clock, variations) in product(part.levels or [task.level], scenes, varied):
        # Only planners can be told, so that only theirs can be blind to it: all others would do the same again.
        able = methods if clock.told else tuple(method for method in methods if method.startswith(LEARNED))
        if not able:
            continue
        config = EvalConfig(
            task=part.task,
            level=level,
            options=options,
            episodes=part.episodes or suite.episodes,
            seed=suite.seed,
            methods=able,
            fewer={method: few for method, few in part.fewer.items() if method in able},
            checkpoint=checkpoint or given or default_checkpoint(task, methods),
            policy=Path(part.policy) if part.policy else default_policy(task, methods),
            planner=settings,
            split=suite.split,
            delay_steps=clock.steps,
            measured=clock.measured,
            compensate=clock.told,
            variations=variations,
        )
        cell = Cell(_cell_id(part, task, config, options), part.name, config)
        found.setdefault(cell.id, cell)
    for cell in list(found.values())[:1]:
        _refuse_training_layouts(cell.config)
    return list(found.values())


def methods_of_part(suite: Suite, part: Part, task: Task) -> tuple[str, ...]:
    """References first, then what is evaluated; each once."""
    asked = part.methods or suite.methods
    planners = [method for method in asked if method.startswith(LEARNED) and IDENTITY not in method]
    references = part.references if part.references is not None else suite.references
    if references is None:
        references = [
            "nothing",
            "random",
            *(("script-best",) if "script-best" in task.scripts else ()),
            *((CLONING,) if task.cloned else ()),
            *list(task.oracles)[:1],
        ]
        if planners:
            sizes = [size for method in planners if (size := method.rpartition("-")[2]).isdigit()]
            references += [f"planner-{IDENTITY}-{max(map(int, sizes))}"] if sizes else []
    methods = tuple(dict.fromkeys([*references, *asked]))
    if not methods:
        raise ConfigError("there are no methods: name some in the part or for the whole suite")
    return methods


def _clocks(part: Part, task: Task) -> list[Clock]:
    """Each once; where there is no latency, nobody need be told of it."""
    clocks = [Clock.parse(text, task.period_s, told) for text in part.clocks for told in part.told]
    return list(dict.fromkeys(Clock() if clock.steps == 0 and not clock.measured else clock for clock in clocks))


def _strengths(part: Part) -> list[dict[str, float]]:
    return [{sweep.factor: value} for sweep in part.variations for value in sweep.strengths if value]


def _cell_id(part: Part, task: Task, config: EvalConfig, options: Mapping[str, str]) -> str:
    """Readable, and fit for a file name."""
    words = [part.name.replace(":", "-").replace("/", "-"), config.level, *options.values()]
    if config.clock != Clock():
        words += [config.clock.words(task.period_s).replace(":", "-"), *([] if config.compensate else ["blind"])]
    words += [f"{factor}-{strength:g}" for factor, strength in config.variations.items()]
    return "_".join(words)


def _refuse_training_layouts(config: EvalConfig) -> None:
    """ConfigError if the checkpoint says that it has learnt from layouts of this very split and seed."""
    if config.checkpoint is None:
        return
    for source in describe(config.checkpoint).get("data", []):
        if str(source.get("split")) == config.split and str(source.get("seed")) == str(config.seed):
            raise ConfigError(
                f"{config.checkpoint} was trained on layouts of split {config.split}, seed {config.seed}; "
                "choose another seed"
            )


# -- what it is called -----------------------------------------------------------------------------------------------


def suite_hash(cells: Sequence[Cell], starts: Mapping[str, Any] | None) -> str:
    """16 hexadecimal digits of all that decides which episodes are run, and of what they start from if it is frozen.

    Which checkpoint is evaluated is no part of it: that is what results of one suite compare.
    """
    told = [
        {
            "scene": cell.scene,
            "seed": cell.config.seed,
            "episodes": cell.config.episodes,
            "methods": cell.config.methods,
            "fewer": dict(cell.config.fewer),
            "clock": asdict(cell.config.clock),
            "planner": asdict(cell.config.planner),
            "perturbation": dict(cell.config.variations) or None,  # its former name: hashes shall stay
        }
        for cell in cells
    ]
    content = json.dumps([told, starts or {}], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
