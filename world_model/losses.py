"""The training losses of one batch of sequences: (B,T,...) tensors -> {name: scalar}, their sum as "loss".

    losses = training_losses(model, batch, config, generator)
    losses["loss"].backward()

next         next moment from the observed past, all positions at once
open         the same, open-loop for ``rollout_steps`` from random starts in each sequence, batched together
sigreg       keeps moments spread as a standard normal, which prevents collapse (LeJEPA, arXiv 2511.08544)
motion       the same for how moments differ from their sequence's mean: without it, video alone teaches a model to tell
             episodes apart by what never changes in them, which spreads moments just as well and is easy to predict
variance     the same end by other means: every dimension varies, and no two vary together (VICReg, arXiv 2105.04906)
similarity   consecutive moments are close (PLDM, arXiv 2502.14819)
information  what latent actions say, in nats per step; without a price they would say everything
align        the controller says of an action what inverse dynamics says of its consequence, and the other way round
goal         which action begins the way to where the sequence went, behind a stop-gradient
observed     the heads on states that were observed
imagined     the heads on states that were only imagined
decoder      pixels; of its gradient, the share ``pixel_weight`` reaches the moments

A batch without "action" is video: what was done is inferred from what was seen.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from rehearse.world_model import parallel
from rehearse.world_model.config import TrainConfig
from rehearse.world_model.model import WorldModel
from rehearse.world_model.precision import halves

# Share of the moments' variance that is to lie within sequences, rather than between them; a model that learnt from
# actions and signals put a third there.
MOTION_SHARE = 0.3
SPREAD_SAMPLES = 256  # moments of a batch that are held against a normal cloud


def sigreg(moments: Tensor, generator: torch.Generator, projections: int = 128, count: int = 64) -> Tensor:
    """Epps-Pulley distance of random projections of moments (M,D) from a normal, as of ``count`` samples."""
    directions = torch.randn(moments.shape[-1], projections, generator=generator).to(moments.device)
    knots = torch.linspace(-5, 5, 17, device=moments.device)
    angles = (moments @ (directions / directions.norm(dim=0))).unsqueeze(-1) * knots
    normal = torch.exp(-(knots**2) / 2)
    error = ((angles.cos().mean(0) - normal) ** 2 + angles.sin().mean(0) ** 2) * normal
    return torch.trapezoid(error, knots, dim=-1).mean() * count


def variance(moments: Tensor) -> Tensor:
    """How far moments (M,D) are from varying by 1 in every dimension, and two dimensions from varying apart."""
    centred = moments - moments.mean(0)
    spread = F.relu(1 - (centred.square().mean(0) + 1e-4).sqrt()).mean()
    together = centred.T @ centred / (len(moments) - 1)
    return spread + (together - together.diag().diag()).square().sum() / moments.shape[-1]


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of values (...) where mask, which broadcasts from the left, is true; 0 if it is nowhere.

    Of several processes, the mean over them of what each returns is the mean of all values.
    """
    mask = mask.to(values.dtype).reshape(*mask.shape, *[1] * (values.dim() - mask.dim())).expand_as(values)
    return (values * mask).sum() / parallel.gathered(mask.sum()[None]).mean().clamp(min=1)


def masked_mean_over_time(values: Tensor, mask: Tensor) -> Tensor:
    """Mean (B,1,D) of each sequence's values (B,T,D) where mask (B,T) is true."""
    mask = mask.to(values.dtype)[..., None]
    return (values * mask).sum(1, True) / mask.sum(1, True).clamp(min=1)


def drawn(scores: Tensor, valid: Tensor, count: int) -> Tensor:
    """Which of the true frames (B,T) have the ``count`` lowest random scores, of all processes' frames together."""
    scores = scores.masked_fill(~valid, torch.inf)
    everywhere = parallel.gathered(scores.flatten())
    count = min(count, int(everywhere.isfinite().sum()))
    return scores <= everywhere.kthvalue(count).values


