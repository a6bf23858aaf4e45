"""What a server says when it begins to load, and when it is ready: what runs, and where to find it."""

import logging
import os
import sys
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from threading import Thread

from anytime_server.engines import Engine
from anytime_server.logs import fields, in_text

logger = logging.getLogger(__name__)

ANY_ADDRESS = {"0.0.0.0": "localhost", "::": "localhost"}
"""What is listened on to be reached by any name, and the name that works here."""

SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME")
"""Variables of which one is set where a browser can show something; without any, text browsers would be opened."""


def url_of(host: str, port: int) -> str:
    """Return the address of a server that listens there, as a browser on this machine takes it."""
    name = ANY_ADDRESS.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


@dataclass(frozen=True, slots=True)
class Banner:
    """Tells who starts a server what is going on.

    Attributes:
        open_page: whether to open the page in a browser once it is there.
    """

    open_page: bool = False

    def loading(self, engine: Engine) -> None:
        """Tell that the model is being loaded, which may take minutes."""
        told = f"loading {engine.model} with the {engine.name} engine; Ctrl-C ends it"
        logger.info("loading", extra=fields(model=engine.model, engine=engine.name) | in_text(told))

    def ready(self, engine: Engine, host: str, port: int) -> None:
        """Tell where everything is."""
        url = url_of(host, port)
        context = engine.limits.max_model_len
        places = {"page": url, "docs": f"{url}/docs", "openai": f"{url}/v1"}
        told = fields(model=engine.model, engine=engine.name, context=context, url=url, **places)
        lines = (
            "",
            f"  Anytime   {version('anytime-reasoning')}",
            f"  model     {engine.model}",
            f"  engine    {engine.name}",
            f"  context   {context} tokens",
            f"  page      {places['page']}",
            f"  docs      {places['docs']}",
            f"  OpenAI    {places['openai']}",
            "",
        )
        logger.info("ready", extra=told | in_text(f"running on {url}; Ctrl-C ends it", below=lines))
        if self.open_page:
            # It may wait for the browser to start.
            Thread(target=open_in_browser, args=(url,), name="anytime-browser", daemon=True).start()


def open_in_browser(url: str, environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> None:
    """Open the page, or tell that there is nothing to open it with."""
    has_screen = platform in ("darwin", "win32") or any(environment.get(name) for name in SCREENS)
    if not (has_screen and webbrowser.open(url)):
        logger.warning("no browser was found here", extra=in_text(f"no browser was found here; open {url} yourself"))
