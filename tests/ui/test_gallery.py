"""The pictures on the cards: one for each lab and theme, of the panel that stands for it, and light to load."""

from __future__ import annotations

import pytest
from PIL import Image

from engine.contract import registry
from pictures import gallery


def test_every_lab_of_ours_has_a_moment_and_its_pictures() -> None:
    assert set(gallery.MOMENTS) == set(registry.own()) >= set(gallery.WIDER)
    for slug in registry.own():
        looks = set()
        for mode in gallery.MODES:
            file = gallery.GALLERY / f"{slug}-{mode}.png"
            assert file.stat().st_size < 100_000, f"{file.name} is heavy: the home page loads all of them"
            with Image.open(file) as picture:
                assert picture.size == (gallery.SCALE * gallery.WIDTH, gallery.SCALE * gallery.HEIGHT)
                looks.add(max(picture.convert("RGB").getcolors(picture.width * picture.height))[1])
        assert len(looks) == len(gallery.MODES), f"{slug} looks the same in light and dark"
    known = {f"{slug}-{mode}.png" for slug in registry.own() for mode in gallery.MODES}
    assert {file.name for file in gallery.GALLERY.iterdir()} == known


@pytest.mark.parametrize("slug", ["gradient_descent"])
def test_a_picture_is_of_the_panel_that_stands_for_the_lab(slug: str) -> None:
    scene = gallery.hero(slug)
    [[panel]] = scene.rows
    assert panel["key"] == registry.card(slug).hero and scene.height == gallery.HEIGHT


def test_a_lab_whose_hero_has_gone_is_told_and_not_drawn_as_something_else() -> None:
    with pytest.raises(LookupError, match="no panel 'nothing'"):
        gallery.only(gallery.hero("gradient_descent"), "nothing")
