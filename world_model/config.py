"""Configuration of the world model and of its training: frozen dataclasses, and presets by name.

    config = preset("tiny")                                # TrainConfig; about 1.4 M parameters
    config = dataclasses.replace(config, steps=500)

What depends on the data (action_dim, proprio_dim, signals) is filled in by ``train`` from the datasets.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from rehearse.errors import ConfigError

KINDS = ("regression", "event")
BACKBONES = ("recurrent", "transformer", "residual")
# What may stay as it was learnt before: name -> beginnings of the names of its parameters.
FREEZES = {"nothing": (), "encoder": ("encoder.eye",), "dynamics": ("encoder.eye", "backbone", "inverse")}


@dataclass(frozen=True)
class ModelConfig:
    """Widths of the network, and the shapes of the robot that it belongs to."""

    action_dim: int = 0  # A
    proprio_dim: int = 0  # P; 0 = this robot reports none
    signals: dict[str, str] = field(default_factory=dict)  # {name: "regression" | "event"}
    views: tuple[str, ...] = ()  # cameras besides the first
    image_size: int = 64  # a multiple of 16
    latent_dim: int = 128  # D, the width of a moment
    backbone: str = "recurrent"  # or "transformer", "residual"
    state_dim: int = 256  # S, the width of a feature: of the recurrent state, of a transformer's tokens
    layers: int = 3  # of a transformer, or blocks of a residual perceptron
    window: int = 32  # moments that a transformer looks back
    predictor_width: int = 256
    action_width: int = 32  # E, of an embedded action; a latent action says at most so many numbers
    controller_width: int = 32
    latent_actions: bool = False  # infer actions from video, for data that has none
    goals: bool = False  # learn which action begins the way to a goal
    encoder_width: int = 32  # channels of the first convolution; the others have twice as many
    head_width: int = 64
    members: int = 5  # K
    decoder_width: int = 32  # channels of the decoder's last layer; doubled twice going in

    def __post_init__(self) -> None:
        if self.image_size < 32 or self.image_size % 16:
            raise ConfigError(f"image_size is {self.image_size}; it must be a multiple of 16, at least 32.")
        object.__setattr__(self, "views", tuple(self.views))  # a checkpoint's JSON has lists
        if self.backbone not in BACKBONES:
            raise ConfigError(f"there is no backbone '{self.backbone}'; choose one of {', '.join(BACKBONES)}.")
        if self.backbone == "transformer" and self.state_dim % 32:
            raise ConfigError(f"state_dim is {self.state_dim}; a transformer's must be a multiple of 32.")
        if self.members < 1:
            raise ConfigError(f"members is {self.members}; the ensemble needs at least 1.")
        for name, kind in self.signals.items():
            if kind not in KINDS:
                raise ConfigError(f"signal '{name}' is declared '{kind}'; use one of {', '.join(KINDS)}.")


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. Weights of losses are for summed terms; ``0`` switches a term off."""

    model: ModelConfig = ModelConfig()
    steps: int = 2000  # about 2.1 M frames: 9 minutes on one CPU core with AMX
    batch: int = 48  # sequences per step
    length: int = 22  # frames per sequence
    learning_rate: float = 4e-3
    weight_decay: float = 0.1
    clip_norm: float = 1.0
    warmup: float = 0.05  # share of the steps
    rollout_steps: int = 12
    rollout_starts: int = 3  # open-loop starts per sequence
    rollout_weight: float = 1.0
    sigreg_weight: float = 0.01
    motion_weight: float = 0.0
    variance_weight: float = 0.0
    similarity_weight: float = 0.0
    pixel_weight: float = 0.0  # share of the decoder's gradient that shapes the moments
    information_weight: float = 5e-3  # price of a nat that latent actions say
    align_weight: float = 0.1
    video_weight: float = 1.0  # of a batch of video beside one with actions
    observed_head_weight: float = 0.2
    imagined_head_weight: float = 0.5
    decode_frames: int = 32  # frames per step that the decoder sees; 0 = no decoder training
    bootstrap: float = 0.7  # share of the episodes that each ensemble member learns from
    shift_px: int = 4  # sequences are shown shifted by up to so many pixels, or single ones are learnt by heart
    sense_dropout: float = 0.05  # share of the sequences shown without proprioception, or without a further camera
    # Expectile of the error per regression signal: 0.5 predicts the mean, more leans towards the peaks. An
    # optimiser searches for what the model underrates; a rare, peaked cost is better overrated a little.
    expectiles: dict[str, float] = field(default_factory=lambda: {"disturbance": 0.7})
    sampling_weights: tuple[float, ...] | None = None  # one per dataset; None = by number of episodes
    init_from: str | None = None  # a checkpoint to begin from; what it lacks or had otherwise is learnt anew
    freeze: str = "nothing"  # or "encoder", or "dynamics" (the encoder too): parts of init_from that stay as they are
    holdout: float = 0.05  # share of every dataset's episodes kept for the closing evaluation
    save_every: int = 200  # steps between saved training states
    seed: int = 0
    device: str = "cpu"
    tensorboard: bool = True  # event files beside the model, where tensorboard is installed
    wandb: str | None = None  # a Weights & Biases project; nothing is sent anywhere without it

    def __post_init__(self) -> None:
        if self.rollout_steps >= self.length:
            raise ConfigError(
                f"rollout_steps is {self.rollout_steps}, length {self.length}: imagine fewer steps than a sequence has."
            )
        if self.freeze not in FREEZES:
            raise ConfigError(f"freeze is '{self.freeze}'; choose one of {', '.join(FREEZES)}.")
        if self.freeze != "nothing" and self.init_from is None:
            raise ConfigError(f"freeze '{self.freeze}' needs init_from: what is frozen must have been learnt before.")
        if min(self.steps, self.batch, self.length, self.save_every) < 1:
            raise ConfigError("steps, batch, length and save_every must be at least 1.")
        for name, tau in self.expectiles.items():
            if not 0 < tau < 1:
                raise ConfigError(f"expectile of '{name}' is {tau}; it must lie between 0 and 1.")

    def identity(self) -> dict[str, Any]:
        """All of it that decides what is learnt: what a resumed training must share with the one before."""
        return {k: v for k, v in dataclasses.asdict(self).items() if k not in ("tensorboard", "wandb")}


