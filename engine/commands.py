"""Labs from the command line.

python -m engine list
python -m engine describe gradient_descent
python -m engine run neural_network --set hidden=8,8 --set seed=3 --steps 200 --device auto --threads 1 --json
python -m engine export neural_network --set hidden=8,8 --steps 200 > run.py
python -m engine fetch mnist
python -m engine check neural_network --quick
python -m engine new line_fit --title "Line fit" --question "Which line fits best?"
python -m engine doctor --url https://play.example/course
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

import engine
from engine.contract import console
from engine.contract.device import DEVICES, DeviceError, resolve
from engine.contract.knobs import Config, ConfigError
from engine.contract.new import NewLabError, new
from engine.data import images
from engine.runs.export import json_line, script


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks for; the exit status: 0, 2 after a sentence, 1 if `check` found something."""
    console.speak_utf8()
    parser = argparse.ArgumentParser(
        "python -m engine", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every lab with the question it asks")
    commands.add_parser("doctor", help="whether this host is healthy, and why not")  # engine/doctor: it needs no torch
    fetch = commands.add_parser("fetch", help="fetch a data set now, for when there is no network later")
    fetch.add_argument("data", choices=[name for name in images.DATASETS if name not in images.HERE])
    check = commands.add_parser("check", help="whether a lab keeps the whole contract; ends with 1 if it does not")
    check.add_argument("lab")
    check.add_argument("--quick", action="store_true", help="leave out what trains for longer")
    check.add_argument("--json", action="store_true", help="one JSON object: lab, findings, pace")
    maker = commands.add_parser("new", help="a lab that works, to change line by line")
    maker.add_argument("lab")
    for word in ("title", "group", "question"):
        maker.add_argument(f"--{word}", default="")
    maker.add_argument("--folder", type=Path, help="where it should lie, if not in this checkout; see PLAYGROUND_LABS")
    for name, help_text in (
        ("describe", "the knobs of a lab"),
        ("run", "train, and print the metrics of every step"),
        ("export", "a Python file that repeats a run to the digit"),
    ):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("lab")
        if name != "describe":
            command.add_argument("--set", action="append", default=[], metavar="KNOB=VALUE", dest="knobs")
            command.add_argument("--steps", type=int, default=100)
            command.add_argument("--device", choices=DEVICES, default="cpu" if name == "export" else "auto")
        if name == "run":
            command.add_argument(
                "--json", action="store_true", help="one JSON object a line; null for a metric that is not finite"
            )
            command.add_argument(
                "--threads", type=int, default=1,
                help="threads of the CPU; with 1, the default, a run agrees to the digit with a file that `export` "
                "wrote for the same device, with more its sums are added up in another order",
            )  # fmt: skip
    given = parser.parse_args(arguments)
    try:
        status = _do(given)
        sys.stdout.flush()
        return status
    except (ConfigError, DeviceError, images.ImageError, NewLabError) as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyError as error:
        print(f"error: {error.args[0]}", file=sys.stderr)
    except BrokenPipeError:  # whoever read our output has seen enough
        console.give_up_output()
        return 0
    except OSError as error:
        print(f"error: the output could not be written: {error.strerror or error}", file=sys.stderr)
        console.give_up_output()
    return 2


def _check(slug: str, *, quick: bool, as_json: bool) -> int:
    from engine.contract import check

    torch.set_num_threads(1)
    findings = check.check(slug, quick=quick)
    pace = check.pace(slug) if not findings else ""
    if as_json:
        print(json.dumps({"lab": slug, "findings": findings, "pace": pace}))
    else:
        print("\n".join(findings or [f"{slug} keeps the contract. {pace}"]))
    return 1 if findings else 0


def _do(given: argparse.Namespace) -> int:
    if given.command == "list":
        for slug in engine.labs():
            try:
                print(f"{slug:22} {_question(slug)}")
            except Exception as error:  # the lab's own code: one that is broken costs its own line
                print(f"{slug:22} cannot be imported: {error}")
        return 0
    if given.command == "fetch":
        images.fetch(given.data, lambda progress: print(progress, file=sys.stderr))
        return 0
    if given.command == "new":
        for file in new(given.lab, title=given.title, group=given.group, question=given.question, folder=given.folder):
            print(file)
        return 0
    lab = engine.lab(given.lab)
    if given.command == "describe":
        print(_question(given.lab))
        for knob in lab.Config.knobs().values():
            live = ", live" if knob.live else ""
            print(f"  {knob.name} = {knob.format(knob.default) or '(empty)'}{live}: {knob.help} ({knob.allowed})")
        return 0
    if given.command == "check":
        return _check(given.lab, quick=given.quick, as_json=given.json)
    config: Config = lab.Config.from_params(_params(given.knobs))
    if given.steps < 0:
        raise ConfigError("steps", given.steps, "give a whole number from 0 up")
    if given.command == "export":
        print(script(given.lab, config, steps=given.steps, device=given.device), end="")
        return 0
    if given.threads < 1:
        raise ConfigError("threads", given.threads, "give a whole number from 1 up")
    torch.set_num_threads(given.threads)
    experiment = lab.Experiment(config, resolve(given.device))
    for metrics in engine.train(experiment, given.steps):
        if given.json:
            print(json_line(experiment.step_count, metrics))
        else:
            print(f"step {experiment.step_count:6}  " + "  ".join(f"{k} {v:.6g}" for k, v in metrics.items()))
    return 0


def _question(slug: str) -> str:
    """The first line of a lab's docstring is the question that it asks."""
    return (engine.lab(slug).__doc__ or slug).strip().splitlines()[0]


def _params(pairs: list[str]) -> dict[str, str]:
    params = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError("--set", pair, "write it as KNOB=VALUE")
        params[name] = value
    return params
