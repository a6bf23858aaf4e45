"""Serves the page at `/` and its files under `/playground`, under a strict content security policy."""

from os import PathLike, stat_result
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"

SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "font-src 'self'",
            "connect-src 'self'",
            "img-src 'self' data:",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

REVALIDATE = "no-cache"
IMMUTABLE = "public, max-age=31536000, immutable"


def install(app: FastAPI) -> None:
    """Add the page and its files to `app`."""
    files = PlaygroundFiles(directory=STATIC)

    @app.get("/playground/", include_in_schema=False)
    async def guessed() -> Response:
        return RedirectResponse("../")

    app.mount("/playground", files, name="playground")

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)


class PlaygroundFiles(StaticFiles):
    """Static files with the page's headers.

    A vendored library's folder carries its version, so its files never change under their name; all others are
    revalidated by their ETag.
    """

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Return the file, or 304 if the browser has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        vendored = Path(full_path).is_relative_to(STATIC / "vendor")
        response.headers.update(SECURITY_HEADERS)
        response.headers["Cache-Control"] = IMMUTABLE if vendored else REVALIDATE
        return response
