"""Write docs/reference.md: signature and docstring of every public name, straight from the code.

    python docs/make_reference.py

A room's public names are its __all__, or else whatever it defines or imports from within the package.
The rest of rehearse.ros_nodes is left out: it needs a ROS 2, and its face is topics and parameters.
"""

import inspect
import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from rehearse.files import atomic_write

MODULES = (
    "rehearse.errors",
    "rehearse.world_model",
    "rehearse.world_model.data",
    "rehearse.world_model.backbones",
    "rehearse.planner",
    "rehearse.sim",
    "rehearse.sim.batch",
    "rehearse.ros_nodes.guard",
)
TARGET = Path(__file__).with_name("reference.md")


def public_names(module: ModuleType) -> list[str]:
    """What a reader may import from the module."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    ours = lambda value: getattr(value, "__module__", "").startswith("rehearse")  # noqa: E731
    return sorted(name for name, value in vars(module).items() if not name.startswith("_") and ours(value))


def signature(value: object) -> str:
    """The call signature, free of memory addresses; empty where there is none to show."""
    if inspect.isclass(value) and issubclass(value, BaseException):
        return ""
    try:
        shown = str(inspect.signature(value))
    except (TypeError, ValueError):
        return ""
    return re.sub(r"<(?:function|factory|class|object)?[^<>]* at 0x[0-9a-f]+>|<factory>", "...", shown)


def entry(name: str, value: object, level: int) -> list[str]:
    """Heading, signature and docstring; for a class, its public methods after it."""
    callable_ = inspect.isclass(value) or inspect.isroutine(value)
    lines = [f"{'#' * level} `{name}`", ""]
    if callable_ and signature(value):
        lines += ["```python", f"{name}{signature(value)}", "```", ""]
    doc = inspect.getdoc(value) if callable_ else None
    if doc and not doc.startswith(f"{name}("):  # a dataclass without a docstring repeats its signature
        lines += ["```text", doc, "```", ""]
    if inspect.isclass(value):
        for method, function in vars(value).items():
            plain = function.__func__ if isinstance(function, classmethod | staticmethod) else function
            if not method.startswith("_") and inspect.isfunction(plain) and plain.__doc__:
                lines += entry(f"{name}.{method}", plain, level + 1)
    return lines


def reference() -> str:
    """The whole page."""
    lines = ["# Reference", "", "Written by `make docs` from the docstrings; edit those.", ""]
    for path in MODULES:
        module = import_module(path)
        lines += [f"## {path}", ""]
        if module.__doc__:
            lines += ["```text", inspect.cleandoc(module.__doc__), "```", ""]
        for name in public_names(module):
            lines += entry(name, getattr(module, name), 3)
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Write the page whole or not at all."""
    text = reference()
    with atomic_write(TARGET) as path:
        path.write_text(text, encoding="utf-8")
    print(f"wrote docs/{TARGET.name}")


if __name__ == "__main__":
    main()
