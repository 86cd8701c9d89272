"""Points in the plane: the formulas, the text for links, uploaded tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.data import plane
from engine.data.plane import DataError, decode_points, encode_points, from_points, read_csv


@pytest.mark.parametrize("name", plane.DATASETS)
@pytest.mark.parametrize("n", [20, 501])
def test_a_data_set_has_what_was_asked_for_inside_the_plane(name: str, n: int) -> None:
    made = plane.plane(name, n, noise=0.0, seed=3)
    assert made.xy.shape == (n, 2) and made.labels.shape == (n,)
    assert np.abs(made.xy).max() <= plane.LIMIT + 1
    if made.classes:
        counts = np.bincount(made.labels, minlength=made.classes)
        assert len(counts) == made.classes and counts.max() - counts.min() <= 1
    else:
        assert np.abs(made.labels).max() <= 1


@pytest.mark.parametrize("name", plane.DATASETS)
def test_a_data_set_follows_from_its_seed(name: str) -> None:
    one, same, other = (plane.plane(name, 100, noise=0.1, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.xy, same.xy) and np.array_equal(one.labels, same.labels)
    assert not np.array_equal(one.xy, other.xy)


def test_the_labels_are_what_the_names_say() -> None:
    x, y = plane.plane("xor", 400).xy.T
    assert np.array_equal(plane.plane("xor", 400).labels, (x * y > 0).astype(int))
    circle = plane.plane("circle", 400)
    assert np.array_equal(circle.labels, (np.linalg.norm(circle.xy, axis=1) < 3).astype(int))
    board = plane.plane("checkerboard", 400)
    assert np.array_equal(board.labels, np.floor((board.xy + 5) / 2.5).sum(axis=1) % 2)
    slope = plane.plane("regression_plane", 400)
    assert np.allclose(slope.labels, slope.xy.sum(axis=1) / 10, atol=1e-6)


def test_noise_has_the_standard_deviation_that_was_asked_for() -> None:
    clean, noisy = (plane.plane("spiral", 20_000, noise=noise) for noise in (0.0, 0.7))
    assert (noisy.xy - clean.xy).std() == pytest.approx(0.7, rel=0.02)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", ["spiral", "three_spirals", "regression_plane"])
def test_a_split_uses_every_point_once_and_leaves_each_class_on_both_sides(name: str, share: float) -> None:
    made = plane.plane(name, 20)
    train, test = plane.split(made, share, seed=1)
    assert sorted([*train, *test]) == list(range(20))
    for side in (train, test):
        assert len(side) and set(made.labels[side]) >= (set(range(made.classes)))
    assert abs(len(train) - 20 * share) <= max(1, made.classes)


def test_a_data_set_that_does_not_exist_is_refused_with_the_names_of_those_that_do() -> None:
    with pytest.raises(DataError, match="spiral"):
        plane.plane("torus", 10)


# ---------------------------------------------------------------- points in a link


coordinates = st.floats(-plane.LIMIT, plane.LIMIT, width=32)


@given(xy=arrays(np.float32, st.tuples(st.integers(0, 60), st.just(2)), elements=coordinates), seed=st.integers(0, 99))
def test_points_come_back_within_half_a_step_and_then_stay(xy: np.ndarray, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 3, len(xy))
    text = encode_points(xy, labels)
    back, back_labels = decode_points(text)
    assert np.array_equal(back_labels, labels)
    assert np.abs(back - xy).max(initial=0) <= 6 / 65_535 + 1e-6
    assert encode_points(back, back_labels) == text


def test_500_points_fit_into_the_knob_and_501_do_not() -> None:
    text = encode_points(np.zeros((500, 2)), np.arange(500) % 3)
    assert len(text) <= 6000 and text.replace("-", "").replace("_", "").isalnum()
    with pytest.raises(DataError, match="501 points; at most 500"):
        encode_points(np.zeros((501, 2)), np.zeros(501, int))


@given(st.text(max_size=60))
def test_any_other_text_is_points_or_a_sentence(text: str) -> None:
    try:
        xy, labels = decode_points(text)
    except DataError as error:
        assert str(error).endswith(".")
    else:
        assert xy.shape == (len(labels), 2) and np.abs(xy).max(initial=0) <= plane.LIMIT


@pytest.mark.parametrize("labels", [[3, 0], [-1, 0], [255, 0]])
def test_classes_beyond_three_are_refused(labels: list[int]) -> None:
    with pytest.raises(DataError, match="class outside 0 to 2"):
        encode_points([[0, 0], [1, 1]], labels)


@pytest.mark.parametrize("xy, labels", [([[0.0, float("nan")]], [0]), ([[0.0, 1.0]], [0, 1])])
def test_what_is_no_point_is_refused(xy: list[list[float]], labels: list[int]) -> None:
    with pytest.raises(DataError):
        encode_points(xy, labels)


@pytest.mark.parametrize(
    "labels, sentence", [([], "no points yet"), ([1, 1, 1], "one class"), ([0, 0, 1], "single point")]
)
def test_points_that_nothing_can_be_learned_from_are_refused(labels: list[int], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        from_points(encode_points(np.zeros((len(labels), 2)), labels))


# ---------------------------------------------------------------- tables


def table(rows: int = 12, classes: int = 2, separator: str = ",") -> str:
    lines = [separator.join(["width", "height", "kind"])]
    lines += [separator.join([str(i), str((i * 7) % 5 + 0.5), "abc"[i % classes]]) for i in range(rows)]
    return "\n".join(lines)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_table_becomes_standardised_points(separator: str, newline: str) -> None:
    read = read_csv(table(separator=separator).replace("\n", newline).encode())
    assert read.names == ("width", "height", "kind") and read.class_names == ("a", "b")
    assert np.array_equal(read.labels, np.arange(12) % 2)
    assert np.allclose(read.xy.mean(axis=0), 0, atol=1e-6) and np.allclose(read.xy.std(axis=0), 2, atol=1e-6)
    width = np.arange(12)
    assert np.allclose(read.xy[:, 0], 2 * (width - width.mean()) / width.std(), atol=1e-6)
    encode_points(read.xy, read.labels)


def test_a_table_without_a_header_and_with_a_byte_order_mark() -> None:
    read = read_csv(b"\xef\xbb\xbf" + table().split("\n", 1)[1].encode())
    assert read.names == ("column 1", "column 2", "column 3") and len(read.labels) == 12


def test_columns_that_are_no_numbers_or_do_not_vary_are_passed_over_and_said_so() -> None:
    lines = ["name,always,x,y,z,kind"] + [f"p{i},5,{i},{i * i},{-i},{'uv'[i % 2]}" for i in range(8)]
    read = read_csv("\n".join(lines).encode())
    assert read.names == ("x", "y", "kind")
    assert any("name, always" in note for note in read.notes) and any("first two" in note for note in read.notes)


def test_rows_with_missing_values_are_left_out_and_said_so() -> None:
    read = read_csv((table() + "\n,3,a\n4,NA,b\n5,6,\n7,8").encode())
    assert len(read.labels) == 12
    assert any("3 of 15 rows" in note for note in read.notes) and any("3 columns" in note for note in read.notes)


def test_latin_1_and_decimal_commas_are_read_and_said_so() -> None:
    rows = [f"{i},5;{i % 3},25;{'grün' if i % 2 else 'rot'}" for i in range(8)]
    read = read_csv("\n".join(["a;b;Farbe", *rows]).encode("latin-1"))
    assert read.class_names == ("grün", "rot")
    assert any("Latin-1" in note for note in read.notes) and any("comma" in note for note in read.notes)


def test_of_many_rows_a_stratified_sample_is_kept_always_the_same() -> None:
    lines = ["x,y,kind"] + [f"{i},{i * i % 17},{'rare' if i % 10 == 0 else 'common'}" for i in range(2000)]
    one, two = (read_csv("\n".join(lines).encode()) for _ in range(2))
    assert np.array_equal(one.xy, two.xy) and np.bincount(one.labels).tolist() == [450, 50]
    assert any("500 of 2000" in note for note in one.notes)


@pytest.mark.parametrize(
    "raw, sentence",
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"1,2,a\n" * 1_000_000, "MB"),
        (b"\x89PNG\0\0", "not text"),
        (b"x,kind\n1,a\n2,b\n", "2 columns"),
        (b"x,y,kind\na,b,c\nd,e,f\ng,h,c\ni,j,f\n", "0 numeric feature columns"),
        (b"x,y,kind\n1,b,c\n2,e,f\n3,h,c\n4,j,f\n", "1 numeric feature columns"),
        (table(classes=1).encode(), "same class"),
        ("\n".join(f"{i},{i % 3},{i}" for i in range(9)).encode(), "9 different classes"),
        (table(rows=2).encode(), "at least 4"),
        (b"x,y,kind\n", "at least 4"),
        (b"x,y,k\n1,2,a\n2,NA,b\nNA,3,a\n4,,b\n5,6,a\n", "at least 4"),
        (b"x,y,k\n1,2,a\n2,3,a\n3,5,a\n4,7,b\n", "single row"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_a_sentence(raw: bytes, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        read_csv(raw)
    assert str(caught.value).endswith(".")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_a_sentence(raw: bytes) -> None:
    try:
        read = read_csv(raw)
    except DataError as error:
        assert str(error).endswith(".")
    else:
        assert np.isfinite(read.xy).all() and np.abs(read.xy).max() <= plane.LIMIT


cells = st.sampled_from(["1", "2.5", "-3e300", "1e309", "a", "b", "", "nan", '"'])


@given(st.lists(st.lists(cells, min_size=3, max_size=4), min_size=4, max_size=9))
def test_any_small_table_is_a_table_or_a_sentence(rows: list[list[str]]) -> None:
    try:
        read = read_csv("\n".join(",".join(row) for row in rows).encode())
    except DataError as error:
        assert str(error).endswith(".")
    else:
        assert np.isfinite(read.xy).all() and len(read.xy) == len(read.labels)
