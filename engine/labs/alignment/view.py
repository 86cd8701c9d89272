"""What is drawn: every sentence of the language on a map, the frontier beside it, and what is written now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import LEFT, RIGHT, Figure, Formula, Table, Text
from engine.contract.view import Answer, Turn, View
from engine.labs.alignment import arithmetic, words
from engine.labs.alignment.config import ASKED
from engine.labs.alignment.language import LENGTH, SENTENCES, spelled
from engine.scene.curves import curves as curves_panel
from engine.scene.panel import Panel
from engine.scene.scene import Scene

EVERY = [spelled(number) for number in range(SENTENCES)]
AGAIN = np.array([any(a == b for a, b in zip(s.split(), s.split()[1:], strict=False)) for s in EVERY])
SOME = np.random.default_rng(0).permutation(SENTENCES)[:600]  # in the scatter, or a picture would weigh too much
SPREAD = 2.5  # reward from the reference's at which colours are strongest
REACH = 12.0  # nats up and down on the map; what is beyond is drawn at the edge
DECADE = np.log(10)  # nats
BADGE = 0.4  # from the middle of a card, which is 1 wide, to the dot on it
SIZES = ((0.0, 2.5), (1 / 200, 5.0), (1 / 20, 9.0))  # how often it is written, at least, and the radius
TRUE, BELIEVED = "positive", "gradient"
REWARDS = {"true": ("true", TRUE), "believed": ("believed", BELIEVED), "value": ("believed less β KL", "neutral")}
WHOSE = {"believed": "believed by the judge", "true": "true: what people think"}
POINTS = 240  # of the run's way that travel
ROWS, COLUMNS = 8, 2  # of what is written now


def stage(view: View) -> Scene:
    """What is written now and the map; the frontier, and the judge, or how likely DPO makes its pairs."""
    scene = Scene(height=1_400 if view.config.yours else 1_000)
    _written(scene, view)
    _map(scene, view)
    if view.config.yours:
        scene.row(0.9)
        _ask(scene, view)
    scene.row(0.9)
    _frontier(scene, view)
    if view.config.yours:
        return scene
    if view.config.method == "dpo":
        _pairs(scene, view)
    elif words.judged(view.config):
        _judge(scene, view)
    return scene


def curves(view: View) -> Scene:
    """Rewards, distances, and how much the policy still varies."""
    scene = Scene(height=640)
    common: dict[str, Any] = {"history": view.curves, "marker": view.marker}
    curves_panel(
        scene, "reward", title="Reward gained over the reference", y_title="reward", bands=_band(view, "believed"),
        series={name: told for name, told in REWARDS.items() if name != "true" or not view.config.yours},
        **common,
    )  # fmt: skip
    curves_panel(
        scene, "distance", title="Distance from the reference and from the optimum", y_title="KL in nats", log_y=True,
        series={"kl": ("from the reference", "class_3"), "to_optimum": ("from the optimum", "class_2")},
        floor=1e-4, bands=_band(view, "to_optimum"), **common,
    )  # fmt: skip
    scene.row()
    curves_panel(
        scene, "variety", title="Entropy: how many different sentences are left", y_title="nats",
        series={"entropy": ("entropy", "class_3")}, bands=_band(view, "entropy"), **common,
    )  # fmt: skip
    curves_panel(
        scene, "loss", title="Loss of the batch", y_title="loss", series={"loss": ("batch", "train")}, **common
    )
    return scene


def inside(view: View) -> list[Figure]:
    """The loss written out for one pair or one sentence, and the likeliest sentences in numbers."""
    frame = view.frame
    order = np.argsort(frame.log_probs)[::-1][:8]
    rows = [[EVERY[i], *(f"{np.exp(p[i]):.2%}" for p in (frame.log_probs, frame.ref, frame.best)),
             "?" if view.config.yours else f"{frame.truth[i]:+.2f}", f"{frame.believed[i]:+.2f}"]
            for i in order.tolist()]  # fmt: skip
    title, table, formula, note = arithmetic.written_out(view)
    return [
        Table(table[0], table[1:], title=title, column=LEFT), Formula(formula, column=LEFT),
        Text(note, "note", column=LEFT),
        Table(["Sentence", "Policy", "Reference", "Optimum", "True", "Believed"], rows,
              title="The eight likeliest sentences", column=RIGHT),
    ]  # fmt: skip


def answer(view: View, pick: Mapping[str, Any]) -> Answer:
    """A click on one of two sentences is one more choice."""
    chosen = view.config.choices
    if pick["panel"] == "ask" and pick["kind"] == "plane" and len(chosen) < ASKED:
        return Turn({"choices": chosen + ("L" if pick["x"] < 0 else "R")})
    return None


def say(view: View) -> str:
    """One sentence: what to look at now."""
    return words.say(view)


def facts(view: View) -> dict[str, float | str]:
    """The numbers that lessons name."""
    return words.facts(view)


def _band(view: View, metric: str) -> dict[str, tuple[str, str]]:
    return {metric: (f"{metric}_low", f"{metric}_high")} if metric in view.curves else {}


def _map(scene: Scene, view: View) -> None:
    """Reward against how much likelier a sentence has become: the optimum is a line of slope 1 / beta."""
    frame, config = view.frame, view.config
    reward = frame.believed.astype(float)
    low, high = min(-1.0, float(reward.min())), max(1.0, float(reward.max()))
    edge = 0.06 * max(0.5, high - low)
    whose = "" if not words.judged(config) else ", as the judge sees it"
    panel = scene.panel(
        "map", title=words.map_title(view), x=(low - edge, high + 3 * edge), equal=False,
        y=(-REACH / DECADE, REACH / DECADE), y_log=True, x_label=f"reward of a sentence{whose}",
        y_label="times as often as before", weight=1.15, aspect=0.8,
        note=f"A dot is a sentence; colour: {'the judge' if config.yours else 'what people think'}; large: common.",
    )  # fmt: skip
    x = np.array([low - edge, high + 3 * edge])
    panel.path(np.column_stack([x, x * 0]), colour="grid", width=2, head=False)
    ends = np.clip(np.array([-REACH, REACH]) * config.beta + config.beta * frame.log_z, x[0], x[1])
    panel.path(np.column_stack([ends, (ends / config.beta - frame.log_z) / DECADE]), colour="mark", width=3,
               head=False, name=words.line_called(config.beta))  # fmt: skip
    ratio = np.clip(np.nan_to_num(frame.log_probs - frame.ref, neginf=-REACH), -0.98 * REACH, 0.98 * REACH) / DECADE
    share = np.exp(frame.log_probs)
    colours = frame.believed if config.yours else frame.truth
    for place, (least, size) in enumerate(SIZES):
        below = SIZES[place + 1][0] if place + 1 < len(SIZES) else 2.0
        chosen = (share >= least) & (share < below)
        panel.points(
            np.column_stack([reward, ratio])[chosen], values=np.clip(colours[chosen], -SPREAD, SPREAD), low=-SPREAD,
            high=SPREAD, palette="diverging", size=size,
            labels=[f"{EVERY[i]}, {share[i]:.2%}" if place else EVERY[i] for i in chosen.nonzero()[0].tolist()],
        )  # fmt: skip
    _likeliest(panel, reward, ratio, share)
    panel.rail("beta", config.beta, low=0.02, high=5.0, log=True, label="Price of change β",
               marks=[(0.05, "cheap"), (0.5, "0.5"), (5.0, "costly")])  # fmt: skip


def _likeliest(panel: Panel, reward: Any, ratio: Any, share: Any) -> None:
    """Write beside the likeliest sentences what they are, where they do not stand on each other."""
    written: list[tuple[float, float]] = []
    width = float(np.ptp(reward))
    for i in np.argsort(share)[::-1][:8].tolist():
        x, y = float(reward[i]), float(ratio[i])
        if (
            share[i] >= 0.02
            and len(written) < 3
            and all(abs(y - b) > 0.7 or abs(x - a) > 0.6 * width for a, b in written)
        ):
            written.append((x, y))
            said = f"“{EVERY[i]}”: {words.share(float(share[i]))} of all"
            panel.text(x, y, said, mark=False, before=x > reward.min() + width / 2)


def _frontier(scene: Scene, view: View) -> None:
    """Reward against distance: the exact optima from the dearest price to the cheapest, and the way of the run."""
    frame, config = view.frame, view.config
    exact, now = frame.frontier, frame.scores
    kinds = [("believed", 1, BELIEVED)] if words.judged(config) else []
    kinds += [] if config.yours else [("true", 2, TRUE)]
    ways = {name: _way(view, name) for name, *_ in kinds}
    most = max(float(exact[:, 0].max()), *(float(way[:, 0].max()) for way in ways.values()), 1.0)
    heights = np.concatenate([exact[:, [column for _, column, _ in kinds]].ravel(), *(w[:, 1] for w in ways.values())])
    low, high = float(heights.min()), float(heights.max())
    edge = 0.08 * max(1.0, high - low)
    panel = scene.panel(
        "frontier", title=words.frontier_title(view), x=(-0.02 * most, 1.04 * most), y=(low - edge, high + edge),
        x_label=f"distance from before (KL), now {now['kl']:.2f} nats", y_label="reward gained",
        equal=False, aspect=0.8, note="Thin: the best that is possible at each distance.",
    )  # fmt: skip
    panel.path(np.array([[0, 0], [1.04 * most, 0]]), colour="grid", width=2, head=False)
    best = float((np.exp(frame.best) * (frame.best - frame.ref)).sum())
    for name, column, colour in kinds:
        panel.path(exact[:, [0, column]], colour=colour, width=1.2, head=False, name=WHOSE[name])
        panel.path(ways[name], colour=colour, width=4, head=True)
        if np.isfinite(now[name]):
            panel.text(
                float(now["kl"]),
                float(now[name]),
                f"{name} {words.signed(float(now[name]))}",
                colour=colour,
                mark=False,
            )
        height = float((np.exp(frame.best) * (frame.believed if name == "believed" else frame.truth)).sum())
        panel.points([[best, height]], size=8, shape="ring", colours=["mark"],
                     name="best at this β" if name == kinds[0][0] else "")  # fmt: skip


def _way(view: View, metric: str) -> Any:
    """Where the run has been, (T, 2), from the reference to the moment on screen; of all policies, the mean."""
    steps, kl = (np.asarray(row, float) for row in view.curves.get("kl", ((), ())))
    values = np.asarray(view.curves.get(metric, ((), ()))[1], float)
    count = min(len(kl), len(values))
    way = np.column_stack([kl[:count], values[:count]])[steps[:count] <= view.step] if count else np.zeros((0, 2))
    if len(way) > POINTS:
        way = way[np.unique(np.geomspace(1, len(way), POINTS).round().astype(int)) - 1]
    now = view.frame.scores
    here = [[now["kl"], now[metric]]] if view.step and view.config.seeds == 1 else []
    way = np.array([[0.0, 0.0], *way.tolist(), *here])
    return way[np.isfinite(way).all(1)]


def _written(scene: Scene, view: View) -> None:
    """Sixteen cards coloured by the true reward; where another opinion is believed, a dot on each has its colour."""
    frame, config = view.frame, view.config
    other = frame.implied if config.method == "dpo" and not config.yours else frame.believed
    cards = (frame.believed if config.yours else frame.truth)[frame.written]
    panel = scene.panel(
        "written", title=words.written_title(view, int(AGAIN[frame.written].sum())),
        x=(-0.5, COLUMNS - 0.5), y=(ROWS - 0.5, -0.5), equal=False, x_label=words.colours(view),
        x_names=[""] * COLUMNS, y_names=[""] * ROWS, aspect=0.7, note=words.judge_note(view),
    )  # fmt: skip
    panel.heatmap(np.clip(cards.reshape(ROWS, COLUMNS), -SPREAD, SPREAD), extent=(0, COLUMNS - 1, 0, ROWS - 1),
                  low=-SPREAD, high=SPREAD, palette="diverging", discrete=True,
                  name="reward: orange bad, blue good")  # fmt: skip
    lines = [[[-0.5, y], [COLUMNS - 0.5, y]] for y in np.arange(0.5, ROWS - 1)]
    lines += [[[x, -0.5], [x, ROWS - 0.5]] for x in np.arange(0.5, COLUMNS - 1)]
    panel.lines(np.array(lines), colour="grid", width=6)
    places = np.column_stack([np.arange(ROWS * COLUMNS) % COLUMNS, np.arange(ROWS * COLUMNS) // COLUMNS])
    one = words.one_colour(view)
    if not one:
        panel.points(places + np.array([BADGE, 0.0]), colours=["mark"], size=7)
        panel.points(
            places + np.array([BADGE, 0.0]), values=np.clip(other[frame.written], -SPREAD, SPREAD), low=-SPREAD,
            high=SPREAD, palette="diverging", size=5.5,
            labels=[f"{EVERY[i]}: card {words.signed(frame.truth[i])}, dot {words.signed(other[i])}"
                    for i in frame.written.tolist()],
        )  # fmt: skip
    for (x, y), number in zip(places.tolist(), frame.written.tolist(), strict=True):
        panel.text(x if one else x - 0.06, y, EVERY[number], centred=True)
    if config.yours and len(config.choices) < ASKED:  # also here: a phone shows this panel first, and folds the others
        pair = [(EVERY[number], {"choices": config.choices + side})
                for number, side in zip(frame.asked, "LR", strict=True)]  # fmt: skip
        panel.buttons(pair, label="Which do you like better?")


def _judge(scene: Scene, view: View) -> None:
    """What is believed against what is true, sentence by sentence."""
    frame = view.frame
    low, high = (float(f(np.concatenate([frame.truth, frame.believed]))) for f in (np.min, np.max))
    panel = scene.panel(
        "judge", title=words.judge_title(view), x=(low - 0.5, high + 0.5), y=(low - 0.5, high + 0.5),
        x_label="true reward", y_label="believed reward", equal=False, aspect=0.8,
        note="600 of the sentences; orange: with a word twice in a row.",
    )  # fmt: skip
    panel.path([[low, low], [high, high]], colour="mark", width=1.5, head=False, name="a judge that is right")
    panel.points(
        np.column_stack([frame.truth, frame.believed])[SOME], AGAIN[SOME].astype(int), colours=["positive", "negative"],
        names=["no word twice in a row", "a word twice in a row"], size=3, faint=True,
    )  # fmt: skip
    top = int(frame.log_probs.argmax())
    panel.text(float(frame.truth[top]), float(frame.believed[top]), EVERY[top], before=frame.truth[top] > 0)


def _pairs(scene: Scene, view: View) -> None:
    """How likely the policy makes the winners of its comparisons, and the losers."""
    curves_panel(
        scene, "pairs", title=words.pairs_title(view), y_title="mean ln π", history=view.curves,
        series={"winners": ("winners", "positive"), "losers": ("losers", "negative")}, marker=view.marker,
        note=words.pairs_note(view),
    )  # fmt: skip


def _ask(scene: Scene, view: View) -> None:
    """Two sentences, of which the visitor clicks one."""
    chosen = view.config.choices
    left, right = (EVERY[number] for number in view.frame.asked)
    full = len(chosen) >= ASKED
    panel = scene.panel(
        "ask", title="Thank you: those were all pairs" if full else f"Which do you like better? {len(chosen)} chosen",
        x=(-1, 1), y=(-1, 1), equal=False, x_label="click one; the judge learns from every click", x_names=[""],
        y_names=[""], pick="plane", aspect=0.6,
    )  # fmt: skip
    panel.heatmap(
        np.full((2, 2), 0.15), extent=(-0.5, 0.5, -0.5, 0.5), low=0, high=1, palette="sequential", discrete=True
    )
    panel.lines(np.array([[[0, -1], [0, 1]]]), colour="grid", width=8)
    for x, sentence in ((-0.5, left), (0.5, right)):
        first, second = " ".join(sentence.split()[: LENGTH // 2]), " ".join(sentence.split()[LENGTH // 2 :])
        for y, part in ((0.07, first), (-0.07, second)):
            panel.letters([x], y, [part])
    buttons: list[Any] = [] if full else [("Left", {"choices": chosen + "L"}), ("Right", {"choices": chosen + "R"})]
    panel.buttons(
        [*buttons, *([("Take back", {"choices": chosen[:-1]})] if chosen else [])], label="Which do you like?"
    )
