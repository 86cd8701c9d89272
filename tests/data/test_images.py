"""Pictures: the data sets, the text for links, strokes that look like the data, and every kind of upload."""

from __future__ import annotations

import re
import shutil
import struct
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.datasets
import sklearn.neighbors
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from written_digits import WRITTEN, chunk, encoded, paper, served

import engine
from engine.__main__ import main as command_line
from engine.contract.knobs import ConfigError, StillMissing
from engine.data import images, openml
from engine.data.images import ImageError, pack, rasterise, read_upload, unpack


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder."""
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    images.load.cache_clear()
    yield tmp_path
    images.load.cache_clear()


# ---------------------------------------------------------------- the data sets


def test_the_digits_are_scikit_learns_each_once_in_a_fixed_stratified_split() -> None:
    digits = images.load("digits")
    assert digits.train_x.shape == (1297, 1, 8, 8) and digits.test_x.shape == (500, 1, 8, 8) and digits.side == 8
    assert digits.train_x.dtype == np.float32 and digits.train_y.dtype == np.int64
    assert digits.train_x.min() == 0 and digits.train_x.max() == 1
    given = sklearn.datasets.load_digits()
    mine = np.concatenate([digits.train_x, digits.test_x]).reshape(1797, 64) * 16
    labelled = np.column_stack([mine, np.concatenate([digits.train_y, digits.test_y])])
    theirs = np.column_stack([given.data, given.target])
    assert np.array_equal(labelled[np.lexsort(labelled.T)], theirs[np.lexsort(theirs.T)])
    assert np.abs(np.bincount(digits.test_y) / 500 - np.bincount(given.target) / 1797).max() < 0.002
    assert images.load("digits") is digits


def test_the_stored_digits_are_mnists_in_a_balanced_split() -> None:
    stored = images.load("digits_28")
    assert stored.train_x.shape == (1500, 1, 28, 28) and stored.test_x.shape == (500, 1, 28, 28) and stored.side == 28
    assert stored.train_x.dtype == np.float32 and (stored.train_x.min(), stored.train_x.max()) == (0, 1)
    assert np.bincount(stored.train_y).tolist() == [150] * 10 and np.bincount(stored.test_y).tolist() == [50] * 10
    every = np.concatenate([stored.train_x, stored.test_x])
    assert len(np.unique(every, axis=0)) == len(every)  # no picture is learned from and tested on
    mass = every[:, 0].sum((1, 2))
    middles = [(every[:, 0].sum(axis) @ np.arange(28)) / mass for axis in (1, 2)]
    assert np.abs(np.stack(middles) - 13.5).max() < 1.2  # as MNIST was centred
    nearest = sklearn.neighbors.KNeighborsClassifier(1).fit(stored.train_x.reshape(1500, -1), stored.train_y)
    assert 0.88 < nearest.score(stored.test_x.reshape(500, -1), stored.test_y) < 0.96
    assert images.STORED.stat().st_size < 400_000 and images.fetched("digits_28")


def test_what_has_come_so_far_is_told_while_files_come_and_go(folder: Path) -> None:
    """OpenML's client moves and removes files while they are counted."""
    place, stop = folder / "images" / "mnist", threading.Event()

    def busy() -> None:
        while not stop.is_set():
            coming = place.parent / "mnist.coming.x" / "a" / "b"
            coming.mkdir(parents=True)
            (coming / "file").write_bytes(b"0" * 2_000_000)
            shutil.rmtree(place.parent / "mnist.coming.x")

    thread = threading.Thread(target=busy)
    thread.start()
    said = {images._progress(place) for _ in range(2000)}
    stop.set()
    thread.join()
    assert all(re.fullmatch(r"asking OpenML|still coming|[012]\.\d MB fetched", text) for text in said), said


def test_a_set_that_is_not_there_is_a_sentence_and_so_is_one_that_does_not_exist(folder: Path) -> None:
    assert images.fetched("digits") and not images.fetched("mnist")
    with pytest.raises(ImageError, match="MNIST is not on this server yet"):
        images.load("mnist")
    with pytest.raises(ImageError, match="choose one of digits, digits_28, mnist, fashion_mnist"):
        images.load("../etc")
    with pytest.raises(StillMissing, match="Fashion-MNIST is not on this server yet; fetch it, or choose the digits"):
        images.require("fashion_mnist")


