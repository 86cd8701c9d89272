"""A lab's page as a browser tab has it, without a browser: Streamlit's socket, widgets by their names, files."""

from __future__ import annotations

import asyncio
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from google.protobuf.json_format import ParseDict
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from benchmarks.clients import PATIENCE, Client

FORGERY = "_streamlit_xsrf"  # the cookie that says that an upload comes from a page of the server's

# Streamlit (1.67) makes a file when its button is pressed, and takes it away when the script of any page ends before it
# is fetched.  A visitor presses again.
GONE = "A file that was made for a download was gone before it was fetched."


class Trouble(Exception):
    """Something that must not happen to a visitor."""


class Refused(Exception):
    """What the server does not do just now, in its words."""


class Tab(Client):
    """A page of a lab.  `said` holds the sentences in red that it shows, `run` and `key` what its transport has."""

    def __init__(self, url: str, page: str) -> None:
        super().__init__(url, page)
        self.said: list[str] = []
        self.query = ""
        self.widgets: dict[str, Any] = {}  # id -> what Streamlit tells of it
        self._states: dict[str, dict[str, Any]] = {}  # id -> what was set there
        self._drawn: dict[str, Any] = {}
        self._session = self._hash = ""
        self._stands = asyncio.Event()
        self._gone = False
        self._asked: dict[str, asyncio.Future[Any]] = {}

    @asynccontextmanager
    async def opened_at(self, query: str = "") -> AsyncIterator[None]:
        """The page, with such settings in its address, as long as it is open; at the end its connection is cut."""
        self.query, self._gone = query, False
        async with self.socket("_stcore/stream", subprotocols=["streamlit"]) as self._stream:
            hearing = asyncio.create_task(self._listen(self._stream))
            try:
                await self.rerun()
                yield
            finally:
                hearing.cancel()
                self._stream.transport.abort()

    # ------------------------------------------------------------------ widgets

    def widget(self, name: str) -> Any:
        """What Streamlit tells of the widget with this key; None if it is not on the page."""
        return next((told for key, told in self.widgets.items() if key.endswith(f"-{self.page}.{name}")), None)

    def sliders(self) -> list[Any]:
        return [told for told in self.widgets.values() if type(told).__name__ == "Slider" and not told.disabled]

    async def press(self, name: str) -> bool:
        """Press a button, if it is there and can be pressed."""
        button = self.widget(name)
        if button is None or button.disabled:
            return False
        await self.rerun({button.id: {"trigger_value": True}})
        return True

    async def set(self, told: Any, **value: Any) -> None:
        self._states[told.id] = value
        await self.rerun()

    async def slide(self, slider: Any, place: float) -> None:
        """Move a slider to a place between 0 and 1."""
        if slider.options:
            text = slider.options[round(place * (len(slider.options) - 1))]
            await self.set(slider, string_array_value={"data": [text]})
        else:
            value = round(slider.min + place * (slider.max - slider.min))
            await self.set(slider, double_array_value={"data": [value]})

    async def rerun(self, triggers: dict[str, dict[str, Any]] | None = None) -> None:
        """Let the script run, with what is set, and wait for what it draws."""
        asked = BackMsg()
        script = asked.rerun_script
        script.query_string, script.page_script_hash = self.query, self._hash
        script.page_name = "" if self._hash else self.page
        script.context_info.url = f"{self.url}/{self.page}"
        for key, value in [*self._states.items(), *(triggers or {}).items()]:
            if key in self.widgets:
                ParseDict(value, script.widget_states.widgets.add(id=key))
        self._stands.clear()
        await self._say(asked)
        await self._in_time(self._stands.wait(), "the page to be drawn")
        if self._gone:
            raise Trouble("the socket of a page was closed")

    async def _say(self, asked: BackMsg) -> None:
        try:
            await self._stream.send(asked.SerializeToString())
        except ConnectionClosed as closed:
            raise Trouble(f"the socket of a page was closed: {closed}") from None

    async def _in_time(self, what: Any, name: str) -> Any:
        try:
            async with asyncio.timeout(PATIENCE):
                return await what
        except TimeoutError:
            raise Trouble(f"waited {PATIENCE:g} s for {name}") from None

    async def _listen(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for raw in socket:
                self._take(ForwardMsg.FromString(raw))
        self._gone = True
        self._stands.set()

    def _take(self, told: ForwardMsg) -> None:
        match told.WhichOneof("type"):
            case "new_session":
                self._session = told.new_session.initialize.session_id
                self._drawn = {}
            case "navigation":
                self._hash = told.navigation.page_script_hash
            case "page_info_changed":
                self.query = told.page_info_changed.query_string
            case "delta":
                self._draw(told.delta)
            case "script_finished" if told.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                self.widgets = self._drawn
                self._stands.set()
            case "backend_operation_response":
                self._asked.pop(told.backend_operation_response.request_id).set_result(told.backend_operation_response)

    def _draw(self, delta: Any) -> None:
        new = delta.new_element if delta.WhichOneof("type") == "new_element" else delta.add_block
        kind = new.WhichOneof("type")
        part = getattr(new, kind) if kind else None
        if key := getattr(part, "id", ""):
            self._drawn[key] = part
        if kind == "bidi_component" and part.WhichOneof("data") == "json":
            mounted = json.loads(part.json)
            if isinstance(mounted, dict) and mounted.get("part") == "transport":
                self.run, self.key = mounted["run"], mounted["key"]
        elif kind == "alert" and part.format == part.ERROR:
            self.said.append(part.body)
        elif kind == "exception":
            self.said.append(f"exception: {part.message}")

    # -------------------------------------------------------------------- files

    async def download(self, button: Any) -> bytes:
        """What a download button gives; nothing where the page says why not."""
        asked, name = BackMsg(), secrets.token_hex(8)
        asked.backend_operation_request.request_id = name
        asked.backend_operation_request.session_id = self._session
        asked.backend_operation_request.deferred_file.file_id = button.deferred_file_id
        self._asked[name] = asyncio.get_running_loop().create_future()
        await self._say(asked)
        answer = await self._in_time(self._asked[name], "a file")
        if answer.error_msg:
            self.said.append(answer.error_msg)
            return b""
        try:
            return await self.fetch(answer.deferred_file.url)
        except Trouble as trouble:
            if not str(trouble).startswith("404"):
                raise
            self.said.append(GONE)
            return b""

    async def upload(self, uploader: Any, name: str, data: bytes) -> None:
        """Choose a file in an uploader."""
        cookie = await asyncio.to_thread(self._forgery)
        file, border = secrets.token_hex(8), secrets.token_hex(8)
        head = f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        where = f"/_stcore/upload_file/{self._session}/{file}"
        await self.fetch(
            where, data=head.encode() + data + f"\r\n--{border}--\r\n".encode(), method="PUT",
            headers={"Content-Type": f"multipart/form-data; boundary={border}", "X-Xsrftoken": cookie,
                     "Cookie": f"{self._headers['Cookie']}; {FORGERY}={cookie}"},
        )  # fmt: skip
        told = {"name": name, "size": len(data), "file_id": file}
        urls = {"file_id": file, "upload_url": where, "delete_url": where}
        state = {"uploaded_file_info": [told | {"file_urls": urls}]}
        await self.set(uploader, file_uploader_state_value=state)

    def _forgery(self) -> str:
        with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=PATIENCE) as answer:
            return next(
                said.partition("=")[2].partition(";")[0]
                for said in answer.headers.get_all("set-cookie")
                if said.startswith(FORGERY)
            )

    async def fetch(self, path: str, **how: Any) -> bytes:
        """What the server answers, by HTTP."""
        how.setdefault("headers", self._headers)
        asked = urllib.request.Request(f"{self.url}{path}", **how)

        def answer() -> bytes:
            with urllib.request.urlopen(asked, timeout=PATIENCE) as found:
                return bytes(found.read())

        try:
            return await asyncio.to_thread(answer)
        except urllib.error.HTTPError as error:
            if error.code == 503:
                raise Refused(json.load(error)["message"]) from None
            raise Trouble(f"{error.code} for {path.split('/')[1]}: {error.read()[:200]!r}") from None