def head_loss(model: WorldModel, states: Tensor, targets: Tensor, mask: Tensor, expectiles: Tensor) -> Tensor:
    """Summed over signals, mean over states (M,S) and members; targets (M,C) are encoded, mask is (M,K)."""
    raw = model.heads(states).float()
    target = targets[:, None].expand_as(raw)
    events = model.heads.is_event
    error = target - raw
    # Huber-like beyond two standard deviations: the peaks matter, but one of them must not own the gradient.
    squared = F.smooth_l1_loss(raw, target, reduction="none", beta=2.0) * 4.0
    squared = squared * torch.where(error > 0, expectiles, 1 - expectiles)
    loss = torch.where(events, F.binary_cross_entropy_with_logits(raw, target.clamp(0, 1), reduction="none"), squared)
    return masked_mean(loss.sum(-1), mask)


def training_losses(
    model: WorldModel, batch: dict, config: TrainConfig, generator: torch.Generator
) -> dict[str, Tensor]:
    """All losses of a batch as ``Sampler.sample`` gives it; a NaN is the caller's to notice."""
    device = model.device
    valid = batch["valid"].to(device)
    size, length = valid.shape
    moments = _encode(model, batch, valid, config, generator)
    with torch.autocast(device.type, torch.bfloat16, enabled=halves(device)):
        backbone = model.backbone
        led, losses = _led(model, batch, moments, valid, generator)  # led[:, t] leads from t to t+1
        nothing = backbone.no_action.expand(size, 1, -1)
        features, trace = backbone.observe(moments, torch.cat([nothing.to(led.dtype), led], 1))
        steering = "action" in batch and model.inverse is not None
        actions = batch["action"].to(device) if steering else torch.cat([led, led[:, -1:]], 1)
        meant = model.controller(actions[:, :-1], features[:, :-1]) if steering else led
        expected = moments[:, :-1] + backbone.predict(features[:, :-1], meant)
        if steering:
            losses["align"] = masked_mean((meant.float() - led.float()) ** 2, valid[:, 1:] & valid[:, :-1])

        starts, steps = config.rollout_starts, config.rollout_steps
        # Anywhere but at the last true moment: a robot plans from every one of them. Steps past the end are masked.
        begin = (parallel.uniform(size, starts, generator=generator).to(device) * (valid.sum(1, True) - 1)).long()
        rows = torch.arange(size, device=device)[:, None]
        window = begin[..., None] + torch.arange(steps, device=device)  # (B,R,H): the action's time
        inside = window < length - 1
        window = window.clamp(max=length - 2)
        flat = lambda x: x.flatten(0, 1)  # noqa: E731
        memory = trace.at(rows.expand(-1, starts).flatten(), begin.flatten())
        taken = flat(actions[rows[..., None], window])
        dreamed_features, dreamed = model.unroll(memory, taken) if steering else backbone.unroll(memory, taken)
        reached = flat(valid[rows[..., None], window + 1] & inside)
        goal = flat(moments[rows[..., None], window + 1])

        losses["next"] = masked_mean((expected.float() - moments[:, 1:]) ** 2, valid[:, 1:] & valid[:, :-1])
        losses["open"] = masked_mean((dreamed.float() - goal) ** 2, reached)
        if model.heads.names and batch.get("signals"):
            values = torch.stack([batch["signals"][name].to(device).float() for name in model.heads.names], -1)
            targets = model.heads.encode(values)
            learns = batch["learns"].to(device)
            taus = torch.tensor([config.expectiles.get(name, 0.5) for name in model.heads.names], device=device)
            losses["observed"] = head_loss(
                model,
                flat(features),
                flat(targets),
                (flat(valid)[:, None] & learns.repeat_interleave(length, 0)),
                taus,
            )
            losses["imagined"] = head_loss(
                model,
                flat(dreamed_features),
                flat(flat(targets[rows[..., None], window + 1])),
                flat(reached)[:, None] & learns.repeat_interleave(starts * steps, 0),
                taus,
            )
        if model.goals is not None and "action" in batch:
            losses["goal"] = _goal_loss(model, batch, features, moments, valid, generator)
        scores = parallel.uniform(size, length, generator=generator).to(device)
        if config.decode_frames:
            some = drawn(scores, valid, config.decode_frames)
            seen = some.clone()
            seen[0, 0] = True  # for a share of a batch may hold none of them, and nothing cannot be decoded
            pixels = batch["frames"].to(device)[seen].permute(0, 3, 1, 2).float() / 127.5 - 1
            shown = torch.lerp(moments[seen].detach(), moments[seen], config.pixel_weight)
            wrong = (model.decoder(shown).float() - pixels).square().mean((1, 2, 3))
            losses["decoder"] = masked_mean(wrong, some[seen])
    some = drawn(scores, valid, SPREAD_SAMPLES)
    if config.sigreg_weight:
        losses["sigreg"] = sigreg(parallel.gathered(moments[some]), generator)
    if config.motion_weight:
        deviation = (moments - masked_mean_over_time(moments, valid)) / MOTION_SHARE**0.5
        losses["motion"] = sigreg(parallel.gathered(deviation[some]), generator)
    if config.variance_weight:
        losses["variance"] = variance(parallel.gathered(moments[valid]))
    if config.similarity_weight:
        losses["similarity"] = masked_mean(moments.diff(dim=1) ** 2, valid[:, 1:] & valid[:, :-1])
    weights = {
        "open": config.rollout_weight,
        "sigreg": config.sigreg_weight,
        "motion": config.motion_weight,
        "variance": config.variance_weight,
        "similarity": config.similarity_weight,
        "information": config.information_weight,
        "align": config.align_weight,
        "observed": config.observed_head_weight,
        "imagined": config.imagined_head_weight,
    }
    losses["loss"] = sum(weights.get(name, 1.0) * value for name, value in losses.items())
    return losses


