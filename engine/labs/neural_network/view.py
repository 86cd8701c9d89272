"""What is drawn of a small network: what every neuron sees of the plane, the output, and one point forward and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.contract.figure import LEFT, RIGHT, Figure, Picture, Table, Text
from engine.contract.view import Edit, Turn, View
from engine.data.square import LIMIT
from engine.figures.confusion import confusion
from engine.figures.histograms import histograms
from engine.labs.neural_network import slopes, thumbnails, words
from engine.labs.neural_network.config import ACTIVATIONS
from engine.labs.neural_network.resolution import ACTIVATION_EDGES, GRADIENT_EDGES, INPUT_EDGES
from engine.scene.column import Column
from engine.scene.curves import curves as curves_panel
from engine.scene.panel import Panel
from engine.scene.scene import Scene
from engine.scene.steppers import Steppers

PLANE = (-LIMIT, LIMIT)
SHOWN_NEURONS = 10  # rows of numbers for a layer of the followed point
SHOWN_GRADIENTS = 6  # of one of its neurons
FOOT = -2.0  # of the panel of the activation, which is as high above zero
FAINT, STRONG = -10.0, 1.0  # bounds of the panel of gradients, as decimal logarithms

facts, say = words.facts, words.say


def stage(view: View) -> Scene:
    """The network with what every neuron sees, and beside it what it makes of the plane: a row for what is in front.

    Each of the other rows may be folded: the loss, or the same from other seeds; the activation and its slope; the
    gradient of each layer, if that is asked for.  Beside another run, where panels stand below each other, what answers
    a question comes first and the network last.
    """
    many = len(view.frame.seed_maps) > 1
    gradients = view.config.gradients
    if view.beside:
        scene = Scene(height=(1400 if many else 1060) + 300 * gradients)
        if gradients:
            _gradients(scene, view)
            scene.row()
        _plane(scene, view)
        if many:
            scene.row(0.6)
            _seeds(scene, view)
        scene.row()
        _network(scene, view)
        return scene
    below = (0.66 if many else 0.5) + 0.5 + 0.5 * gradients  # heights of the other rows, of that of the first
    scene = Scene(height=round(560 * (1 + below)))
    _network(scene, view)
    _plane(scene, view)
    if many:
        scene.row(0.66)
        _seeds(scene, view)
    else:
        scene.row(0.5)
        _losses(scene, view)
    if gradients:
        scene.row(0.5)
        _gradients(scene, view)
    scene.row(0.5)
    _activation(scene, view)
    return scene


def _network(scene: Scene, view: View) -> None:
    """The network; alone on the stage with buttons for its data and its layers."""
    frame, config = view.frame, view.config
    hidden = config.knobs()["hidden"]
    steppers = Steppers("hidden", config.hidden, low=int(hidden.low or 0), high=int(hidden.high or 0),
                        most=hidden.length[1], first=hidden.default[-1])  # fmt: skip
    graph = scene.graph("network", title=words.network_title(view), columns=_columns(frame),
                        weights=[w.T for w in frame.weights], editable=True, aspect=1.12,
                        steppers=None if view.beside else steppers)  # fmt: skip
    if not view.beside:  # there both runs would have to turn
        title, offered = config.knobs()["data"].title, thumbnails.OFFERED
        graph.buttons(
            [(title(name), {"data": name}, thumbnails.thumbnail(name)) for name in offered], label="Data",
            chosen=offered.index(config.data) if config.data in offered else -1,
        )  # fmt: skip


def _plane(scene: Scene, view: View) -> None:
    frame = view.frame
    panel = scene.panel("output", title=words.output_title(view), x=PLANE, y=PLANE, x_label="x", y_label="y",
                        pick="plane", aspect=0.85)  # fmt: skip
    _output(panel, frame, discrete=view.config.discretise)
    _points(panel, frame)


def _losses(scene: Scene, view: View) -> None:
    """The loss so far, with a rule where that on the test points was lowest, once it has risen."""
    low, now = words.lowest(view), words.now
    rules = {}
    if low.risen > words.RISEN:
        rules = {f"lowest: {low.loss:.2f} at epoch {low.epoch:,}": float(low.epoch)}
    curves_panel(
        scene, "losses", history=view.curves, marker=view.marker, x_title="epoch", y_title="loss", rules=rules,
        series={"test_loss": ("test", "test"), "train_loss": ("training", "train")}, title="Loss",
        note=f"Now {now(view, 'test_loss'):.2f} on the test points, {now(view, 'train_loss'):.2f} on those it "
        "trains on.",
    )  # fmt: skip


def _gradients(scene: Scene, view: View) -> None:
    """A bar for each layer on a logarithmic scale: how large the gradient is that reaches it, once it has learned."""
    sizes = view.frame.delta_rms if view.step else np.zeros_like(view.frame.delta_rms)
    names = [f"{k + 1}" for k in range(len(sizes) - 1)] + ["output"]
    panel = scene.panel(
        "gradients", title=words.gradients_title(view), x=(-0.6, len(sizes) - 0.4), y=(FAINT, STRONG), x_names=names,
        x_label="layer", y_label="size of dL/dz", y_log=True, equal=False, weight=4, aspect=0.5,
    )  # fmt: skip
    seen = np.flatnonzero(np.isfinite(sizes) & (sizes > 10**FAINT))
    tops = np.minimum(np.log10(sizes[seen].astype(np.float64)), STRONG)
    bars = [[[k, FAINT], [k, top]] for k, top in zip(seen.tolist(), tops.tolist(), strict=True)]
    panel.lines(np.array(bars, np.float32).reshape(-1, 2, 2), colour="gradient", width=max(6.0, 160 / len(sizes)))


def _activation(scene: Scene, view: View) -> None:
    """f and f' over what reaches the activations; at the foot how that is spread now, its largest bar 0.8 high."""
    frame, chosen = view.frame, view.config.activation
    panel = scene.panel(
        "activation", title="Activation", x=(INPUT_EDGES[0], INPUT_EDGES[-1]), y=(FOOT, -FOOT), equal=False, aspect=0.7,
        x_label="z, what reaches the activation", y_label="f and f′", note=words.flat(view),
    )  # fmt: skip
    title = view.config.knobs()["activation"].title
    panel.buttons([(title(name), {"activation": name}) for name in ACTIVATIONS], label="Activation",
                  chosen=ACTIVATIONS.index(chosen))  # fmt: skip
    shares = np.repeat(np.asarray(frame.input_histogram, np.float64), 2)
    if shares.any():
        panel.band(np.repeat(INPUT_EDGES, 2)[1:-1], np.full(len(shares), FOOT), FOOT + 0.8 * shares / shares.max(),
                   colour="neutral", name="Spread of z")  # fmt: skip
    value, slope = slopes.drawn(chosen)
    panel.path(value, colour="mark", name="f(z)", width=5.0, head=False)
    panel.path(slope, colour="gradient", name="Slope f′(z)", width=2.5, head=False)


