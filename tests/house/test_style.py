"""House rules that ruff has no rule for: short files, quiet rooms, no chance that nobody seeded."""

import ast
from collections.abc import Iterator

import pytest

from tests.house.tree import ROOMS, ROOT, TOP, parse, python_files

MOST_LINES = 400
SEEDABLE = {"default_rng", "Generator", "SeedSequence", "BitGenerator", "PCG64", "Philox"}


def dotted(node: ast.expr) -> str:
    """`np.random.rand` for the expression of that shape, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def loud(tree: ast.AST) -> Iterator[int]:
    """Lines of print() calls outside a command-line face: a function `main` or an `if __name__` block."""
    if isinstance(tree, ast.FunctionDef) and tree.name == "main":
        return
    if isinstance(tree, ast.If) and "__name__" in {
        node.id for node in ast.walk(tree.test) if isinstance(node, ast.Name)
    }:
        return
    if isinstance(tree, ast.Call) and dotted(tree.func) == "print":
        yield tree.lineno
    for child in ast.iter_child_nodes(tree):
        yield from loud(child)


def unseeded(tree: ast.AST, forked: bool = False) -> Iterator[tuple[int, str]]:
    """(line, what) of randomness that no generator governs, and of seeds that reach beyond one object.

    torch.manual_seed inside `with torch.random.fork_rng()` is the one way to seed nn layers, and stays local.
    """
    if isinstance(tree, ast.With):
        forked = forked or any("fork_rng" in ast.unparse(item.context_expr) for item in tree.items)
    if isinstance(tree, ast.Call):
        name = dotted(tree.func)
        last = name.rpartition(".")[2]
        if name.startswith(("np.random.", "numpy.random.")):
            if last not in SEEDABLE:
                yield tree.lineno, f"{name}: take a np.random.Generator"
            elif last == "default_rng" and not (tree.args or tree.keywords):
                yield tree.lineno, f"{name}(): give it a seed"
        elif name.startswith("random.") and name != "random.Random":
            yield tree.lineno, f"{name}: take a np.random.Generator"
        elif name.startswith("torch.") and (last.startswith("manual_seed") or last == "seed") and not forked:
            yield tree.lineno, f"{name}: take a torch.Generator, or seed inside torch.random.fork_rng()"
    for child in ast.iter_child_nodes(tree):
        yield from unseeded(child, forked)


def test_files_are_short() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in python_files(*TOP)
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MOST_LINES
    }
    assert not long, f"over {MOST_LINES} lines: {long}"


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_do_not_print(room: str) -> None:
    found = [f"{path.relative_to(ROOT)}:{line}" for path in python_files(room) for line in loud(parse(path))]
    assert not found, f"print() in a library: {found}"


@pytest.mark.parametrize("room", ROOMS)
def test_chance_comes_from_a_generator(room: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} {what}" for path in python_files(room) for line, what in unseeded(parse(path))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("np.random.rand(3)", 1),
        ("np.random.default_rng()", 1),
        ("np.random.default_rng(0)", 0),
        ("torch.manual_seed(0)", 1),
        ("torch.cuda.manual_seed_all(0)", 1),
        ("torch.Generator().manual_seed(0)", 0),
        ("with torch.random.fork_rng():\n    torch.manual_seed(0)", 0),
        ("import random\nrandom.shuffle(x)", 1),
        ("rng.normal()", 0),
    ],
)
def test_unseeded_chance_is_seen(source: str, count: int) -> None:
    assert len(list(unseeded(ast.parse(source)))) == count


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("print(1)", 1),
        ("def f():\n    print(1)", 1),
        ("def main():\n    print(1)", 0),
        ("if __name__ == '__main__':\n    print(1)", 0),
        ("console.print(1)", 0),
    ],
)
def test_print_is_seen(source: str, count: int) -> None:
    assert len(list(loud(ast.parse(source)))) == count


def test_every_module_says_what_it_does() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in python_files("rehearse", *ROOMS, "tests", "benchmarks")
        if path.read_text(encoding="utf-8").strip() and not ast.get_docstring(parse(path))
    ]
    assert not silent, f"no docstring at the top: {silent}"
