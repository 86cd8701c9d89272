"""How one Config differs from another, in words: labels of knobs, which are names, symbols and plain words."""

from __future__ import annotations

import re
from typing import Any

from engine.contract.knobs import Config, Knob

PROPER = ("Adam",)  # names among the first words of labels that look like other words


def describe(config: Config, other: Config) -> str:
    """How `config` differs from `other`, in a few words: "learning rate 0.1, seed 3"."""
    knobs = config.knobs()
    return ", ".join(_setting(knobs[name], getattr(config, name)) for name in config.changed(other))


def uncapital(label: str) -> str:
    """`label` as it stands within a sentence: "learning rate", but "RMSProp", "L2", "ε" and "Adam's β₁"."""
    first = re.match(r"[A-Z][a-z-]+", label)
    return label[:1].lower() + label[1:] if first and first[0] not in PROPER else label


def _setting(knob: Knob, value: Any) -> str:
    """A knob and what it is set to, as a visitor reads it on its widget."""
    label = knob.called or uncapital(knob.label)
    if knob.kind == "text":  # packed points, a key: nothing to read
        return f"{label} {'changed' if value else 'empty'}"
    if knob.kind == "bool":
        return f"{label} {'on' if value else 'off'}"
    if knob.kind == "choice":
        return f"{label} {knob.title(value)}"
    if knob.kind == "choices":
        return f"{label} {', '.join(knob.title(choice) for choice in value) or 'none'}"
    if knob.kind == "ints":
        return f"{label} {knob.format(value) or 'none'}"
    return f"{label} {knob.format(value).removesuffix('.0').replace('e-0', 'e-')}"