def _led(
    model: WorldModel, batch: dict, moments: Tensor, valid: Tensor, generator: torch.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """What led from each moment to the next (B,T-1,E), and what it costs to know it."""
    if model.inverse is None:
        return model.controller(batch["action"].to(moments.device))[:, :-1], {}
    latent, information = model.inverse(moments, generator)
    return latent, {"information": masked_mean(information, valid[:, 1:] & valid[:, :-1])}


def _goal_loss(
    model: WorldModel, batch: dict, features: Tensor, moments: Tensor, valid: Tensor, generator: torch.Generator
) -> Tensor:
    """Two random moments of each sequence: from the earlier, which action began the way to the later?"""
    size, device = len(valid), valid.device
    last = valid.sum(1) - 1
    start = (parallel.uniform(size, generator=generator).to(device) * last).long()
    left = last - start
    steps = 1 + (parallel.uniform(size, generator=generator).to(device) * left).long().clamp(max=left - 1)
    rows = torch.arange(size, device=device)
    said = model.goals(
        features[rows, start].detach(), moments[rows, start].detach(), moments[rows, start + steps].detach(), steps
    )
    wrong = F.smooth_l1_loss(said.float(), batch["action"].to(device)[rows, start], reduction="none")
    return masked_mean(wrong, last > 0)


def _encode(model: WorldModel, batch: dict, valid: Tensor, config: TrainConfig, generator: torch.Generator) -> Tensor:
    """Moments (B,T,D); padding is not encoded (it would bend the whitening) and stays zero."""
    size, length = valid.shape
    device, where = valid.device, valid.flatten()
    readings = {"frames": batch["frames"], **batch.get("views", {}), **batch.get("senses", {})}
    if "proprio" in batch:
        readings["proprio"] = batch["proprio"]
    readings = {name: values.flatten(0, 1).to(device) for name, values in readings.items()}
    # Senses besides the first camera are sometimes hidden, for whole sequences, so that the model can do without.
    shown = {
        name: (parallel.uniform(size, generator=generator).to(device) >= config.sense_dropout).repeat_interleave(length)
        for name in readings
        if name != "frames"
    }
    if bool(where.all()):
        return model.encoder(readings, shown).unflatten(0, (size, length))
    cut = lambda parts: {name: values[where] for name, values in parts.items()}  # noqa: E731
    found = model.encoder(cut(readings), cut(shown))
    moments = found.new_zeros(size * length, found.shape[-1])
    return moments.masked_scatter(where[:, None], found).unflatten(0, (size, length))
