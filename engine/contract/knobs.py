"""What a lab is: knobs, a Config, a Frame, an Experiment.

A lab is one module in ``engine/labs`` with three names: ``Config`` (what can be turned), ``Frame`` (what can be
seen) and ``Experiment`` (what happens).  This file is the whole contract between a lab and everything around it.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

Value = bool | int | float | str | tuple[int, ...] | tuple[str, ...]

_INTEGER = re.compile(r"[+-]?[0-9]{1,15}")
_DIGITS = 1_000  # characters that a number may be written with: the longest exact double has some 770
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


class ConfigError(ValueError):
    """A knob was given a value that it does not take.

    ``knob`` is its name, ``value`` what was given, ``allowed`` what is accepted; ``str(error)`` is one sentence with
    all three, fit for a visitor.
    """

    def __init__(self, knob: str, value: object, allowed: str) -> None:
        super().__init__(knob, value, allowed)
        self.knob, self.value, self.allowed = knob, value, allowed

    def __str__(self) -> str:
        return f"{self.knob} = {_shown(self.value)} is not accepted: {self.allowed}."


def _shown(value: object) -> str:
    """`value` in at most 60 characters."""
    if isinstance(value, int) and abs(value) >= 10**60:  # Python writes out none of thousands of digits
        return "a number of more than 60 digits"
    shown = repr(value[:60] if isinstance(value, str) else value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


class StillMissing(ConfigError):
    """Nothing is wrong, but what was asked for needs something first: points to be drawn, data to be fetched."""


@dataclass(frozen=True)
class Knob:
    """One thing that a visitor can turn.  Made by `knob()`; ``name`` is filled in by the Config it stands in."""

    default: Any
    kind: str  # "bool", "int", "float", "choice", "choices", "ints" or "text"
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    length: tuple[int, int] = (0, 0)  # items of "choices" and "ints", characters of "text"
    log: bool = False
    live: bool = False
    look: bool = False
    help: str = ""
    label: str = ""
    group: str = ""
    when: str = ""  # "other_knob=value|value": shown only while it has, or chose, one of these; all stay valid
    titles: tuple[str, ...] = ()  # how the choices are written for a visitor, one for each
    called: str = ""  # its name away from its group, if the label does not say enough there
    name: str = ""

    def title(self, choice: str) -> str:
        """How `choice` is written for a visitor."""
        return self.titles[self.choices.index(choice)] if self.titles else choice.replace("_", " ")

    @property
    def allowed(self) -> str:
        """What this knob takes, as the end of a sentence."""
        if self.kind == "bool":
            return "it is on (1) or off (0)"
        if self.kind == "choice":
            return f"choose one of {', '.join(self.choices)}"
        if self.kind == "choices":
            return f"choose {self.length[0]} to {self.length[1]} of {', '.join(self.choices)}, each once"
        if self.kind == "ints":
            return (
                f"give {self.length[0]} to {self.length[1]} whole numbers from {self.low:g} to {self.high:g}, "
                "separated by commas"
            )
        if self.kind == "text":
            return f"give a text of {self.length[0]} to {self.length[1]} characters"
        number = "a whole number" if self.kind == "int" else "a number"
        return f"give {number} from {self.low:g} to {self.high:g}"

    def check(self, value: Any) -> Value:
        """`value` in this knob's own type.  Raises `ConfigError` if the knob does not take it."""
        error = ConfigError(self.name, value, self.allowed)
        if self.kind == "bool":
            if isinstance(value, bool):
                return value
            raise error
        if self.kind in ("int", "float"):
            return self._number(value, error)
        if self.kind in ("choice", "text"):
            if not isinstance(value, str):
                raise error
            fits = value in self.choices if self.kind == "choice" else self.length[0] <= len(value) <= self.length[1]
            if not fits:
                raise error
            return value
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise error
        if not self.length[0] <= len(value) <= self.length[1]:
            raise error
        if self.kind == "choices":
            if any(v not in self.choices for v in value) or len(set(value)) != len(value):
                raise error
            return tuple(value)
        return tuple(self._number(v, error, integer=True) for v in value)  # type: ignore[return-value]

    def _number(self, value: Any, error: ConfigError, integer: bool = False) -> int | float:
        integer = integer or self.kind == "int"
        if isinstance(value, (bool, str)):
            raise error
        try:
            number: int | float = value.__index__() if integer else float(value) + 0.0  # no minus zero
        except (AttributeError, TypeError, ValueError, OverflowError):
            raise error from None
        assert self.low is not None and self.high is not None
        if not self.low <= number <= self.high or not math.isfinite(number):
            raise error
        return number

    def parse(self, text: str) -> Value:
        """The value that `text`, the form used in links and on the command line, stands for.  Raises `ConfigError`."""
        error = ConfigError(self.name, text, self.allowed)
        if self.kind == "bool":
            if text not in ("0", "1"):
                raise error
            return text == "1"
        if self.kind in ("int", "float"):
            if len(text) > _DIGITS or not (_INTEGER if self.kind == "int" else _NUMBER).fullmatch(text):
                raise error
            value: Any = int(text) if self.kind == "int" else float(text)
        elif self.kind in ("choice", "text"):
            value = text
        else:
            items = text.split(",", self.length[1]) if text else []  # one too many already does not fit
            if self.kind == "ints" and not all(_INTEGER.fullmatch(item) for item in items):
                raise error
            value = tuple(int(item) if self.kind == "ints" else item for item in items)
        try:
            return self.check(value)
        except ConfigError:
            raise error from None

    def format(self, value: Value) -> str:
        """The inverse of `parse`."""
        if isinstance(value, bool):
            return str(int(value))
        if isinstance(value, tuple):
            return ",".join(str(v) for v in value)
        return repr(value) if isinstance(value, float) else str(value)


