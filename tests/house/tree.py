"""What the house tests look at: the repository's own files, without whatever tools leave beside them.

for path in python_files("planner", "sim"): ...
"""

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("world_model", "planner", "sim", "ros_nodes")
TOP = ("rehearse", *ROOMS, "launch", "tests", "benchmarks", "docs", "examples")


def files(*folders: str) -> Iterator[Path]:
    """Every file below the folders, symlinked rooms not entered twice, caches left out."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            relative = path.relative_to(ROOT)
            behind_link = any((ROOT / parent).is_symlink() for parent in relative.parents)
            if path.is_file() and not behind_link and "__pycache__" not in relative.parts:
                yield path


def copy_source(target: Path) -> Path:
    """A copy of all that a wheel is built from, as a build leaves folders behind."""
    unwanted = shutil.ignore_patterns("*.egg-info", "__pycache__")
    target.mkdir()
    for name in ("rehearse", *ROOMS, "launch", "config", "resource"):
        shutil.copytree(ROOT / name, target / name, symlinks=True, ignore=unwanted)
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "package.xml", "LICENSE", "MANIFEST.in", "README.md"):
        shutil.copy(ROOT / name, target / name)
    return target


def python_files(*folders: str) -> Iterator[Path]:
    """The Python files below the folders."""
    return (path for path in files(*folders) if path.suffix == ".py")


def parse(path: Path) -> ast.Module:
    """The syntax tree of one file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_name(path: Path) -> str:
    """planner/mpc.py -> rehearse.planner.mpc, rehearse/cli.py -> rehearse.cli."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(parts if parts[0] == "rehearse" else ("rehearse", *parts))


def imports(tree: ast.Module, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """(line, absolute dotted name) of every import anywhere in the file; `from a import b` gives `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")
                above = above[: len(above) - node.level + is_package]
                base = ".".join([*above, *([base] if base else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def imports_of(path: Path) -> list[tuple[int, str]]:
    """`imports` of a file on disk."""
    return list(imports(parse(path), module_name(path), path.name == "__init__.py"))
