"""Headless rendering: open renderers, and say in one line what a machine lacks.

    python -m rehearse.sim.gl

exits with 0 when a frame can be drawn and with 2 and the remedy when it cannot.
"""

import contextlib
import sys
import weakref
from typing import TYPE_CHECKING

from rehearse.errors import SetupError
from rehearse.sim import choose_backend

if TYPE_CHECKING:
    import mujoco

REMEDY = (
    "cannot render without a display. Remedy: sudo apt-get install -y --no-install-recommends libegl1 libgl1"
    " (or libosmesa6 and MUJOCO_GL=osmesa)"
)


def open_renderer(model: "mujoco.MjModel", height: int, width: int, owner: object) -> "mujoco.Renderer":
    """A renderer of this size, closed with its owner at the latest; raises SetupError if there is none."""
    try:
        import mujoco

        renderer = mujoco.Renderer(model, height, width)
        weakref.finalize(owner, close_renderer, renderer)
        return renderer
    except Exception as error:  # which one depends on the backend and on what is missing
        raise _cannot(error) from error


def close_renderer(renderer: "mujoco.Renderer") -> None:
    """Close it, if it is open, with its own context current.

    MuJoCo frees buffers by number in whichever context is current: closing one renderer after using another
    would take away the other's, and its pictures would be noise from then on.
    """
    with contextlib.suppress(Exception):  # it was closed before, or the process is ending
        renderer.render()
        renderer.close()


def check() -> str:
    """Draw one 8 x 8 frame and return the backend's name; raises SetupError as open_renderer does."""
    try:
        import mujoco

        model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><geom size='.1'/></worldbody></mujoco>")
        renderer = open_renderer(model, 8, 8, owner=model)
        renderer.update_scene(mujoco.MjData(model))
        renderer.render()
        close_renderer(renderer)
    except SetupError:
        raise
    except Exception as error:
        raise _cannot(error) from error
    return choose_backend()


def _cannot(error: Exception) -> SetupError:
    return SetupError(f"MUJOCO_GL={choose_backend()} {REMEDY} ({type(error).__name__}: {error})")


if __name__ == "__main__":
    try:
        check()
    except SetupError as error:
        sys.exit((sys.stderr.write(f"error: {error}\n"), error.exit_code)[1])
