"""What there is to see of recurrent cells at work on a sequence: gates, sums, gradients, similar states, writing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.contract.device import generator
from engine.labs.lstm_gates import cells, tasks
from engine.labs.lstm_gates.cells import Reader, gates
from engine.labs.lstm_gates.config import Config
from engine.labs.lstm_gates.tasks import Adding, Batch, Brackets, NextCharacter, Task

Array = NDArray[Any]
SUMMED = {"rnn": ("h",), "gru": ("r", "z", "n"), "lstm": ("i", "f", "g", "o")}  # gates in the order of torch's weights
WRITTEN = 40  # characters that each cell writes
ALIKE = 6  # similar spans that are shown
SURROUNDING = 8  # tokens shown on both sides of such a span
WIDE = 64  # of cells with more numbers in their state
UNITS = 32  # the first of them are shown, for rows to be told apart
BOUND = 0.99  # beyond it, tanh is so flat that hardly any gradient gets through
TOGETHER, FEW = 8, 4  # sequences that all cells read for one frame, the one on show among them; few of wide cells


class Likeness(NamedTuple):
    """A span of a sequence whose states are like those of the brushed one."""

    sequence: int
    start: int
    similarity: float  # mean cosine of the states, 1 for equal directions
    before: str
    inside: str
    after: str


@dataclass(frozen=True)
class Frame:
    """One sequence of T steps, read by the cell on show; and all three cells compared.

    H are the numbers in its state that are shown: all `units`, or the first of them.
    """

    cell: str
    units: int
    cells: tuple[str, ...]
    tokens: tuple[str, ...]  # what comes in, T
    said: tuple[str, ...]  # what the cell answers, T
    wanted: tuple[str, ...]  # what would be right, T; empty where nobody knows
    asked: int  # the first step whose answer counts
    gates: dict[str, Array]  # each (T, H), in the order in which they are shown
    summed: tuple[str, ...]  # the gates that are functions of a sum, in the order of the next three
    from_input: Array  # (gates, T, H): W x_t
    from_state: Array  # (gates, T, H): U h_{t-1}; for the GRU's n with its own bias, before the reset
    bias: Array  # (gates, H)
    gradient: Array  # (3, T): gradient at the state of each step, relative to that of the last
    kept: Array  # (3,) mean of the gate that keeps, the LSTM's f or the GRU's z; nan for the tanh RNN
    saturated: Array  # (3,) share of the numbers in h that are beyond ±`BOUND`
    guess: float  # loss of guessing
    steps_per_update: int
    counter: int = -1  # brackets: the number in the memory that follows the depth most closely
    counts: float = 0.0  # its correlation with the depth
    correlations: Array | None = None  # (H,) of every number in the memory
    depth: Array | None = None  # (T,) brackets open after each step
    added: Array | None = None  # (T,) adding: the sum of what was marked so far
    answers: Array | None = None  # (T,) and what the cell on show would answer after each step
    span: tuple[int, int] = (0, 0)  # the brushed steps, from the first to before the second; (0, 0) for none
    alike: tuple[Likeness, ...] = ()
    writes: tuple[str, ...] = ()  # text: what each cell writes
    logits: Array | None = None  # text: (V,) of what comes after the last character
    labels: tuple[str, ...] = ()  # text: (V,) how the characters are written


def array(tensor: Tensor) -> Array:
    """Numbers for a page.  Waits for the GPU."""
    return tensor.detach().cpu().numpy()


@torch.inference_mode()
def frame(*, config: Config, task: Task, readers: Mapping[str, Reader], shown: Batch, steps_per_update: int) -> Frame:
    """What there is to see of the cells in `readers`, by name, on one of the sequences `shown`, or on a text typed."""
    kind = config.cell
    wide = config.units > WIDE
    units, together = (UNITS, FEW) if wide else (config.units, TOGETHER)
    first = config.example // together * together
    held = Batch(*(part[first : first + together] for part in shown))
    states = {name: gates(reader.cell, held.x) for name, reader in readers.items()}
    reader = readers[kind]

    if isinstance(task, NextCharacter) and config.reading:
        places = torch.from_numpy(task.alphabet.encode(config.reading)).to(held.x.device)
        x = torch.nn.functional.one_hot(places, task.inputs).float()[None]
        s, wanted = gates(reader.cell, x), task.answers(places[1:])
    else:
        x, wanted = held.x[config.example - first][None], task.answers(held.y[config.example - first])
        s = {name: values[config.example - first][None] for name, values in states[kind].items()}
    outputs = reader.readout(s["h"])[0]  # (T, K)
    before = torch.cat([torch.zeros_like(s["h"][:, :1]), s["h"][:, :-1]], 1)
    from_input, from_state, bias = _parts(reader.cell, kind, x, before)
    found: dict[str, Any] = {}
    start, stop = spanned(config.span_start, config.span_stop, x.shape[1])
    among, of_all = held.x, states[kind]
    if not wide and (isinstance(task, Brackets) or stop > start):  # these two ask every sequence
        first, among = 0, shown.x
        of_all = gates(reader.cell, among)
    if isinstance(task, Brackets):
        memory = of_all["c" if kind == "lstm" else "h"]
        found |= _counting(memory[..., :units], task.depth(among), task.depth(x)[0])
    if isinstance(task, Adding):
        found |= {"added": array(x[0].prod(-1).cumsum(0)), "answers": array(outputs[:, 0])}
    if isinstance(task, NextCharacter):
        found["labels"], found["logits"] = tuple(task.alphabet.labels()), array(outputs[-1])
        found["writes"] = _writing(readers, task, int(x[0, -1].argmax()), config=config, device=x.device)
    if stop > start:
        found["span"] = (start, stop)
        found["alike"] = _alike(of_all["h"], s["h"][0, start:stop], [task.tokens(one) for one in among], first)
    return Frame(
        cell=kind, units=config.units, cells=tuple(states), tokens=tuple(task.tokens(x[0])),
        said=tuple(task.answers(tasks.choices(task, outputs))), wanted=tuple(wanted),
        asked=task.asked % x.shape[1], gates={name: array(values[0, :, :units]) for name, values in s.items()},
        summed=SUMMED[kind], from_input=from_input[..., :units], from_state=from_state[..., :units],
        bias=bias[..., :units],
        gradient=np.stack([_relative(readers[name], task, states[name], held) for name in states]),
        kept=np.array([_kept(values) for values in states.values()]),
        saturated=np.array([_saturated(values["h"]) for values in states.values()]),
        guess=task.guess, steps_per_update=steps_per_update, **found,
    )  # fmt: skip


def _kept(states: Mapping[str, Tensor]) -> float:
    """How open the gate stands that keeps the state from step to step, on the average."""
    return next((float(states[gate].mean()) for gate in ("f", "z") if gate in states), float("nan"))


def _saturated(h: Tensor) -> float:
    """The share of the states `h` that is beyond ±`BOUND`; nan if they are no numbers any more."""
    return float((h.abs() > BOUND).float().mean()) if bool(h.isfinite().all()) else float("nan")


def spanned(start: int, stop: int, length: int) -> tuple[int, int]:
    """The steps from `start` to before `stop` that a sequence of `length` has; (0, 0) if there is none.

    A span outlives the sequence in which it was brushed: the next one may be shorter.
    """
    stop = min(stop, length)
    return (start, stop) if start < stop else (0, 0)


def _parts(cell: nn.RNNBase, kind: str, x: Tensor, before: Tensor) -> tuple[Array, Array, Array]:
    """W x_t, U h_{t-1} and the bias, of each gate of one sequence."""
    count = len(SUMMED[kind])
    Wx, Uh = (array(part[0]).reshape(x.shape[1], count, -1).swapaxes(0, 1) for part in cells.sums(cell, x, before))
    b, b_ = (array(part).reshape(count, -1) for part in cells.weights(cell)[2:] if part is not None)
    if kind == "gru":  # b_ of n stays with U h: the reset gate multiplies both
        b_ = b_ * np.array([[1.0], [1.0], [0.0]], b_.dtype)
    return Wx - b[:, None], Uh - b_[:, None], b + b_


def _relative(reader: Reader, task: Task, states: dict[str, Tensor], held: Batch) -> Array:
    """How much of the gradient of the last answer's loss reaches each step, as a share of what the last step gets.

    Lengths are root mean squares over the sequences `held`, (T,); nan if they are no numbers any more.
    """
    out = reader.readout(states["h"][:, -1])  # (N, K)
    y = held.y[:, -1]
    if task.outputs == 1:
        d_out = 2 * (out - y[:, None])
    else:
        d_out = out.softmax(-1) - torch.nn.functional.one_hot(y, task.outputs)
    d = d_out @ reader.readout.weight
    largest = d.abs().max().clamp(min=1e-30)  # only shares count: an exploded gradient need not overflow
    rms = array(cells.state_gradients(reader.cell, states, d / largest).double().square().mean(0).sqrt())
    if not (np.isfinite(rms).all() and rms[-1] > 0):
        return np.full(len(rms), np.nan)
    shares: Array = np.maximum(rms / rms[-1], 1e-12)
    return shares


def _counting(memory: Tensor, depths: Tensor, depth: Tensor) -> dict[str, Any]:
    """Which number in the memory (N, T, H) follows how many brackets are open, (N, T)."""
    m, d = memory.flatten(0, 1).double(), depths.flatten().double()
    m, d = m - m.mean(0), d - d.mean()
    r = (m * d[:, None]).sum(0) / (m.square().sum(0) * d.square().sum()).sqrt().clamp(min=1e-12)
    best = int(r.abs().argmax())
    return {"counter": best, "counts": float(r[best]), "correlations": array(r), "depth": array(depth)}


def _writing(
    readers: Mapping[str, Reader], task: NextCharacter, start: int, *, config: Config, device: torch.device
) -> tuple[str, ...]:
    """What each cell writes after the character `start`, all three with the same luck."""
    g = generator(config.seed, "writing")
    noise = -torch.empty(WRITTEN, task.outputs).exponential_(generator=g).log()  # Gumbel
    noise = noise.to(device)
    labels = task.alphabet.labels()
    return tuple(
        "".join(labels[place] for place in cells.generate(reader, start, noise, temperature=config.temperature))
        for reader in readers.values()
    )


def _alike(h: Tensor, span: Tensor, tokens: list[list[str]], first: int = 0) -> tuple[Likeness, ...]:
    """Where the states h (N, T, H) run most like those of `span` (L, H), without overlaps, most alike first.

    After LSTMVis: likeness is the mean cosine between states, each seen from the mean of all, step by step.  `first` is
    the number of the first sequence.
    """
    steps, L = h.shape[1], len(span)
    if steps < L:
        return ()
    middle = h.mean((0, 1))
    unit, wanted = (torch.nn.functional.normalize(states - middle, dim=-1) for states in (h, span))
    cosines = unit @ wanted.T  # (N, T, L)
    score = torch.stack([cosines[:, k : steps - L + 1 + k, k] for k in range(L)]).mean(0)  # (N, T - L + 1)
    table = array(score).copy()
    found: list[Likeness] = []
    while len(found) < ALIKE and np.isfinite(table).any():
        n, start = (int(v) for v in np.unravel_index(table.argmax(), table.shape))
        row, stop = tokens[n], start + L
        before, after = row[max(0, start - SURROUNDING) : start], row[stop : stop + SURROUNDING]
        found.append(Likeness(first + n, start, float(table[n, start]), _joined(before), _joined(row[start:stop]),
                              _joined(after)))  # fmt: skip
        table[n, max(0, start - L + 1) : stop] = -np.inf
    return tuple(found)


def _joined(tokens: list[str]) -> str:
    return ("" if all(len(token) == 1 for token in tokens) else " ").join(tokens)
