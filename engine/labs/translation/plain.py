"""Where does the translator look?  An encoder and a decoder learn an invented language, with attention and without.

Run it: it trains and draws.  The constants are the knobs of the lab.
Does not know: pair, grammar, vocabulary, agreement, models, attention, encoder, source_order, heads, layers, size,
teacher_forcing, judge_beam.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SEED = 0
CLAUSES = 1
WIDTH = 64
LEARNING_RATE = 0.005
BATCH_SIZE = 32
LABEL_SMOOTHING = 0.0

LEXICON = """cat:miro dog:wufa bird:tilo horse:kala fish:pero mouse:suna child:bimo king:rega teacher:dako baker:pana
sailor:navo farmer:tera house:domo garden:hola river:fluo bridge:ponta tree:arvo boat:lunda table:mezo door:pira
book:libo lamp:luma apple:pomo stone:peta; red:ruk blue:blen green:vend old:senu new:nov small:pil big:gran happy:feli
tired:laz quiet:tasi wild:salv lost:perd; sees:videt finds:trovet loves:amet follows:sekvet paints:pintet hides:kaset
carries:portet watches:gardet needs:bezet wants:volet hears:audet touches:tuket; near:apu behind:dor under:sub
beside:flan with:kon"""
NOUNS, ADJECTIVES, VERBS, PREPOSITIONS = (kind.split() for kind in LEXICON.split(";"))
ARTICLES = {"the": ("lo", "la"), "a": ("nu", "na")}
words = [word.split(":") for word in (*NOUNS, *ADJECTIVES, *VERBS, *PREPOSITIONS, "and:ke")]
SOURCE = ["<pad>", *ARTICLES, *(s for s, _ in words)]
TARGET = ["<pad>", "<start>", "<end>", *sum(ARTICLES.values(), ()), *(t for _, t in words)]


def generator(seed: int, stream: str) -> torch.Generator:
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def pair(dice: Iterator[float]) -> tuple[list[str], list[str], list[int]]:
    """A sentence, its translation, and the place in the source that each word of it came from."""
    choose: Callable[..., Any] = lambda entries: entries[int(next(dice) * len(entries))].split(":")  # noqa: E731

    def phrase() -> list[Any]:
        article = "the" if next(dice) < 0.5 else "a"
        adjective = [choose(ADJECTIVES)] if next(dice) < 0.4 else []
        noun = int(next(dice) * len(NOUNS))
        return [(article, ARTICLES[article][noun % 2]), *adjective, NOUNS[noun].split(":")]

    source, target, last = list[str](), list[tuple[str, int]](), list[tuple[str, int]]()

    def say(phrase: list[Any]) -> list[tuple[str, int]]:
        source.extend(s for s, _ in phrase)
        placed = [(t, len(source) - len(phrase) + i) for i, (_, t) in enumerate(phrase)]
        return placed[:1] + placed[:0:-1]  # the adjective after its noun

    for clause in range(1 + int(next(dice) * CLAUSES)):
        subject, near_it = phrase(), (choose(PREPOSITIONS), phrase()) if next(dice) < 0.25 else None
        verb, thing = choose(VERBS), phrase()
        near_that = (choose(PREPOSITIONS), phrase()) if next(dice) < 0.4 else None
        target += say([("and", "ke")]) if clause else []
        for said, further in ((subject, near_it), (thing, near_that)):
            target += say(said)
            if further:
                before = say([further[0]])
                target += say(further[1]) + before
            last = say([verb]) if said is subject else last
        target += last
    return source, [t for t, _ in target], [place for _, place in target]


def tensors(pairs: list[tuple[list[str], list[str], list[int]]]) -> list[Tensor]:
    """Source (B, S), target with its end (B, T), and what is given when it is to be written (B, T)."""
    source = [torch.tensor([*map(SOURCE.index, s)]) for s, _, _ in pairs]
    target = [torch.tensor([*map(TARGET.index, t), 2]) for _, t, _ in pairs]
    given = [torch.cat([torch.tensor([1]), t[:-1]]) for t in target]
    return [nn.utils.rnn.pad_sequence(rows, batch_first=True) for rows in (source, target, given)]


class Translator(nn.Module):
    """GRU encoder in two directions, GRU decoder; the decoder begins where the encoder ended."""

    def __init__(self, attention: bool) -> None:
        super().__init__()
        self.source_embedding = nn.Embedding(len(SOURCE), WIDTH)
        self.target_embedding = nn.Embedding(len(TARGET), WIDTH)
        self.encoder = nn.GRU(WIDTH, WIDTH // 2, batch_first=True, bidirectional=True)
        self.decoder = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.query = nn.Linear(WIDTH, WIDTH, bias=False) if attention else None
        self.combine = nn.Linear(2 * WIDTH, WIDTH) if attention else None
        self.output = nn.Linear(WIDTH, len(TARGET))
        dice = generator(SEED, "weights")
        for name, parameter in self.named_parameters():
            if "embedding" in name:
                nn.init.normal_(parameter, generator=dice)
            else:
                nn.init.uniform_(parameter, -(WIDTH**-0.5), WIDTH**-0.5, generator=dice)

    def forward(self, source: Tensor, given: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits (B, T, V), and how much each target word looks at each source word, (B, T, S)."""
        there, read = source != 0, self.source_embedding(source)
        packed = nn.utils.rnn.pack_padded_sequence(read, there.sum(1), batch_first=True, enforce_sorted=False)
        states, last = self.encoder(packed)
        states, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True, total_length=source.shape[1])
        h, _ = self.decoder(self.target_embedding(given), last.transpose(0, 1).flatten(1)[None])
        if self.query is None or self.combine is None:
            return self.output(h), None
        weights = (self.query(h) @ states.mT).masked_fill(~there[:, None], -torch.inf).softmax(-1)  # (B, T, S)
        return self.output(torch.tanh(self.combine(torch.cat([weights @ states, h], -1)))), weights


