"""A data set on its way: what a visitor sees of it, in a browser."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from visitor import Visitor, serve, visit


def choose_mnist(visitor: Visitor) -> None:
    visitor.key("data").get_by_role("combobox").click()
    visitor.page.get_by_role("option", name="MNIST", exact=True).click()


@pytest.mark.truths
@pytest.mark.browser
def test_how_far_a_data_set_has_come_is_seen_and_in_the_end_that_it_did_not_come(
    browser: Browser, tmp_path: Path
) -> None:
    """A proxy keeps the data set waiting, and then hangs up; the page trains meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        where = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        settings = {"https_proxy": where, "PLAYGROUND_DATA": str(tmp_path / "data"), "PLAYGROUND_WORKERS": "1"}
        with serve(tmp_path / "log.txt", **settings) as server, visit(browser, server.address) as visitor:
            visitor.open("cnn_filters")
            line = visitor.page.get_by_role("status").filter(has_text="Fetching MNIST")
            choose_mnist(visitor)
            visitor.button("Fetch MNIST").click()
            line.wait_for()
            visitor.step()
            with visitor.page.expect_response("**/fetching/mnist") as asked:
                assert asked.value.json()["over"] is False
            visitor.button("Stay with the digits").click()
            expect(line).to_have_count(0)
            choose_mnist(visitor)
            line.wait_for()
            connection, _ = proxy.accept()
            proxy.close()
            connection.close()
            visitor.page.get_by_text("OpenML cannot be reached from this server").wait_for()
            expect(line).to_have_count(0)
            expect(visitor.key("data").get_by_role("combobox")).to_have_value("Digits 28×28")
            assert visitor.problems == [] and visitor.tracebacks() == 0
