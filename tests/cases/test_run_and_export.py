"""`engine run` took as many threads as there are cores, an exported file one: their last digits differed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import torch

from engine.__main__ import main

LABS = ("attention_heads", "cnn_filters")  # large sums, which torch shares out among threads


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """As on a machine with two cores, whatever this one has."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("slug", LABS)
def test_what_run_prints_and_what_the_exported_file_prints_are_the_same_digits(
    slug: str, capsys: pytest.CaptureFixture[str]
) -> None:
    last = json.loads(said(capsys, "run", slug, "--steps", "4", "--device", "cpu", "--json").splitlines()[-1])
    torch.set_num_threads(2)
    exec(said(capsys, "export", slug, "--steps", "4"), {})
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "after 4 steps"
    assert {"step": 4} | {name: float(value) for name, value in (line.split(" = ") for line in lines)} == last


def test_more_threads_are_taken_if_they_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    torch.set_num_threads(1)
    said(capsys, "run", "gradient_descent", "--steps", "1", "--threads", "2")
    assert torch.get_num_threads() == 2
    assert main(["run", "gradient_descent", "--threads", "0"]) == 2
    assert capsys.readouterr().err == "error: threads = 0 is not accepted: give a whole number from 1 up.\n"