def test_a_picture_must_fit_its_data() -> None:
    images.require("digits", pack(np.zeros((8, 8))))
    for picture, sentence in ((pack(np.zeros((28, 28))), "it is 28x28, and 8x8 is needed"), ("%", "damaged")):
        with pytest.raises(ConfigError, match=sentence) as caught:
            images.require("digits", picture)
        assert caught.value.knob == "picture"


def test_a_fetched_set_is_checked_kept_whole_and_mapped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", served())
    openml.fetch("mnist", folder / "images" / "mnist")
    assert images.fetched("mnist") and not images.fetched("fashion_mnist")
    mnist = images.load("mnist")
    assert mnist.train_x.shape == (60_000, 1, 28, 28) and mnist.test_y.shape == (10_000,) and mnist.side == 28
    assert mnist.train_x[255, 0, 10, 20] == 1 and mnist.test_y[3] == 3
    assert isinstance(mnist.train_x.base, np.memmap)
    mnist.train_x[0] = 7  # stays in this process
    images.load.cache_clear()
    assert images.load("mnist").train_x[0].max() == 0
    assert [entry.name for entry in (folder / "images").iterdir()] == ["mnist"]
    labels = folder / "images" / "mnist" / "labels.npy"
    labels.write_bytes(bytes(labels.stat().st_size))
    images.load.cache_clear()
    with pytest.raises(ImageError, match="copy of MNIST on this server is damaged; fetch it again"):
        images.load("mnist")
    with (folder / "images" / "mnist" / "pictures.npy").open("r+b") as file:
        file.truncate(1_000_000)
    assert not images.fetched("mnist")


@pytest.mark.parametrize(
    "changes",
    [
        {"data": np.zeros((70_000, 64))},
        {"data": np.zeros((100, 784))},
        {"data": np.zeros((70_000, 784), np.uint8)},
        {"target": np.array(["0"] * 70_000, dtype=object)},
        {"target": np.array(["shoe"] * 70_000, dtype=object)},
    ],
    ids=["size", "count", "dark", "one class", "words"],
)
def test_what_openml_sends_is_not_kept_if_it_is_something_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", served(**changes))
    with pytest.raises(ValueError):
        openml.fetch("mnist", folder / "images" / "mnist")
    assert not images.fetched("mnist") and list((folder / "images").iterdir()) == []


def test_offline_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there
    heard: list[str] = []
    with pytest.raises(ImageError, match=r"MNIST could not be fetched \(OpenML cannot be reached") as caught:
        images.fetch("mnist", heard.append)
    assert str(caught.value).endswith("the digits need no network.")
    assert heard and all(text.startswith("MNIST: asking OpenML, ") for text in heard)
    assert command_line(["fetch", "mnist"]) == 2
    assert "error: MNIST could not be fetched" in capsys.readouterr().err
    assert not images.fetched("mnist") and list((folder / "images").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path / "file"))
    with pytest.raises(ImageError, match=r"MNIST could not be fetched \(.*Not a directory"):
        images.fetch("mnist", lambda text: None)


# ---------------------------------------------------------------- in a link


@pytest.mark.parametrize("side", [8, 28])
@given(data=st.data())
def test_a_picture_comes_back_within_half_a_level_and_then_stays(data: st.DataObject, side: int) -> None:
    picture = data.draw(arrays(np.float32, (side, side), elements=st.floats(0, 1, width=32)))
    text = pack(picture)
    back = unpack(text, side)
    assert len(text) <= 1_100 and text.replace("-", "").replace("_", "").isalnum()
    assert back.dtype == np.float32 and back.shape == (side, side)
    assert np.abs(back - picture).max() <= 0.5 / 255 + 1e-6 and pack(back) == text


@pytest.mark.parametrize("picture", [np.zeros((8, 7)), np.zeros(64), np.full((8, 8), np.nan)])
def test_what_is_no_picture_is_not_packed(picture: np.ndarray) -> None:
    with pytest.raises(ImageError):
        pack(picture)


@given(st.text(max_size=90))
def test_any_other_text_is_a_picture_or_a_sentence(text: str) -> None:
    try:
        picture = unpack(text, 8)
    except ImageError as error:
        assert str(error).endswith(".")
    else:
        assert picture.shape == (8, 8)


# ---------------------------------------------------------------- drawn


