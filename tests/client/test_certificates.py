"""Certificates are read where TLS is spoken, and nowhere else: that takes longer than a request to a server nearby."""

import asyncio
import shutil
import subprocess

import pytest
import uvicorn
from starlette.responses import JSONResponse, RedirectResponse

from anytime_client import Anytime, AsyncAnytime, ConfigurationError
from anytime_client._certificates import _certificates
from live import QuickGuest, running


async def models(kind, url):
    if kind is AsyncAnytime:
        async with AsyncAnytime(url, max_retries=0) as client:
            return await client.models()

    def ask():
        with Anytime(url, max_retries=0) as client:
            return client.models()

    return await asyncio.to_thread(ask)


def serving(app, **options):
    return running(QuickGuest(uvicorn.Config(app, port=0, log_config=None, lifespan="off", **options)))


no_models = JSONResponse({"object": "list", "data": []})


@pytest.fixture(autouse=True)
def unread():
    _certificates.cache_clear()
    yield
    _certificates.cache_clear()


@pytest.fixture
def certificate(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    made = tmp_path / "server.pem"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", str(made)]
    name = ["-subj", "/CN=here", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run(["openssl", "req", "-x509", *key, *name, "-out", f"{made}.crt"], check=True, capture_output=True)
    made.write_text(made.read_text() + (tmp_path / "server.pem.crt").read_text())
    return made


@pytest.fixture
async def redirect(certificate):
    """A server without TLS that sends its clients to one with TLS."""
    async with serving(no_models, ssl_certfile=certificate) as there:
        away = RedirectResponse(f"https://127.0.0.1:{there.base_url.port}/v1/models")
        async with serving(away) as here:
            yield str(here.base_url)


@pytest.mark.parametrize("kind", [Anytime, AsyncAnytime])
async def test_certificates_that_can_not_be_read_are_a_wrong_setting_of_those_who_speak_tls(kind, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        kind("https://localhost:9")
    async with serving(no_models) as here:
        assert await models(kind, str(here.base_url)) == []


@pytest.mark.parametrize("kind", [Anytime, AsyncAnytime])
async def test_a_redirect_to_tls_is_trusted_by_the_certificates(kind, redirect, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert await models(kind, redirect) == []
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    _certificates.cache_clear()
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        await models(kind, redirect)


@pytest.mark.parametrize("kind", [Anytime, AsyncAnytime])
async def test_a_redirect_to_tls_of_a_stranger_is_not_trusted(kind, redirect, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(Exception, match="certificate verify failed"):
        await models(kind, redirect)