def _seeds(scene: Scene, view: View) -> None:
    frame, form = view.frame, words.error_form(view)
    scene.heat_grid(
        "seeds", title=words.seeds_title(view), images=frame.seed_maps, low=_low(frame), high=_high(frame),
        captions=[format(float(error), form) for error in frame.seed_errors], palette="diverging", discrete=False,
        chosen=min(view.config.shown, len(frame.seed_errors) - 1),
    )  # fmt: skip


def curves(view: View) -> Scene:
    """Error and loss against epochs: a run alone has its loss on the stage as well."""
    scene = Scene(height=572)
    if not view.curves:
        return scene
    many = "train_loss_low" in view.curves
    common: dict[str, Any] = {"history": view.curves, "marker": view.marker, "x_title": "epoch"}
    spread = " (the band holds 80 % of the seeds)" if many else ""
    regression = not view.frame.classes
    told = "Root mean squared error" if regression else "Share of points on the wrong side"
    curves_panel(scene, "error", series={"test_error": ("test", "test"), "train_error": ("training", "train")},
                 title=f"{told}{spread}", y_title="error" if regression else "share wrong",
                 bands={"test_error": ("test_error_low", "test_error_high")}, **common)  # fmt: skip
    scene.row()
    curves_panel(scene, "loss", series={"test_loss": ("test", "test"), "train_loss": ("training", "train")},
                 title=f"Loss on points it has and has not seen{spread}", y_title="loss",
                 bands={"test_loss": ("test_loss_low", "test_loss_high")}, **common)  # fmt: skip
    return scene