def test_drawn_digits_are_taken_for_what_they_are_by_the_nearest_of_the_data() -> None:
    digits = images.load("digits")
    judge = sklearn.neighbors.KNeighborsClassifier(5).fit(digits.train_x.reshape(-1, 64), digits.train_y)
    drawn = np.stack([rasterise(strokes, 8) for strokes in WRITTEN.values()])
    assert judge.predict(drawn.reshape(-1, 64)).tolist() == list(WRITTEN)
    ink = digits.train_x.sum(axis=(1, 2, 3))
    assert np.all(np.abs(drawn.sum(axis=(1, 2)) - ink.mean()) < 3 * ink.std())
    assert set(np.unique(drawn * 16)) <= set(range(17))  # counts of 4x4 cells, as in the data


@pytest.mark.parametrize("seed", range(3))
def test_a_network_that_learned_the_data_reads_what_is_drawn_and_photographed(seed: int) -> None:
    lab = engine.lab("cnn_filters")
    experiment = lab.Experiment(lab.Config(data="digits", start="scratch", channels=(16, 32), seed=seed))
    for _ in engine.train(experiment, 200):
        pass
    for made in (
        [rasterise(strokes, 8) for strokes in WRITTEN.values()],
        [read_upload(encoded(paper(digit)), 8)[0] for digit in WRITTEN],
    ):
        with torch.no_grad():
            answers = experiment.model(torch.from_numpy(np.stack(made))[:, None]).argmax(dim=1)
        assert (answers == torch.arange(10)).sum() >= 9  # all ten in each of five seeds


@pytest.mark.parametrize("side", [8, 28])
@pytest.mark.parametrize("digit", WRITTEN)
def test_where_and_how_large_it_was_drawn_makes_no_difference(side: int, digit: int) -> None:
    strokes = [np.array(stroke) for stroke in WRITTEN[digit]]
    large = rasterise(strokes, side)
    small = rasterise([stroke * 0.3 + (0.65, 0.05) for stroke in strokes], side)
    assert np.abs(large - small).mean() < 0.01


@pytest.mark.parametrize("digit", WRITTEN)
def test_for_mnist_the_ink_keeps_its_proportions_in_20_of_28_pixels_around_its_centre_of_mass(digit: int) -> None:
    picture = rasterise(WRITTEN[digit], 28)
    rows, columns = (np.flatnonzero((picture > 0).any(axis=axis)) for axis in (1, 0))
    every = np.concatenate([np.array(stroke) for stroke in WRITTEN[digit]])
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (20, 21)
    pen = 3  # pixels, nearly
    width, height = np.ptp(every, axis=0)
    assert (np.ptp(columns) + 1 - pen) / (np.ptp(rows) + 1 - pen) == pytest.approx(width / height, abs=0.1)
    mass = picture / picture.sum()
    assert mass.sum(axis=1) @ np.arange(28) == pytest.approx(13.5, abs=0.2)
    assert mass.sum(axis=0) @ np.arange(28) == pytest.approx(13.5, abs=0.2)


def test_a_thicker_pen_leaves_more_ink_and_up_is_up() -> None:
    for side in (8, 28):
        thin, usual, thick = (rasterise(WRITTEN[7], side, pen=pen).sum() for pen in (0.6, 1.0, 1.6))
        assert thin < 0.8 * usual < 0.8 * 0.8 * thick
        seven = rasterise(WRITTEN[7], side)
        inked = np.flatnonzero(seven.any(axis=1))
        assert (seven[inked[1]] > 0).sum() > (seven[inked[-2]] > 0).sum()


@pytest.mark.parametrize("side", [8, 28])
def test_a_dot_and_a_line_are_pictures_and_nothing_is_an_empty_one(side: int) -> None:
    dot = rasterise([[(0.9, 0.1)]], side)
    assert dot.max() > 0.5 and np.allclose(dot, dot.T)
    assert rasterise([[(0.1, 0.5), (0.9, 0.5)]], side).max() == 1
    assert rasterise([], side).sum() == 0 and rasterise([[]], side).sum() == 0


points = st.lists(st.tuples(st.floats(-1, 2), st.floats(-1, 2)), max_size=8)


@given(strokes=st.lists(points, max_size=4), side=st.sampled_from([8, 28]), pen=st.floats(0.5, 2))
def test_any_scribble_is_a_picture(strokes: list[list[tuple[float, float]]], side: int, pen: float) -> None:
    picture = rasterise(strokes, side, pen=pen)
    assert picture.shape == (side, side) and picture.dtype == np.float32
    assert picture.min() >= 0 and picture.max() <= 1 and (picture.max() > 0) == any(strokes)