def knob(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    length: tuple[int, int] | None = None,
    log: bool = False,
    live: bool = False,
    look: bool = False,
    help: str = "",
    label: str = "",
    group: str = "",
    when: str = "",
    titles: Sequence[str] = (),
    called: str = "",
) -> Any:
    """Declare a field of a Config: default, bounds, widget, help text and URL key in one place.

    The kind follows from the default: bool, int, float, str with `choices` (choose one) or without (free text), tuple
    with `choices` (choose several) or without (whole numbers, each from `low` to `high`).  `length` bounds the items
    of a tuple or the characters of a text.  `live` marks what may change while training, and `look` what
    changes only what is looked at (of the run, for all who watch it) and leaves no trace in the run.  `log` asks for a
    logarithmic slider; `group` and `when` ("knob=value|value") place the widget and never change what is valid.
    `titles` are how the choices are written for a visitor, if not as they are, and `called` is its name in a sentence,
    away from its group, if that is not its label.
    """
    if isinstance(default, bool):
        kind = "bool"
    elif isinstance(default, int):
        kind = "int"
    elif isinstance(default, float):
        kind = "float"
    elif isinstance(default, str):
        kind = "choice" if choices else "text"
    elif isinstance(default, tuple):
        kind = "choices" if choices else "ints"
    else:
        raise TypeError(f"a knob cannot hold a {type(default).__name__}")
    if kind in ("int", "float", "ints") and (low is None or high is None):
        raise TypeError("a knob that holds numbers needs low= and high=")
    if kind in ("ints", "text") and length is None:
        raise TypeError("a knob that holds a list of numbers or a text needs length=")
    if titles and len(titles) != len(choices):
        raise TypeError(f"a knob has {len(choices)} choices but {len(titles)} titles")
    spec = Knob(
        default=default, kind=kind, low=low, high=high, choices=tuple(choices),
        length=length or (0, len(choices)), log=log, live=live or look, look=look, help=help, label=label,
        group=group, when=when, titles=tuple(titles), called=called,
    )  # fmt: skip
    return dataclasses.field(default=default, metadata={"knob": spec})


_KNOBS: dict[type[Config], dict[str, Knob]] = {}  # of each Config: asked for several times whenever one is made