PRESETS = {
    "debug": TrainConfig(
        model=ModelConfig(
            state_dim=128,
            predictor_width=128,
            encoder_width=16,
            head_width=32,
            members=3,
            decoder_width=16,
        ),
        steps=300,
        batch=16,
        decode_frames=16,
        save_every=100,
    ),
    "tiny": TrainConfig(),
    # Larger networks at lower rates, as usual; neither rate was searched for.
    "small": TrainConfig(
        model=ModelConfig(
            latent_dim=256,
            state_dim=1024,
            predictor_width=1024,
            action_width=64,
            encoder_width=64,
            head_width=128,
            decoder_width=64,
        ),
        steps=6000,
        batch=64,
        learning_rate=2e-3,
    ),
    "base": TrainConfig(
        model=ModelConfig(
            latent_dim=1024,
            state_dim=3072,
            predictor_width=4096,
            action_width=128,
            encoder_width=192,
            head_width=256,
            decoder_width=128,
        ),
        steps=20000,
        batch=256,
        learning_rate=1e-3,
        decode_frames=128,
        save_every=1000,
        device="cuda",
    ),
}


def preset(name: str, **changes: object) -> TrainConfig:
    """The named preset with the given TrainConfig fields replaced; one for GPUs uses the CPU where there is none."""
    if name not in PRESETS:
        raise ConfigError(f"there is no preset '{name}'; choose one of {', '.join(PRESETS)}.")
    config = dataclasses.replace(PRESETS[name], **changes)
    if config.device == "cuda" and "device" not in changes:
        import torch  # only here: a configuration by itself needs none

        config = dataclasses.replace(config, device="cuda" if torch.cuda.is_available() else "cpu")
    return config


def for_video(config: TrainConfig) -> TrainConfig:
    """The same training, for data of which only the frames are known; docs/pretraining.md has what each weight does."""
    return dataclasses.replace(
        config,
        sigreg_weight=0.05,
        motion_weight=0.05,
        similarity_weight=0.5,
        pixel_weight=1.0,
        information_weight=5e-3,
        decode_frames=3 * config.decode_frames,
    )


def for_few(config: TrainConfig, checkpoint: str, from_video: bool = True) -> TrainConfig:
    """The same training, begun from a checkpoint, for a few episodes with actions and perhaps video beside them.

    What a model of video was pretrained with goes on, or it would forget how to see motion. One that was trained with
    another robot's actions learns on at a quarter of the rate.
    """
    begun = dataclasses.replace(config, init_from=checkpoint, steps=max(1, config.steps // 4))
    if from_video:
        # Real actions now say what to foresee: moments need not be calm, nor latent actions quite so brief.
        return dataclasses.replace(
            for_video(begun), similarity_weight=0.0, information_weight=1e-3, decode_frames=config.decode_frames
        )
    return dataclasses.replace(begun, learning_rate=config.learning_rate / 4)
