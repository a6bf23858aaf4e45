"""The page at /docs: Swagger UI without a network, also behind a proxy that strips a prefix.

FastAPI names absolute paths, which such a proxy does not pass on. What this page names is relative to it.
"""

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

ASSETS = "docs/assets"
SERVERS = [{"url": ".", "description": "this server, wherever a proxy puts it"}]
"""Where the paths of the document begin: relative to the document, as the OpenAPI specification reads it."""


def add_page(app: FastAPI) -> None:
    """Serve the page; `ASSETS` has its files."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=f"{app.title} - Swagger UI",
            swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS}/swagger-ui.css",
            swagger_favicon_url="playground/icon.svg",
        )
