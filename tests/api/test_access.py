import asyncio

import pytest

from anytime_server.api.access import client_of, host_name
from anytime_server.api.keys import client_name

KEYS = ("first-key-0123456789", "second-key-0123456789")
SESSION_ROUTES = [
    ("POST", "/reason"),
    ("GET", "/reason/rsn_x"),
    ("GET", "/reason/rsn_x/events"),
    ("POST", "/reason/rsn_x/answer_now"),
    ("POST", "/reason/rsn_x/extend?budget=1"),
    ("DELETE", "/reason/rsn_x"),
]


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def guarded(served):
    return served(app={"api_keys": KEYS})


@pytest.mark.parametrize("key", KEYS)
async def test_any_of_the_keys_opens_the_api(guarded, key):
    async with guarded as (client, _):
        response = await client.post("/reason?budget=4", json={"prompt": "x"}, headers=bearer(key))
        assert (response.status_code, response.json()["status"]) == (200, "completed")
        again = await client.get(f"/reason/{response.json()['id']}", headers={"Authorization": f"bearer  {key}"})
        assert again.status_code == 200


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "Authorization: Bearer"),
        ({"Authorization": KEYS[0]}, "Authorization: Bearer"),
        ({"Authorization": "Basic Zmlyc3Q6a2V5"}, "Authorization: Bearer"),
        (bearer(KEYS[0][:-1]), "not one of"),
        (bearer(KEYS[0] + "0"), "not one of"),
        (bearer(",".join(KEYS)), "not one of"),
        ({"Authorization": b"Bearer \xff\xfe"}, "not one of"),
    ],
)
async def test_no_key_or_a_wrong_one_is_a_401_that_says_what_to_send(guarded, headers, message):
    async with guarded as (client, engine):
        response = await client.post("/reason", json={"prompt": "x"}, headers=headers)
        error = response.json()["error"]
        assert (response.status_code, error["type"]) == (401, "authentication_error")
        assert response.headers["www-authenticate"] == "Bearer"
        assert message in error["message"]
        assert error["request_id"] == response.headers["x-request-id"]
        assert engine.requests == []


@pytest.mark.parametrize(("method", "path"), [*SESSION_ROUTES, ("GET", "/nowhere")])
async def test_every_other_route_wants_a_key(guarded, method, path):
    async with guarded as (client, _):
        assert (await client.request(method, path)).status_code == 401
        assert (await client.request(method, path, headers=bearer(KEYS[1]))).status_code != 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/", "/docs", "/openapi.json"])
async def test_probes_metrics_and_pages_are_open(guarded, path):
    async with guarded as (client, _):
        response = await client.get(path, headers={"Host": "any.example"})
        assert response.status_code < 400


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/playground/../reason/rsn_x", b"404"),
        ("/playground/%2e%2e/reason/rsn_x", b"404"),
        ("/playground/..%2freason/rsn_x", b"404"),
        ("//reason/rsn_x", b"401"),
        ("//metrics", b"401"),
        ("/Metrics", b"401"),
        ("/metrics/../reason/rsn_x", b"401"),
    ],
)
async def test_an_open_path_is_no_way_round_the_key(guarded, path, status):
    async with guarded as (client, _):
        id = (await client.post("/reason?budget=4", json={"prompt": "x"}, headers=bearer(KEYS[0]))).json()["id"]
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        target = path.replace("rsn_x", id)
        writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        status_line = (await reader.read()).partition(b"\r\n")[0]
        writer.close()
        assert status_line.split()[1] == status


async def test_a_request_without_a_key_is_refused_before_its_body_is_there(guarded):
    async with guarded as (client, _):
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        head = (
            "POST /reason HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        )
        writer.write(head.encode())
        async with asyncio.timeout(30):
            assert (await reader.readline()).split()[1] == b"401"
        writer.close()


async def test_the_api_description_tells_of_keys_and_refusals_where_they_are_checked(guarded):
    async with guarded as (client, _):
        paths = (await client.get("/openapi.json")).json()["paths"]
    assert {"401", "421"} <= set(paths["/reason"]["post"]["responses"])
    assert paths["/healthz"]["get"]["security"] == []
    assert not {"401", "421"} & set(paths["/healthz"]["get"]["responses"])


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1:9", "[::1]:8000", "LOCALHOST", "a.localhost"]
)
async def test_without_keys_the_server_is_called_by_localhost_or_its_address(served, host):
    async with served() as (client, _):
        response = await client.post("/reason?budget=4", json={"prompt": "x"}, headers={"Host": host})
        assert response.status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example"]
)
async def test_without_keys_a_page_whose_name_was_rebound_to_this_machine_gets_nothing(served, host):
    async with served() as (client, engine):
        response = await client.post("/reason", json={"prompt": "x"}, headers={"Host": host})
        error = response.json()["error"]
        assert (response.status_code, error["type"]) == (421, "misdirected_request_error")
        assert "--allowed-host" in error["message"]
        assert engine.requests == []


async def test_a_name_that_the_operator_allows_is_served(served):
    async with served(app={"allowed_hosts": ("Anytime.internal",)}) as (client, _):
        response = await client.post(
            "/reason?budget=4", json={"prompt": "x"}, headers={"Host": "anytime.Internal:8000"}
        )
        assert response.status_code == 200
        assert (await client.get("/reason/x", headers={"Host": "internal"})).status_code == 421


async def test_with_keys_the_name_does_not_matter(guarded):
    async with guarded as (client, _):
        headers = {**bearer(KEYS[0]), "Host": "reason.example.com"}
        assert (await client.post("/reason?budget=4", json={"prompt": "x"}, headers=headers)).status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_what_a_browser_sends_across_origins_without_asking_first_starts_nothing(served, content_type):
    async with served() as (client, engine):
        headers = {"Content-Type": content_type} if content_type else {}
        response = await client.post("/reason", content=b'{"prompt": "x"}', headers=headers)
        assert (response.status_code, engine.requests) == (415, [])


def test_a_key_is_looked_for_among_all_of_them():
    from hashlib import sha256

    digests = [sha256(key.encode()).digest() for key in KEYS]
    names = [client_of(key, digests) for key in (*KEYS, "", "first-key", "ÿ")]
    assert names == [*map(client_name, KEYS), None, None, None]


@pytest.mark.parametrize(
    ("header", "name"),
    [("a.B:80", "a.b"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("", ""), ("127.0.0.1", "127.0.0.1"), ("[x", "x")],
)
def test_the_name_in_a_host_header(header, name):
    assert host_name(header) == name
