"""A dot pushed over a plane with hidden friction, in memory, behind the interface of ClipCache.

Frames (T,32,32,3); the dot is a bright square. Actions (T,2) push it; the friction of an episode shows in no
frame and in no reading, only in how fast the dot slows down. Signals: ``speed`` (regression), ``fast``
(event, once 1 stays 1).
"""

from dataclasses import dataclass, field

import numpy as np
import torch

SIZE = 32
FAST = 0.09


@dataclass(frozen=True)
class ToyClip:
    frames: np.ndarray
    actions: np.ndarray
    proprio: np.ndarray
    signals: dict
    views: dict = field(default_factory=dict)


class ToyData:
    views = ()
    fps = 5.0
    action_dim = 2
    proprio_dim = 2
    signal_kinds = {"speed": "regression", "fast": "event"}

    def __init__(self, clips, friction):
        self.clips, self.friction = clips, friction

    @classmethod
    def make(cls, episodes, length=24, seed=0):
        rng = np.random.default_rng(seed)
        frictions = rng.uniform(0.05, 0.6, episodes)
        clips = [run(rng.uniform(0.3, 0.7, 2), random_actions(rng, length), f) for f in frictions]
        return cls(clips, frictions)

    def __len__(self):
        return len(self.clips)

    def subset(self, episodes):
        return ToyData([self.clips[i] for i in episodes], self.friction[episodes])

    def episode(self, i):
        return self.clips[i]

    def sample(self, batch, length, generator, *, min_valid=2):
        out = {"frames": [], "action": [], "proprio": [], "valid": [], "speed": [], "fast": []}
        for i in torch.randint(0, len(self), (batch,), generator=generator).tolist():
            clip = self.clips[i]
            last = len(clip.frames) - 1
            choices = max(1, last + 2 - min(min_valid, length))
            steps = int(torch.randint(0, choices, (1,), generator=generator)) + np.arange(length)
            rows = np.minimum(steps, last)
            for name, value in (("frames", clip.frames), ("action", clip.actions), ("proprio", clip.proprio)):
                out[name].append(value[rows])
            for name in self.signal_kinds:
                out[name].append(clip.signals[name][rows])
            out["valid"].append(steps <= last)
        tensors = {name: torch.from_numpy(np.stack(value)) for name, value in out.items()}
        tensors["signals"] = {name: tensors.pop(name) for name in self.signal_kinds}
        return tensors


def random_actions(rng, length):
    return np.repeat(rng.uniform(-1, 1, (length // 3 + 1, 2)), 3, axis=0)[:length].astype(np.float32)


def run(position, actions, friction):
    """One episode; action t moves the dot from frame t to t+1, and the walls stop it."""
    velocity, fast = np.zeros(2), 0.0
    frames, proprio, speeds, fasts = [], [], [], []
    for action in actions:
        speed = float(np.linalg.norm(velocity))
        fast = max(fast, float(speed > FAST))
        frames.append(draw(position))
        proprio.append(position.copy())
        speeds.append(speed)
        fasts.append(fast)
        velocity = (velocity + 0.03 * action) * (1 - friction)
        moved = np.clip(position + velocity, 0.1, 0.9)
        velocity, position = moved - position, moved
    arrays = (np.stack(frames), actions, np.stack(proprio).astype(np.float32))
    return ToyClip(*arrays, {"speed": np.float32(speeds), "fast": np.float32(fasts)})


def draw(position):
    frame = np.full((SIZE, SIZE, 3), 40, np.uint8)
    x, y = np.round(position * (SIZE - 6)).astype(int)
    frame[y : y + 6, x : x + 6] = (240, 200, 60)
    return frame