models = {"attention": Translator(True), "none": Translator(False)}


def train(steps: int) -> Iterator[dict[str, float]]:
    """New sentences in each step, the same for both; those held out are never among them."""
    dice = generator(SEED, "held out")
    held_out = {tuple(pair(iter(torch.rand(72, generator=dice).tolist()))[0]) for _ in range(96)}
    optimisers = {kind: torch.optim.Adam(model.parameters(), fused=True) for kind, model in models.items()}
    for step in range(steps):
        dice, pairs = generator(SEED, f"batch/{step}"), list[Any]()
        while len(pairs) < BATCH_SIZE:
            new = pair(iter(torch.rand(72, generator=dice).tolist()))
            pairs += [new] if tuple(new[0]) not in held_out else []
        source, target, given = tensors(pairs)
        losses = {}
        for kind, model in models.items():
            loss = F.cross_entropy(model(source, given)[0].flatten(0, 1), target.flatten(), ignore_index=0,
                                   label_smoothing=LABEL_SMOOTHING)  # fmt: skip
            optimisers[kind].zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimisers[kind].param_groups[0]["lr"] = LEARNING_RATE * 0.5 ** (step // 300)
            optimisers[kind].step()
            losses[f"loss_{kind}"] = loss.item()
        yield losses


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    print([*train(300)][-1])
    s, t, places = pair(iter(torch.rand(72, generator=generator(SEED, "drawn")).tolist()))
    source, _, given = tensors([(s, t, places)])
    plt.imshow(models["attention"](source, given)[1][0, : len(t)].detach(), cmap="Blues")
    plt.plot(places, range(len(t)), "s", markersize=24, fillstyle="none")
    plt.gca().set(xticks=range(len(s)), xticklabels=s, yticks=range(len(t)), yticklabels=t)
    plt.show()