def inside(view: View) -> list[Figure]:
    """The bent plane, the numbers in each layer, and one point on its way forward and back."""
    frame = view.frame
    judged: Figure = Text(f"#### Test error (RMSE): {frame.scores['test_error']:.3f}", column=RIGHT)
    if frame.classes:
        judged = confusion(frame.confusion, [f"class {k}" for k in range(len(frame.confusion))], key="confusion",
                           title="Test points: truth and answer", column=RIGHT)  # fmt: skip
    figures: list[Figure] = [Picture("hidden", _hidden_space(frame), column=LEFT), judged]
    names = [f"layer {i + 1}" for i in range(len(frame.neuron_maps))]
    if names:
        counts = dict(zip(names, frame.activation_histograms, strict=True))
        figures.append(histograms(ACTIVATION_EDGES, counts, key="activations", title="Activations of each layer",
                                  x_title="activation a", column=LEFT))  # fmt: skip
    counts = dict(zip([*names, "output"], frame.gradient_histograms, strict=True))
    figures.append(histograms(GRADIENT_EDGES, counts, key="gradients", title="Gradients of each layer",
                              x_title="log₁₀ |dL/dW|", colour="gradient", column=RIGHT))  # fmt: skip
    return [*figures, *_followed(frame)]


def answer(view: View, pick: Mapping[str, Any]) -> Turn | Edit | None:
    """A number typed at a weight sets it; a click on the plane follows the nearest point; on a map, shows that seed."""
    if pick["kind"] == "edge" and "value" in pick:
        return Edit({name: pick[name] for name in ("layer", "source", "target", "value")})
    if pick["panel"] == "output" and pick["kind"] == "plane":
        points = np.concatenate([view.frame.train_xy, view.frame.test_xy])
        return Turn({"follow": int(np.argmin(np.hypot(points[:, 0] - pick["x"], points[:, 1] - pick["y"])))})
    if pick["panel"] == "seeds":
        return Turn({"shown": pick["index"]})
    return None


def _hidden_space(frame: Any) -> Scene:
    points = frame.hidden_points
    reach = np.abs(np.concatenate([points.reshape(-1, 2), np.ones((1, 2)) * 0.1])).max() * 1.1
    scene = Scene(height=400)
    share = frame.hidden_variance
    panel = scene.panel("hidden", title="The plane as the last hidden layer bends it", x=(-reach, reach),
                        y=(-reach, reach), x_label=f"two directions with {share:.0%} of the spread")  # fmt: skip
    panel.lines(
        frame.hidden_lines.reshape(-1, *frame.hidden_lines.shape[2:]), colour="neutral", name="Grid of the plane"
    )
    labels = np.concatenate([frame.train_labels, frame.test_labels])[: len(points)]
    if frame.classes:
        panel.points(points, labels, size=3.4, name="Points")
    else:
        panel.points(points, values=labels, size=3.4, name="Points")
    return scene


