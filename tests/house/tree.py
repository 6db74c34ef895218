"""What the house tests look at: the repository's own files, without whatever tools leave beside them.

for path in python_files("planner", "sim"): ...
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("world_model", "planner", "sim", "ros_nodes")
TOP = ("rehearse", *ROOMS, "launch", "tests", "benchmarks", "docs")


def files(*folders: str) -> Iterator[Path]:
    """Every file below the folders, symlinked rooms not entered twice, caches left out."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            relative = path.relative_to(ROOT)
            behind_link = any((ROOT / parent).is_symlink() for parent in relative.parents)
            if path.is_file() and not behind_link and "__pycache__" not in relative.parts:
                yield path


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