@pytest.mark.parametrize("stroke", [[(0.1, 0.2, 0.3)], [(0.1, float("nan"))], "scribble", [[1], [2, 3]]])
def test_what_is_no_stroke_is_refused(stroke: Any) -> None:
    with pytest.raises(ImageError, match="list of points"):
        rasterise([stroke], 8)


# ---------------------------------------------------------------- uploaded


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is this large and holds next to nothing."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8, 28])
@pytest.mark.parametrize("digit", WRITTEN)
def test_a_photograph_of_a_written_digit_looks_as_if_it_had_been_drawn(side: int, digit: int) -> None:
    picture, notes = read_upload(encoded(paper(digit)), side)
    drawn = rasterise(WRITTEN[digit], side)
    assert np.corrcoef(picture.ravel(), drawn.ravel())[0, 1] > 0.8
    assert picture.sum() == pytest.approx(drawn.sum(), rel=0.15)
    assert any("dark on light, and was inverted" in note for note in notes)
    assert all(note.endswith(".") for note in notes)


@pytest.mark.parametrize("kind, settings", [("PNG", {}), ("JPEG", {"quality": 80}), ("WEBP", {}),
                                            ("WEBP", {"lossless": True}), ("JPEG", {"progressive": True})])  # fmt: skip
def test_each_format_gives_the_same_picture(kind: str, settings: dict[str, Any]) -> None:
    expected, _ = read_upload(encoded(paper()), 28)
    picture, _ = read_upload(encoded(paper(), kind, **settings), 28)
    assert picture.shape == (28, 28) and picture.dtype == np.float32
    assert np.abs(picture - expected).mean() < 0.02


def test_a_picture_of_the_right_size_is_taken_as_it_is() -> None:
    taken = 0
    for digit in images.load("digits").test_x[:20, 0]:
        picture, notes = read_upload(encoded(Image.fromarray(np.rint(digit * 255).astype(np.uint8))), 8)
        taken += not notes
        assert notes or np.abs(picture - digit).max() <= 0.5 / 255 + 1e-6
    assert taken == 20


def test_a_picture_of_the_right_size_that_is_dark_on_light_is_inverted() -> None:
    given = images.load("digits").test_x[0, 0]
    picture, notes = read_upload(encoded(Image.fromarray(np.rint(255 - given * 255).astype(np.uint8))), 8)
    assert np.abs(picture - given).max() <= 0.5 / 255 + 1e-6 and "inverted" in notes[0]


def test_sixteen_bits_become_eight() -> None:
    values = np.asarray(paper(), dtype=np.uint16) * 257
    grey = encoded(Image.fromarray(values))
    assert grey[24] == 16
    rows = b"".join(b"\0" + np.repeat(row, 3).astype(">u2").tobytes() for row in values)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 300, 400, 16, 2, 0, 0, 0))
    colour = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    expected, _ = read_upload(encoded(paper()), 8)
    for data in (grey, colour):
        picture, notes = read_upload(data, 8)
        assert np.array_equal(picture, expected) and any("16 bits" in note for note in notes)


def test_inks_become_brightness() -> None:
    expected, _ = read_upload(encoded(paper()), 8)
    picture, notes = read_upload(encoded(paper().convert("RGB").convert("CMYK"), "JPEG", quality=95), 8)
    assert np.abs(picture - expected).mean() < 0.03 and any("CMYK" in note for note in notes)


def test_exif_turns_it_upright() -> None:
    expected, _ = read_upload(encoded(paper()), 8)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: to be shown rotated by 90 degrees
    lying = paper().transpose(Image.Transpose.ROTATE_90)
    picture, notes = read_upload(encoded(lying, "JPEG", quality=95, exif=exif), 8)
    assert np.abs(picture - expected).mean() < 0.03 and any("EXIF" in note for note in notes)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_of_an_animation_the_first_picture_is_used(kind: str) -> None:
    expected, _ = read_upload(encoded(paper(3), kind), 8)
    data = encoded(paper(3), kind, save_all=True, append_images=[paper(1), paper(2)], duration=100)
    picture, notes = read_upload(data, 8)
    assert np.abs(picture - expected).mean() < 0.03 and any("holds 3 pictures" in note for note in notes)


