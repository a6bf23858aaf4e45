"""Serves the page at `/` and its files under `/playground`, under a strict content security policy.

The page names its files under their version, `/playground/v-...`: a browser asks for them once, and again only when
they are others.
"""

import hashlib
import re
from functools import cache
from os import PathLike, stat_result
from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
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

VERSION = re.compile("v-[0-9a-f]{16}")


@cache
def version() -> str:
    """Return the folder that stands for these very files: a hash of them all."""
    digest = hashlib.sha256()
    for file in sorted(path for path in STATIC.rglob("*") if path.is_file()):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(STATIC).as_posix()} {len(content)} ".encode() + content)
    return f"v-{digest.hexdigest()[:16]}"


def install(app: FastAPI) -> None:
    """Add the page and its files to `app`."""
    files = PlaygroundFiles(directory=STATIC)

    @app.get("/playground", include_in_schema=False)
    @app.get("/playground/", include_in_schema=False)
    async def guessed(request: Request) -> Response:
        return RedirectResponse("../" if request.url.path.endswith("/") else "./")

    app.mount("/playground", files, name="playground")

    text = (STATIC / "index.html").read_text(encoding="utf-8").replace('="playground/', f'="playground/{version()}/')
    headers = Headers({**SECURITY_HEADERS, "Cache-Control": REVALIDATE, "ETag": f'"{version()}"'})

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page(request: Request) -> Response:
        if files.is_not_modified(headers, request.headers):
            return Response(status_code=304, headers=headers)
        return HTMLResponse(text, headers=headers)


class PlaygroundFiles(StaticFiles):
    """Static files with the page's headers.

    What never changes under its name may be kept: what is asked for under the version that these files have, and a
    vendored library, whose folder carries its version. All else is revalidated by its ETag; so is what a page of
    another server asks for, one that is being replaced or has been.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file, whatever version it is asked for under."""
        folder, *rest = Path(path).parts or ("",)
        if not VERSION.fullmatch(folder):
            return await super().get_response(path, scope)
        response = await super().get_response(str(Path(*rest)), scope)
        if folder == version():
            response.headers["Cache-Control"] = IMMUTABLE
        return response

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Return the file, or 304 if the browser has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        vendored = Path(full_path).is_relative_to(STATIC / "vendor")
        response.headers.update(SECURITY_HEADERS)
        response.headers["Cache-Control"] = IMMUTABLE if vendored else REVALIDATE
        return response
