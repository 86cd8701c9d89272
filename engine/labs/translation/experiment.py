"""The experiment: one step, what may change while it trains, and its whole state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.contract.device import generator
from engine.contract.states import copied
from engine.labs.translation import sequence_pairs
from engine.labs.translation.config import HELD_OUT, Config
from engine.labs.translation.decoding import many
from engine.labs.translation.frame import Frame, frame
from engine.labs.translation.networks import Translator, align, build, greedy
from engine.labs.translation.scores import bleu
from engine.labs.translation.vocabulary import END, PAD, SPECIAL, START, Vocabulary
from engine.labs.translation.word_lists import ARTICLES
from engine.nets import beam

__all__ = ["Config", "Experiment", "Frame", "align", "beam", "bleu", "sequence_pairs"]

EVERY = 10  # steps from one look at the sentences held out to the next
HALVED = 300  # steps after which the learning rate is half of what it was
CLIP = 1.0  # what the gradient's length is cut to
AGAIN = 20  # draws before a sentence that is held out is trained on after all
DRAWN = 200  # sentences by which it is judged whether there are enough
BEAM = 4  # width of the beam that is judged
PARTS = ("short", "middle", "long")  # thirds of the sentences held out


class Experiment:
    """One step is one batch of new pairs, from which each translator learns by itself.

    Metrics, for each kind of translator: ``loss_*``, the cross-entropy of a word in nats on the batch, before it is
    learned from; and at every tenth step, on sentences held out that it translates greedily, ``bleu_*``, ``exact_*``
    (share that is right to the last word), and BLEU of their shortest, middle and longest third, ``bleu_short_*`` and
    so on.  Given the right words before, ``aligned_*`` is the share of words for which it looks most at the true place;
    articles are counted apart, as ``articles_*``; for ``nouns_*`` of them it looks most at the noun, for ``near_*`` at
    the true place or next to it, and ``agree_*`` of them it would write right.  In between these stay as they were.
    """

    done = False

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config, self.device, self.step_count = config, torch.device(device), 0
        source, target = sequence_pairs.vocabularies(config.pair, vocabulary=config.vocabulary, grammar=config.grammar)
        self.words = Vocabulary(tuple(source), tuple(target), config.source_order == "reversed")
        self.held_out = self._held_out()
        self.reserved = {tuple(source) for source, _, _ in self.held_out}
        self.known = self._few()
        self.held_source = self.words.read([source for source, _, _ in self.held_out]).to(self.device)
        self.held_target = self.words.write([target for _, target, _ in self.held_out]).to(self.device)
        self.held_places = self._places().to(self.device)
        self.articles = self._are_articles()
        self.models = nn.ModuleDict(
            {kind: build(kind, config, self.words, generator(config.seed, "weights")) for kind in config.kinds}
        ).to(self.device)
        self.optimisers = {kind: self._optimiser(model) for kind, model in self.models.items()}
        self.found = self._judged()

    def _optimiser(self, model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(model.parameters(), lr=self.rate, fused=self.device.type in ("cpu", "cuda"))

    @property
    def model(self) -> Translator:
        """The translator that is looked at first."""
        return self.models[self.config.kinds[0]]  # type: ignore[return-value]

    @property
    def rate(self) -> float:
        """Adam's, now."""
        return float(self.config.learning_rate * 0.5 ** (self.step_count // HALVED))

    def _pair(self, dice: torch.Generator) -> sequence_pairs.Pair:
        config = self.config
        return sequence_pairs.pair(
            config.pair, dice, config.clauses, vocabulary=config.vocabulary, agreement=config.agreement,
            grammar=config.grammar,
        )  # fmt: skip

    def _held_out(self) -> list[sequence_pairs.Pair]:
        """Sentences that are not trained on, from the shortest to the longest."""
        dice = generator(self.config.seed, "held out")
        return sorted((self._pair(dice) for _ in range(HELD_OUT)), key=lambda pair: (len(pair[1]), len(pair[0])))

    def _few(self) -> bool:
        """Whether more than one in a thousand of the sentences trained on would be a held out one after all."""
        dice = generator(self.config.seed, "few")
        among = sum(tuple(self._pair(dice)[0]) in self.reserved for _ in range(DRAWN)) / DRAWN
        return among**AGAIN > 1e-3

    def _places(self) -> Tensor:
        """Where each word of the sentences held out came from, as the model reads them, (B, T); -1 where none is."""
        places = torch.full(self.held_target.shape, -1)
        for n, (source, _, alignment) in enumerate(self.held_out):
            at = torch.tensor(alignment)
            places[n, : len(at)] = len(source) - 1 - at if self.words.turned else at
        return places

    def _are_articles(self) -> Tensor:
        """Which words of the sentences held out are articles of the invented language, (B, T) bool."""
        known = [word for both in ARTICLES.values() for word in both] if self.config.pair == "language" else []
        tokens = torch.tensor([len(SPECIAL) + self.words.target.index(word) for word in known], device=self.device)
        return torch.isin(self.held_target, tokens)

    def batch(self) -> tuple[Tensor, Tensor]:
        """New pairs for the next step: (B, S) and (B, T).  Of few different sentences some may be held out as well."""
        dice = generator(self.config.seed, f"batch/{self.step_count}")
        pairs = []
        for _ in range(self.config.batch_size):
            for _ in range(AGAIN):
                pair = self._pair(dice)
                if tuple(pair[0]) not in self.reserved:
                    break
            pairs.append(pair)
        return (self.words.read([source for source, _, _ in pairs]).to(self.device),
                self.words.write([target for _, target, _ in pairs]).to(self.device))  # fmt: skip

    def step(self) -> dict[str, float]:
        source, target = self.batch()
        given = _shifted(target)
        losses = {}
        for kind, model in self.models.items():
            logits, _ = model(source, self._mixed(model, source, given))  # (B, T, V)
            loss = F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=PAD,
                                   label_smoothing=self.config.label_smoothing)  # fmt: skip
            self.optimisers[kind].zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            for group in self.optimisers[kind].param_groups:
                group["lr"] = self.rate
            self.optimisers[kind].step()
            losses[f"loss_{kind}"] = loss.detach()
        self.step_count += 1
        if self.step_count % EVERY == 0:
            self.found = self._judged()
        return {name: float(loss) for name, loss in losses.items()} | self.found

    def _mixed(self, model: nn.Module, source: Tensor, given: Tensor) -> Tensor:
        """The words before: some of them the model's own guesses, made with the right ones before them."""
        if self.config.teacher_forcing == 1:
            return given
        with torch.no_grad():
            guessed = model(source, given)[0].argmax(-1)
        own = torch.cat([given[:, :1], guessed[:, :-1]], 1)
        dice = torch.rand(given.shape, generator=generator(self.config.seed, f"forcing/{self.step_count}"))
        return torch.where(dice.to(self.device) < self.config.teacher_forcing, given, own)

    @torch.no_grad()
    def _judged(self) -> dict[str, float]:
        """How well sentences that are held out are translated, greedily."""
        references = [target for _, target, _ in self.held_out]
        found: dict[str, float] = {}
        for kind, model in self.models.items():
            written = greedy(model, self.held_source, length=self.config.longest)  # type: ignore[arg-type]
            hypotheses = [self.words.words(tokens) for tokens in written]
            found[f"bleu_{kind}"] = bleu(hypotheses, references)[0]
            found[f"exact_{kind}"] = sum(map(list.__eq__, hypotheses, references)) / HELD_OUT
            third = HELD_OUT // len(PARTS)
            for n, part in enumerate(PARTS):
                these = slice(n * third, (n + 1) * third)
                found[f"bleu_{part}_{kind}"] = bleu(hypotheses[these], references[these])[0]
            logits, weights = model(self.held_source, _shifted(self.held_target))
            if bool(self.articles.any()):
                agree = logits.argmax(-1) == self.held_target
                found[f"agree_{kind}"] = float(agree[self.articles].float().mean())
            if weights is not None:
                found |= self._looks(kind, weights.argmax(-1))
        return found | (self._beamed() if self.config.judge_beam else {})

    def _beamed(self) -> dict[str, float]:
        """Every third sentence held out, by the first translator: greedily, by a beam, and with its penalty at 1."""
        these = slice(None, None, 3)
        source, references = self.held_source[these], [target for _, target, _ in self.held_out[these]]
        longest, found = self.config.longest, dict[str, float]()
        beams = many(self.model, source, width=BEAM, length=longest)
        ways = {
            "greedy": [each[0] for each in many(self.model, source, width=1, length=longest)],
            "beam": [each[0] for each in beams],
            "penalty": [max(each, key=lambda one: beam.score(one[1], len(one[0]), 1.0)) for each in beams],
        }
        for way, best in ways.items():
            said = [self.words.words(tokens) for tokens, _ in best]
            found |= {f"bleu_{way}": bleu(said, references)[0], f"words_{way}": sum(map(len, said)) / len(said),
                      f"log_prob_{way}": sum(value for _, value in best) / len(best)}  # fmt: skip
        return found | {"words_right": sum(map(len, references)) / len(references)}

    def _looks(self, kind: str, most: Tensor) -> dict[str, float]:
        """How often the places (B, T) that are looked at `most` are the true ones; and what articles look at."""
        there = most == self.held_places
        found = {f"aligned_{kind}": float(there[(self.held_places >= 0) & ~self.articles].float().mean())}
        if bool(self.articles.any()):
            nouns = most[:, :-1] == self.held_places[:, 1:]  # the noun follows its article
            near = (most - self.held_places).abs() <= 1
            found |= {f"articles_{kind}": float(there[self.articles].float().mean()),
                      f"nouns_{kind}": float(nouns[self.articles[:, :-1]].float().mean()),
                      f"near_{kind}": float(near[self.articles].float().mean())}  # fmt: skip
        return found

    def update(self, config: Config) -> None:
        """Take new values of live knobs.  Raises `ConfigError` if another knob differs."""
        self.config.require_live(config)
        self.config = config

    def state_dict(self) -> dict[str, Any]:
        """Weights and averages of all translators, the last look, and the step, from which the batches follow."""
        return {
            "step_count": self.step_count, "found": dict(self.found),
            "models": {name: tensor.clone() for name, tensor in self.models.state_dict().items()},
            "optimisers": {kind: copied(each.state_dict()["state"]) for kind, each in self.optimisers.items()},
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state` was taken, with the live knobs of this config."""
        self.step_count, self.found = state["step_count"], dict(state["found"])
        self.models.load_state_dict(state["models"])
        for kind, optimiser in self.optimisers.items():
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": copied(state["optimisers"][kind]), "param_groups": groups})

    def frame(self) -> Frame:
        """What there is to see now.  Changes nothing."""
        return frame(self.models, self.words, self.config, held_out=self.held_out, scores=self.found,
                     known=self.known, step=self.step_count)  # fmt: skip


def _shifted(target: Tensor) -> Tensor:
    """What is given when `target` (B, T) is to be written: the start, and all but the last word."""
    return torch.cat([torch.full_like(target[:, :1], START), target[:, :-1].where(target[:, :-1] != END, PAD)], 1)