@pytest.mark.parametrize("ink, ground", [(0, "white"), (255, "black")])
def test_what_is_transparent_gets_a_ground(ink: int, ground: str) -> None:
    alpha = Image.fromarray(255 - np.asarray(paper(ink=0, ground=255)))
    sheet = Image.merge("LA", [Image.new("L", alpha.size, ink), alpha])
    picture, notes = read_upload(encoded(sheet), 8)
    assert np.abs(picture - read_upload(encoded(paper()), 8)[0]).mean() < 0.03
    assert any(f"laid on {ground}" in note for note in notes)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_every_mode_of_png_is_read(mode: str) -> None:
    picture, _ = read_upload(encoded(paper().convert(mode)), 8)
    assert np.abs(picture - read_upload(encoded(paper()), 8)[0]).mean() < 0.05


GOOD = encoded(paper())
JPEG = encoded(paper(), "JPEG")
WEBP = encoded(paper(), "WEBP")


@pytest.mark.parametrize(
    "data, sentence",
    [
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no PNG, JPEG or WebP picture, whatever its name says"),
        (encoded(paper(), "GIF"), "no PNG, JPEG or WebP"),
        (encoded(paper(), "TIFF"), "no PNG, JPEG or WebP"),
        (GOOD[:-2000], "damaged or cut off"),
        (GOOD[:20], "damaged or cut off"),
        (GOOD[:3000] + b"\xff" * 50 + GOOD[3050:], "damaged or cut off"),
        (JPEG[: len(JPEG) // 2], "damaged or cut off"),
        (JPEG[:6], "damaged or cut off"),
        (WEBP[: len(WEBP) // 2], "damaged or cut off"),
        (WEBP[:24], "damaged or cut off"),
        (png_header(300, 400), "damaged or cut off"),
        (encoded(paper().resize((1, 400))), "1 x 400; each edge needs at least 8"),
        (encoded(paper().resize((400, 1)), "JPEG"), "400 x 1; each edge"),
        (encoded(Image.new("L", (100, 100), 200)), "almost of one brightness"),
        (bytes(5_000_001), "5.0 MB; at most 5 MB"),
        (png_header(2001, 2000), "2,001 x 2,000 pixels; at most 4 million"),
        (png_header(2**31 - 1, 2**31 - 1), "at most 4 million"),
    ],
    ids=lambda given: given if isinstance(given, str) else None,
)
def test_an_upload_that_cannot_be_used_gets_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(ImageError, match=sentence) as caught:
        read_upload(data, 8)
    assert str(caught.value).endswith(".")


SIZES = {
    "PNG": png_header(16_000, 16_000),
    "JPEG": JPEG.replace(struct.pack(">HH", 400, 300), struct.pack(">HH", 60_000, 60_000), 1),
    "WEBP lossy": WEBP.replace(struct.pack("<HH", 300, 400), struct.pack("<HH", 16_000, 16_000), 1),
    "WEBP lossless": b"RIFF\x20\0\0\0WEBPVP8L\x10\0\0\0\x2f"
    + (15_999 | 15_999 << 14).to_bytes(4, "little")
    + bytes(20),
    "WEBP extended": b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + b"\xff\xff\x3f\xff\xff\x3f" + bytes(20),
}


@pytest.mark.parametrize("kind", SIZES)
def test_a_picture_that_is_too_large_is_refused_before_room_is_made_for_it(kind: str) -> None:
    def peak() -> int:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0])

    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak so far is forgotten
    before = peak()
    with pytest.raises(ImageError, match="4 million"):
        read_upload(SIZES[kind], 28)
    assert peak() - before < 20_000  # kB; decoded it would be 256,000 at least


@given(data=st.data(), kind=st.sampled_from(["PNG", "JPEG", "WEBP"]))
def test_any_damage_gives_a_picture_or_a_sentence(data: st.DataObject, kind: str) -> None:
    whole = {"PNG": GOOD, "JPEG": JPEG, "WEBP": WEBP}[kind]
    at = data.draw(st.integers(0, len(whole)))
    noise = data.draw(st.binary(max_size=30))
    try:
        picture, _ = read_upload(whole[:at] + noise + whole[at + len(noise) :], 8)
    except ImageError as error:
        assert str(error).endswith(".")
    else:
        assert picture.shape == (8, 8) and np.isfinite(picture).all()
        assert picture.min() >= 0 and picture.max() <= 1
