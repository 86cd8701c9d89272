"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.contract.device import generator
from engine.contract.knobs import ConfigError
from engine.contract.states import copied
from engine.data import plane
from engine.labs.neural_network.chain_rule import backprop, backward, forward
from engine.labs.neural_network.config import FUSED, Config
from engine.labs.neural_network.frame import SCORES, Array, Frame, array, frame, grid_lines, pixels
from engine.labs.neural_network.resolution import detail
from engine.nets import optim, stacked
from engine.nets.stacked import LOSSES


class Experiment:
    """One step is one epoch: every training point once, in batches, each network in an order of its own.

    Network i of the stack is the network that a run with seed + i trains alone: its weights, its batches and its
    dropout follow from that seed and the number of the epoch, so nothing random needs to be kept.  Metrics are the mean
    over the networks; with more than one, ``*_low`` and ``*_high`` hold 80 % of them.
    """

    done = False

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        self.networks = range(config.seed, config.seed + config.seeds)
        drawn = config.data in ("drawn", "csv")
        self.data = plane.from_points(config.points) if drawn else plane.plane(
            config.data, config.samples, noise=config.noise, seed=config.data_seed
        )  # fmt: skip
        self.loss = "squared" if self.data.classes == 0 and config.loss == "cross_entropy" else config.loss
        outputs = 3 if self.data.classes == 3 else 1

        train, test = plane.split(self.data, config.train_share, seed=config.data_seed)
        order = np.concatenate([train, test])
        self.n_train, self.xy, self.labels = len(train), self.data.xy[order], self.data.labels[order]
        inputs = stacked.Features(config.features)
        self.x = inputs(torch.from_numpy(self.xy)).to(self.device)  # (N, F)
        self.t = stacked.targets(torch.from_numpy(self.labels), outputs=outputs, loss=self.loss)  # (N, K)
        self.t = self.t.to(self.device)

        self.layers = stacked.build(
            (len(config.features), *config.widths, outputs), activation=config.activation, norm=config.norm,
            initialisation=config.initialisation, seeds=self.networks, device=self.device,
        )  # fmt: skip
        self.parameters = [p for layer in self.layers for p in layer.parameters()]
        in_one_call = config.optimiser in FUSED and self.device.type == "cpu"
        settings = {"fused": True} if in_one_call else {}
        self.optimiser = optim.make(config.optimiser, self.parameters, config.learning_rate, **settings)
        self.model = self._shown()

        self.detail = detail(sum(config.widths) + outputs)
        looked_at = torch.cat([pixels(self.detail.side), grid_lines().flatten(0, 2)])
        self.traced_inputs = torch.cat([inputs(looked_at).to(self.device), self.x[: self.detail.points]])
        self.seed_inputs = inputs(pixels(self.detail.seed_side)).to(self.device)

    def step(self) -> dict[str, float]:
        config, n = self.config, self.n_train
        order = torch.stack([torch.randperm(n, generator=g) for g in self._streams("batches")]).to(self.device)
        dropout = self._streams("dropout", self.device) if config.dropout else []
        x_batches = torch.split(self.x[order], config.batch_size, dim=1)
        t_batches = torch.split(self.t[order], config.batch_size, dim=1)
        for x, t in zip(x_batches, t_batches, strict=True):  # (S, B, F), (S, B, K)
            traces = forward(self.layers, x, training=True, masks=self._masks(x.shape[1], dropout))
            d = LOSSES[self.loss].derivative(traces[-1].a, t) / x.shape[1]
            self._descend([g for _, gradients in backward(self.layers, traces, d) for g in gradients])
        self.step_count += 1
        return self._metrics()

    def _streams(self, purpose: str, device: torch.device | str = "cpu") -> list[torch.Generator]:
        """One generator for each network, good for this epoch."""
        return [generator(seed, f"{purpose}/{self.step_count}", device) for seed in self.networks]

    def _masks(self, batch: int, streams: list[torch.Generator]) -> list[Tensor]:
        """For each hidden layer (S, batch, n): 0 for a neuron that is off, else 1 / share kept."""
        if not streams:
            return []
        keep = 1 - self.config.dropout
        drawn = [[torch.rand(batch, n, generator=g, device=self.device) for n in self.config.widths] for g in streams]
        return [(torch.stack(layer) < keep) / keep for layer in zip(*drawn, strict=True)]

    def _descend(self, gradients: list[Tensor]) -> None:
        config = self.config
        if config.l1 or config.l2:  # l1 |W| + l2 |W|^2 / 2 is added to the loss; biases are left alone
            for p, g in zip(self.parameters, gradients, strict=True):
                if any(p is layer.weight for layer in self.layers):
                    g.add_(config.l1 * p.sign() + config.l2 * p)
        if config.optimiser == "gradient_descent":  # what the optimiser would do, without its bookkeeping
            torch._foreach_add_(self.parameters, gradients, alpha=-config.learning_rate)
            return
        for p, g in zip(self.parameters, gradients, strict=True):
            p.grad = g
        self.optimiser.step()

    def _outputs(self) -> Tensor:
        """Of every network on every point, (S, N, K)."""
        return forward(self.layers, self.x.expand(len(self.networks), -1, -1))[-1].a

    def scores(self, outputs: Tensor) -> Array:
        """`SCORES` of each network, (4, S), from all its outputs (S, N, K).  Waits for the GPU."""
        losses = LOSSES[self.loss].value(outputs, self.t)  # (S, N)
        if self.data.classes == 0:
            wrong = (outputs - self.t).square().mean(-1)
        elif self.data.classes == 2:
            wrong = ((outputs > 0) != (self.t > 0))[..., 0].to(losses.dtype)
        else:
            wrong = (outputs.argmax(-1) != self.t.argmax(-1)).to(losses.dtype)
        n = self.n_train
        parts = [losses[:, :n].mean(1), losses[:, n:].mean(1), wrong[:, :n].mean(1), wrong[:, n:].mean(1)]
        scores = array(torch.stack(parts))
        if self.data.classes == 0:
            scores[2:] = np.sqrt(scores[2:])
        return scores

    def _metrics(self) -> dict[str, float]:
        scores = self.scores(self._outputs())
        metrics = dict(zip(SCORES, scores.mean(axis=1).tolist(), strict=True))
        if len(self.networks) > 1:
            low, high = np.sort(scores, axis=1)[:, [len(self.networks) // 10, -1 - len(self.networks) // 10]].T.tolist()
            metrics |= {f"{name}_low": value for name, value in zip(SCORES, low, strict=True)}
            metrics |= {f"{name}_high": value for name, value in zip(SCORES, high, strict=True)}
        return metrics

    @property
    def shown(self) -> int:
        """Which network of the stack is shown."""
        return min(self.config.shown, len(self.networks) - 1)

    def _shown(self) -> nn.Sequential:
        return stacked.network(self.layers, self.shown, self.config.features)

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs."""
        self.config.require_live(config)
        self.config = config
        self.model = self._shown()
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate

    def edit(self, change: Mapping[str, Any]) -> None:
        """Set one weight of the shown network by hand: ``{"layer": l, "source": i, "target": j, "value": v}``.

        Layers count from 0, the output last; source -1 is the bias of neuron `target`.  Raises `ConfigError`.
        """
        sizes = (len(self.config.features), *self.config.widths, self.t.shape[1])
        layer = _whole(change, "layer", 0, len(sizes) - 2)
        source = _whole(change, "source", -1, sizes[layer] - 1)
        target = _whole(change, "target", 0, sizes[layer + 1] - 1)
        value = change.get("value")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not -100 <= value <= 100:
            raise ConfigError("value", value, "give a number from -100 to 100")
        shown, of = self.shown, self.layers[layer]
        if source < 0:
            of.bias[shown, 0, target] = value
        else:
            of.weight[shown, source, target] = value

    def state_dict(self) -> dict[str, Any]:
        """Weights, running statistics of the norms, the optimiser's averages, and the number of the epoch."""
        optimiser = copied(self.optimiser.state_dict()["state"])
        return {
            "step_count": self.step_count, "optimiser": optimiser,
            "layers": [t.clone() for layer in self.layers for t in layer.tensors()],
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count = state["step_count"]
        tensors = [t for layer in self.layers for t in layer.tensors()]
        for mine, saved in zip(tensors, state["layers"], strict=True):
            mine.copy_(saved)
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": copied(state["optimiser"]), "param_groups": groups})

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        points, follow = self.detail.points, min(self.config.follow, len(self.xy) - 1)
        x, y = torch.from_numpy(self.xy).to(self.device), torch.from_numpy(self.labels).to(self.device)
        (layers, _), outputs = stacked.unstack(self.model), self._outputs()
        return frame(
            self.config, self.layers, step=self.step_count, shown=self.shown, classes=self.data.classes,
            loss=self.loss, detail=self.detail, xy=self.xy, labels=self.labels, n_train=self.n_train, x=self.x,
            t=self.t, traced=[(seen.x[0], seen.a[0]) for seen in forward(layers, self.traced_inputs[None])],
            outputs=outputs, scores=self.scores(outputs),
            seed_outputs=forward(self.layers, self.seed_inputs.expand(len(self.networks), -1, -1))[-1].a,
            gradients=backprop(self.model, x[: self.n_train][:points], y[: self.n_train][:points], self.loss),
            followed=backprop(self.model, x[follow : follow + 1], y[follow : follow + 1], self.loss),
        )  # fmt: skip


def _whole(change: Mapping[str, Any], name: str, low: int, high: int) -> int:
    value = change.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(name, value, f"give a whole number from {low} to {high}")
    return value
