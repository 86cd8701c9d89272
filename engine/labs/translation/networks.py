"""The translators: a recurrent encoder and decoder, with attention or without, and an encoder-decoder transformer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from engine.labs.translation.config import Config
from engine.labs.translation.vocabulary import END, PAD, START, Vocabulary


@dataclass(frozen=True)
class Memory:
    """What is left of a source once it has been read."""

    states: Tensor  # (B, S, W): one for each source word
    there: Tensor  # (B, S) bool: where there is a word
    last: Tensor  # (B, W): one for all of it


class Recurrent(nn.Module):
    """GRU encoder and decoder.  Cho et al., 2014; with `attention` scored as in Luong et al., 2015, or Bahdanau et al.

    The decoder begins with the encoder's last states.  Without attention that vector is all that it has of the source.
    """

    def __init__(self, config: Config, words: Vocabulary, *, attention: str) -> None:
        super().__init__()
        self.words, self.attention = words, attention
        width, two = config.model_width, config.encoder == "two"
        sources, targets = words.sizes
        self.source_embedding, self.target_embedding = nn.Embedding(sources, width), nn.Embedding(targets, width)
        self.encoder = nn.GRU(width, width // 2 if two else width, batch_first=True, bidirectional=two)
        self.decoder = nn.GRU(width, width, batch_first=True)
        if attention == "general":
            self.query = nn.Linear(width, width, bias=False)
        if attention == "additive":
            self.query, self.key = nn.Linear(width, width, bias=False), nn.Linear(width, width)
            self.strength = nn.Linear(width, 1, bias=False)
        if attention:
            self.combine = nn.Linear(2 * width, width)
        self.output = nn.Linear(width, targets)

    def initialise(self, generator: torch.Generator) -> None:
        """Embeddings from a normal distribution, everything else evenly up to 1/√W, as torch's GRU does."""
        edge = 1 / math.sqrt(self.output.in_features)
        for name, parameter in self.named_parameters():
            with torch.no_grad():
                if "embedding" in name:
                    parameter.normal_(generator=generator)
                else:
                    parameter.uniform_(-edge, edge, generator=generator)

    def encode(self, source: Tensor) -> Memory:
        """Read `source` (B, S)."""
        there = source != PAD
        lengths = there.sum(1)
        packed = pack_padded_sequence(
            self.source_embedding(source), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        states, last = self.encoder(packed)
        states, _ = pad_packed_sequence(states, batch_first=True, total_length=source.shape[1])
        return Memory(states, there, last.transpose(0, 1).flatten(1))

    def attend(self, h: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """What decoder states `h` (B, T, W) find in the source, (B, T, W), and how much they look where, (B, T, S)."""
        if self.attention == "additive":
            scores = self.strength(torch.tanh(self.query(h)[:, :, None] + self.key(memory.states)[:, None]))[..., 0]
        else:
            scores = (self.query(h) if self.attention == "general" else h) @ memory.states.mT
        weights = scores.masked_fill(~memory.there[:, None], -math.inf).softmax(-1)
        return weights @ memory.states, weights

    def read(self, h: Tensor, memory: Memory, looked: dict[int, int] | None = None) -> tuple[Tensor, Tensor | None]:
        """Logits (B, T, V) of decoder states and the weights (B, T, S); `looked` says at which words T must look."""
        if not self.attention:
            return self.output(h), None
        found, weights = self.attend(h, memory)
        for place, at in (looked or {}).items():
            weights = weights.clone()
            weights[:, place] = F.one_hot(torch.tensor(at, device=h.device), weights.shape[-1]).to(weights.dtype)
            found = weights @ memory.states
        return self.output(torch.tanh(self.combine(torch.cat([found, h], -1)))), weights

    def forward(self, source: Tensor, given: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits (B, T, V) of what follows each of the target words `given` (B, T), and the weights (B, T, S)."""
        memory = self.encode(source)
        h, _ = self.decoder(self.target_embedding(given), memory.last[None])
        return self.read(h, memory)

    def begin(self, memory: Memory) -> Tensor:
        """The state before the first word, (B, W)."""
        return memory.last

    def follow(
        self, memory: Memory, state: Tensor, token: Tensor, *, look: int | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Log probabilities (B, V) of what follows `token` (B,), the new state, and the weights (B, S)."""
        state = torch.gru_cell(self.target_embedding(token), state, *self.decoder.parameters())
        logits, weights = self.read(state[:, None], memory, None if look is None else {0: look})
        return logits[:, 0].log_softmax(-1), state, None if weights is None else weights[:, 0]


class Heads(nn.Module):
    """Multi-head attention of x (B, T, W) to y (B, S, W).  Vaswani et al., 2017."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor, y: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """What is found, (B, T, W), and the weights (B, H, T, S); `hidden` spreads to (B, H, T, S)."""
        q, k, v = (
            layer(z).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, z in ((self.query, x), (self.key, y), (self.value, y))
        )
        weights = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(hidden, -math.inf).softmax(-1)
        return self.output((weights @ v).transpose(1, 2).flatten(2)), weights


class Block(nn.Module):
    """Attention within, attention to the source where there is one, and two layers for each word; norms come first."""

    def __init__(self, width: int, heads: int, *, across: bool) -> None:
        super().__init__()
        self.own, self.own_norm = Heads(width, heads), nn.LayerNorm(width)
        if across:
            self.across, self.across_norm = Heads(width, heads), nn.LayerNorm(width)
        self.wide, self.narrow, self.norm = (
            nn.Linear(width, 4 * width),
            nn.Linear(4 * width, width),
            nn.LayerNorm(width),
        )

    def forward(
        self, x: Tensor, hidden: Tensor, memory: Memory | None = None, before: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """x (B, T, W) one block later, the weights to the source (B, H, T, S), and what later words need of these.

        `before` (B, t, W) is what was needed of the words before x.
        """
        y, weights = self.own_norm(x), None
        every = y if before is None else torch.cat([before, y], 1)
        x = x + self.own(y, every, hidden)[0]
        if memory is not None:
            found, weights = self.across(self.across_norm(x), memory.states, ~memory.there[:, None, None])
            x = x + found
        return x + self.narrow(F.relu(self.wide(self.norm(x)))), weights, every


class Transformer(nn.Module):
    """Encoder and decoder of blocks, with sinusoids for places; its weights are the mean of the last layer's heads."""

    def __init__(self, config: Config, words: Vocabulary) -> None:
        super().__init__()
        self.words, self.width = words, config.model_width
        sources, targets = words.sizes
        self.source_embedding, self.target_embedding = (nn.Embedding(n, self.width) for n in (sources, targets))
        self.encoder = nn.ModuleList(Block(self.width, config.heads, across=False) for _ in range(config.layers))
        self.decoder = nn.ModuleList(Block(self.width, config.heads, across=True) for _ in range(config.layers))
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(self.width), nn.LayerNorm(self.width)
        self.output = nn.Linear(self.width, targets)

    def initialise(self, generator: torch.Generator) -> None:
        """Xavier's uniform for matrices, zero for biases, and embeddings of length 1."""
        for name, parameter in self.named_parameters():
            with torch.no_grad():
                if "embedding" in name:
                    parameter.normal_(std=self.width**-0.5, generator=generator)
                elif parameter.ndim > 1:
                    nn.init.xavier_uniform_(parameter, generator=generator)
                else:
                    parameter.fill_(1.0 if "norm.weight" in name else 0.0)

    def _placed(self, embedding: nn.Embedding, tokens: Tensor, first: int = 0) -> Tensor:
        half = self.width // 2
        speed = 10_000 ** (-torch.arange(half, device=tokens.device) / half)
        angle = torch.arange(first, first + tokens.shape[1], device=tokens.device)[:, None] * speed  # (T, W / 2)
        placed: Tensor = math.sqrt(self.width) * embedding(tokens) + torch.cat([angle.sin(), angle.cos()], -1)
        return placed

    def encode(self, source: Tensor) -> Memory:
        """Read `source` (B, S)."""
        there = source != PAD
        x = self._placed(self.source_embedding, source)
        for block in self.encoder:
            x, *_ = block(x, ~there[:, None, None])
        x = self.encoder_norm(x)
        return Memory(x, there, x[:, 0])

    def forward(self, source: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """As of `Recurrent`."""
        memory = self.encode(source)
        x = self._placed(self.target_embedding, given)
        later = torch.ones(given.shape[1], given.shape[1], dtype=torch.bool, device=given.device).triu(1)
        for block in self.decoder:
            x, weights, _ = block(x, later, memory)
        return self.output(self.decoder_norm(x)), weights.mean(1)

    def begin(self, memory: Memory) -> Tensor:
        """What each block needs of the words so far: nothing, (B, layers, 0, W)."""
        return memory.states.new_zeros(len(memory.there), len(self.decoder), 0, self.width)

    def follow(
        self, memory: Memory, state: Tensor, token: Tensor, *, look: int | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As of `Recurrent`; the state is what blocks need of t words, (B, layers, t, W).  `look` changes nothing."""
        x = self._placed(self.target_embedding, token[:, None], state.shape[2])
        free = torch.zeros(1, dtype=torch.bool, device=token.device)
        kept = []
        for n, block in enumerate(self.decoder):
            x, weights, every = block(x, free, memory, state[:, n])
            kept.append(every)
        return self.output(self.decoder_norm(x))[:, 0].log_softmax(-1), torch.stack(kept, 1), weights.mean(1)[:, 0]


Translator = Recurrent | Transformer


def build(kind: str, config: Config, words: Vocabulary, generator: torch.Generator) -> Translator:
    """A translator of the kind ``attention``, ``none`` or ``transformer``, with random weights."""
    if kind == "transformer":
        model: Translator = Transformer(config, words)
    else:
        model = Recurrent(config, words, attention=config.attention if kind == "attention" else "")
    model.initialise(generator)
    return model


@torch.no_grad()
def align(model: Translator, source: list[str], target: list[str]) -> Tensor:
    """How much `model` looks at each word of `source` (S) when it has to write each word of `target` (T), (T, S).

    The words before are given as they stand in `target`.  Raises `ValueError` for a model without attention, and for
    words that it does not have.
    """
    device = model.output.weight.device
    tokens = model.words.write([target])
    given = torch.cat([torch.tensor([[START]]), tokens[:, :-1]], 1).to(device)
    _, weights = model(model.words.read([source]).to(device), given)
    if weights is None:
        raise ValueError("This translator has no attention: it looks nowhere.")
    found: Tensor = weights[0, : len(target)]
    return found.flip(-1) if model.words.turned else found


@torch.no_grad()
def greedy(model: Translator, source: Tensor, *, length: int) -> list[list[int]]:
    """The likeliest next word, again and again, for each row of `source` (B, S): tokens up to the end, B lists."""
    memory = model.encode(source)
    state, token = model.begin(memory), torch.full((len(source),), START, device=source.device)
    written = []
    done = torch.zeros(len(source), dtype=torch.bool, device=source.device)
    for _ in range(length):
        log_probs, state, _ = model.follow(memory, state, token)
        token = log_probs.argmax(-1)
        written.append(token)
        done |= token == END
        if bool(done.all()):  # waits for the GPU
            break
    rows: list[list[int]] = torch.stack(written, 1).tolist()
    return [row[: row.index(END) + 1] if END in row else row for row in rows]