def _followed(frame: Any) -> list[Figure]:
    """Every number of one point on its way forward (z, a) and back (delta, dW)."""
    point = frame.followed
    x, y = point.xy
    figures: list[Figure] = [
        Text(f"#### One point, forward and back\nPoint {point.index} at ({x:.2f}, {y:.2f}), label {point.label:g}: "
             f"loss **{point.loss:.4f}**. Click the plane to follow another.")
    ]  # fmt: skip
    for depth, layer in enumerate(point.layers):
        last = depth == len(point.layers) - 1
        count = len(layer["z"])
        rows = []
        for i in range(min(count, SHOWN_NEURONS)):
            gradients = [signed(g) for g in layer["dW"][i][:SHOWN_GRADIENTS]]
            gradients += ["…"] if layer["dW"].shape[1] > SHOWN_GRADIENTS else []
            rows.append([f"{i + 1}", *(signed(layer[name][i]) for name in ("z", "a", "delta", "db")),
                         ",\u00a0".join(gradients)])  # fmt: skip
        left = f" · {count - SHOWN_NEURONS} more neurons" if count > SHOWN_NEURONS else ""
        figures.append(Text(f"**{'Output' if last else f'Layer {depth + 1}'}**{left}"))
        figures.append(Table(("neuron", "z = Wx + b", "a = f(z)", "δ = dL/dz", "dL/db", "dL/dW"), rows))
    return figures


def signed(number: float) -> str:
    """`number` with its sign and four digits behind the point; what rounds to zero has no sign."""
    written = f"{number:+.4f}"
    return written[1:] if float(written) == 0 else written.replace("-", "−")


def _columns(frame: Any) -> list[Column]:
    columns = [Column(list(frame.features), heat=frame.feature_maps[:, ::-1], low=-LIMIT, high=LIMIT, title="Inputs")]
    for depth, maps in enumerate(frame.neuron_maps):
        reach = np.maximum(np.abs(maps).max(axis=(1, 2)), 1e-6)  # each neuron on a scale of its own
        columns.append(Column([f"h{depth + 1}.{i + 1}" for i in range(len(maps))], heat=maps[:, ::-1], low=-reach,
                              high=reach, title=f"Layer {depth + 1}", bias=frame.biases[depth]))  # fmt: skip
    count = len(frame.biases[-1])
    heat = frame.output_map[None, ::-1] if count == 1 else None
    dots = (frame.train_xy / (2 * LIMIT) + 0.5, frame.train_labels) if heat is not None and frame.classes else None
    columns.append(Column([""] if count == 1 else [f"class {k}" for k in range(count)], heat=heat, dots=dots,
                          low=_low(frame), high=_high(frame), title="Output", bias=frame.biases[-1]))  # fmt: skip
    return columns


def _low(frame: Any) -> float:
    return 0.0 if frame.classes else -1.0


def _high(frame: Any) -> float:
    return 2.0 if frame.classes == 3 else 1.0


def _output(panel: Panel, frame: Any, *, discrete: bool) -> None:
    said = frame.output_map[::-1]
    if frame.classes == 3:
        sure = np.ones_like(said) if discrete else frame.confidence[::-1]
        panel.classes(said, sure, names=["class 0", "class 1", "class 2"], name="Class")
    elif discrete:
        middle = 0.5 if frame.classes else 0.0
        panel.heatmap(np.where(said > middle, 1.0, _low(frame)), low=_low(frame), high=1, palette="diverging",
                      name="Answer")  # fmt: skip
    else:
        name = "P(class 1)" if frame.classes else "Value"
        panel.heatmap(said, low=_low(frame), high=1, palette="diverging", levels=[0.5] if frame.classes else [0.0],
                      name=name)  # fmt: skip


def _points(panel: Panel, frame: Any) -> None:
    """Test points as pale crosses, and over them those it trains on, as larger dots."""
    for name, shape, size, xy, labels in (
        ("Test", "cross", 3.0, frame.test_xy, frame.test_labels),
        ("Train", "circle", 4.4, frame.train_xy, frame.train_labels),
    ):
        faint = shape == "cross"
        if frame.classes:
            panel.points(xy, labels, shape=shape, size=size, name=name, faint=faint)
        else:
            panel.points(xy, values=labels, shape=shape, size=size, name=name, faint=faint)
    panel.points(frame.followed.xy[None], shape="ring", size=9, colours=["mark"], name="Point followed")