@dataclass(frozen=True)
class Config:
    """What can be turned.  Each lab derives its own: a frozen dataclass in which every field is a `knob()`.

    Values are checked when it is made; a bad one raises `ConfigError`.
    """

    seed: int = knob(0, low=0, high=999_999, help="Everything random follows from this number.", group="run")

    def __post_init__(self) -> None:
        for spec in self.knobs().values():
            object.__setattr__(self, spec.name, spec.check(getattr(self, spec.name)))
        self.check()

    def check(self) -> None:
        """Raise `ConfigError` if knobs that are fine one by one do not go together.  A lab may override this."""

    def settle(self, turned: str) -> Self:
        """This Config with what the knob `turned` brings along, for a visitor who turned it by hand.

        A lab may override this: a model that takes one kind of data brings that data.  It is asked before `check`, so
        knobs may not go together here; what it returns is checked.  Links, lessons and scripts say all that they mean,
        and nothing is settled for them.
        """
        return self

    @classmethod
    def knobs(cls) -> dict[str, Knob]:
        """Every knob by name, in the order of declaration with the seed last."""
        if cls not in _KNOBS:
            found = {
                f.name: dataclasses.replace(
                    f.metadata["knob"], name=f.name, label=f.metadata["knob"].label or _label(f.name)
                )
                for f in dataclasses.fields(cls)
            }
            found["seed"] = found.pop("seed")
            _KNOBS[cls] = found
        return dict(_KNOBS[cls])

    @classmethod
    def from_params(cls, params: Mapping[str, str]) -> Self:
        """The Config that a link or a command line spells out; what is not named keeps its default.

        Raises `ConfigError` at the first knob that is unknown or whose value is not accepted.
        """
        return cls(**cls.parsed(params))  # type: ignore[arg-type]

    @classmethod
    def parsed(cls, params: Mapping[str, Any]) -> dict[str, Value]:
        """What `params` say of knobs, by name: texts as in a link, or values.  Raises `ConfigError`."""
        knobs = cls.knobs()
        for name in params:
            if name not in knobs:
                close = difflib.get_close_matches(name[:40], knobs, n=1)
                hint = f"; did you mean {close[0]}" if close else ""
                raise ConfigError(name, params[name], f"there is no such knob{hint}. The knobs are {', '.join(knobs)}")
        return {n: knobs[n].parse(v) if isinstance(v, str) else knobs[n].check(v) for n, v in params.items()}

    @classmethod
    def salvage(cls, params: Mapping[str, str]) -> tuple[Self, list[ConfigError]]:
        """Like `from_params`, but what is not accepted keeps its default and is returned as a list of errors."""
        kept = dict(params)
        errors: list[ConfigError] = []
        while True:
            try:
                return cls.from_params(kept), errors
            except ConfigError as error:
                errors.append(error)
                # A clash between knobs may be named after one that the link left alone: then nothing else can be kept.
                if kept.pop(error.knob, None) is None:
                    kept = {}

    def to_params(self) -> dict[str, str]:
        """The seed and every knob that is not at its default, as text.  `from_params` gives this Config back."""
        return {
            name: spec.format(getattr(self, name))
            for name, spec in self.knobs().items()
            if name == "seed" or getattr(self, name) != spec.default
        }

    def turned(self, **knobs: Any) -> Self:
        """This Config with `knobs` turned by hand, and what each of them brings along (see `settle`).

        Raises `ConfigError` if a value is not accepted, or if what is settled does not go together.
        """
        loose, specs = object.__new__(type(self)), self.knobs()  # `check` comes at the end
        values = {name: getattr(self, name) for name in specs} | {n: specs[n].check(v) for n, v in knobs.items()}
        for name, value in values.items():
            object.__setattr__(loose, name, value)
        for name in knobs:
            loose = loose.settle(name)
        return dataclasses.replace(loose)

    def changed(self, other: Config) -> tuple[str, ...]:
        """Names of the knobs in which `other` differs."""
        return tuple(name for name in self.knobs() if getattr(self, name) != getattr(other, name))

    def seen_as(self, other: Config) -> Self:
        """This Config looked at as `other` is: the `look` knobs of that one, and everything else as here."""
        return dataclasses.replace(
            self, **{name: getattr(other, name) for name, spec in self.knobs().items() if spec.look}
        )

    def require_live(self, other: Config) -> None:
        """Raise `ConfigError` if going from this Config to `other` would change a knob that is not live."""
        for name in self.changed(other):
            if not self.knobs()[name].live:
                raise ConfigError(name, getattr(other, name), "it cannot change during a run; reset to use it")


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()
