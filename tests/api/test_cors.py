from anytime_server.reasoning import Reasoner

ORIGIN = "https://app.example"
OTHER = "https://other.example"
KEY = "first-key-0123456789"


def preflight(origin, method="POST", headers="authorization, content-type, idempotency-key, last-event-id"):
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }


async def test_cors_is_off_by_default(served):
    async with served() as (client, _):
        asked = await client.options("/reason", headers=preflight(ORIGIN))
        assert asked.status_code == 405
        response = await client.get("/healthz", headers={"Origin": ORIGIN})
        assert "access-control-allow-origin" not in {*asked.headers, *response.headers}


async def test_pages_of_a_named_origin_may_send_keys_and_read_ids_and_retry_times(served):
    async with served(app={"cors_origins": (ORIGIN,), "api_keys": (KEY,)}) as (client, _):
        for method in ("POST", "GET", "DELETE"):
            asked = await client.options("/reason/x", headers=preflight(ORIGIN, method))
            assert asked.status_code == 200
            assert asked.headers["access-control-allow-origin"] == ORIGIN
            allowed = {name.strip().lower() for name in asked.headers["access-control-allow-headers"].split(",")}
            assert {"authorization", "content-type", "idempotency-key", "last-event-id"} <= allowed
        headers = {"Origin": ORIGIN, "Authorization": f"Bearer {KEY}"}
        response = await client.post("/reason?budget=4", json={"prompt": "x"}, headers=headers)
        assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, ORIGIN)
        exposed = set(response.headers["access-control-expose-headers"].split(", "))
        assert exposed == {"X-Request-Id", "X-Anytime-Session", "X-Should-Retry", "Retry-After"}
        assert "access-control-allow-credentials" not in response.headers


async def test_a_page_can_read_why_it_was_refused(served):
    async with served(app={"cors_origins": (ORIGIN,), "api_keys": (KEY,)}) as (client, _):
        response = await client.get("/reason/x", headers={"Origin": ORIGIN})
        assert (response.status_code, response.headers["access-control-allow-origin"]) == (401, ORIGIN)


async def test_a_page_can_read_that_the_server_failed(served, monkeypatch):
    async with served(app={"cors_origins": (ORIGIN,)}) as (client, _):
        monkeypatch.setattr(Reasoner, "find", None)
        response = await client.get("/reason/x", headers={"Origin": ORIGIN})
        assert (response.status_code, response.headers["access-control-allow-origin"]) == (500, ORIGIN)
        assert response.json()["error"]["request_id"] == response.headers["x-request-id"]


async def test_pages_of_other_origins_may_not(served):
    async with served(app={"cors_origins": (ORIGIN,)}) as (client, _):
        asked = await client.options("/reason", headers=preflight(OTHER))
        assert (asked.status_code, "access-control-allow-origin" in asked.headers) == (400, False)
        response = await client.get("/healthz", headers={"Origin": OTHER})
        assert "access-control-allow-origin" not in response.headers
