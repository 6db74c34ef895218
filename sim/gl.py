"""Headless rendering: choose a backend before MuJoCo is imported, and say in one line what a machine lacks.

    python -m rehearse.sim.gl        # exit code 0 when a frame can be drawn, 2 with the remedy when it cannot
"""

import os
import sys

from rehearse.errors import SetupError

REMEDY = (
    "cannot render without a display: install the software GL libraries with\n"
    "  sudo apt-get update && sudo apt-get install -y --no-install-recommends libegl1 libgl1 libgl1-mesa-dri\n"
    "or set MUJOCO_GL=osmesa with libosmesa6 installed"
)


def choose_backend() -> str:
    """Default MUJOCO_GL to ``egl`` (works with and without a GPU); llvmpipe's own threads only slow small frames."""
    os.environ.setdefault("LP_NUM_THREADS", "0")
    return os.environ.setdefault("MUJOCO_GL", "egl")


def check() -> str:
    """Draw one 8 x 8 frame. Returns the backend's name; raises SetupError with the apt line when drawing fails."""
    backend = choose_backend()
    try:
        import mujoco

        model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><geom size='.1'/></worldbody></mujoco>")
        with mujoco.Renderer(model, 8, 8) as renderer:
            renderer.update_scene(mujoco.MjData(model))
            renderer.render()
    except Exception as error:  # the GL stack raises ImportError, AttributeError, GLError or its own, by backend
        raise SetupError(f"MUJOCO_GL={backend} {REMEDY} ({type(error).__name__}: {error})") from error
    return backend


if __name__ == "__main__":
    try:
        check()
    except SetupError as error:
        sys.exit((sys.stderr.write(f"error: {error}\n"), error.exit_code)[1])
