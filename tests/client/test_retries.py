"""Which failures are sent again, after how long, and what they become when it does not help."""

import pickle
import re

import httpx
import pytest

from anytime_client import (
    Anytime,
    APIConnectionError,
    APIResponseError,
    APITimeoutError,
    AuthenticationError,
    InvalidRequestError,
    OverloadedError,
    ServerError,
    UnavailableError,
)
from anytime_client._replies import STATUS_ERRORS, retry_after
from anytime_client._retries import Attempts

DOCUMENT = {
    "id": "rsn_1", "model": "m", "status": "running", "stop_reason": None, "answer": None, "thinking": "",
    "checkpoints": [], "budget": {"requested": 1, "granted": 1, "spent": 0}, "usage": {}, "timings": {},
}  # fmt: skip
FOUND = httpx.Response(200, json=DOCUMENT)


def refused(status, headers=None, **error):
    return httpx.Response(status, headers=headers, json={"error": {"type": "t", "message": "no", **error}})


class Network:
    """A transport that answers from a script; an exception in it is raised."""

    def __init__(self, *script):
        self.script = list(script)
        self.requests = []
        self.slept = []

    def client(self, **options):
        transport = httpx.MockTransport(self._answer)
        return Anytime("http://server", transport=transport, sleep=self.slept.append, **options)

    def _answer(self, request):
        self.requests.append(request)
        outcome = self.script.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("cut"),
        refused(429),
        refused(502),
        refused(503),
        refused(504),
        httpx.Response(500, text="a proxy's, without the id that each answer of a server has"),
    ],
)
def test_what_may_pass_is_sent_again(failure):
    network = Network(failure, FOUND)
    assert network.client().get("rsn_1").id == "rsn_1"
    assert len(network.slept) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422, 500])
def test_what_can_not_pass_is_raised_at_once(status):
    network = Network(refused(status, headers={"X-Request-Id": "r"}))
    with pytest.raises(STATUS_ERRORS[status]):
        network.client().get("rsn_1")
    assert network.slept == []


@pytest.mark.parametrize("draw", [0.0, 1.0])
def test_waits_double_up_to_a_bound_and_are_spread(draw):
    attempts = Attempts(7, draw=lambda: draw)
    waits = [attempts.wait_after(APIConnectionError("x")) for _ in range(7)]
    assert waits == [wait * (0.5 + draw / 2) for wait in (0.5, 1, 2, 4, 8, 8, 8)]
    with pytest.raises(APIConnectionError):
        attempts.wait_after(APIConnectionError("x"))


def test_success_begins_the_count_anew():
    attempts = Attempts(1, draw=lambda: 1.0)
    assert attempts.wait_after(APIConnectionError("x")) == 0.5
    attempts.succeeded()
    assert attempts.wait_after(APIConnectionError("x")) == 0.5


def test_retry_after_is_the_least_that_is_waited():
    network = Network(refused(429, {"Retry-After": "7"}), refused(503, {"Retry-After": "3"}), FOUND)
    network.client().get("rsn_1")
    first, second = network.slept
    assert 7 <= first <= 7.5
    assert 3 <= second <= 3.5


def test_retries_are_logged(caplog):
    with caplog.at_level("INFO", "anytime_client"):
        Network(refused(503, message="going down"), FOUND).client().get("rsn_1")
    assert re.search(r"attempt 1 of 4 in 0\.\d s: going down \(HTTP 503\)", caplog.text)


def test_a_server_that_wants_a_long_rest_is_not_asked_again():
    network = Network(refused(503, {"Retry-After": "3600"}))
    with pytest.raises(UnavailableError) as failure:
        network.client().get("rsn_1")
    assert failure.value.retry_after == 3600
    assert network.slept == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("5", 5),
        ("Tue, 24 Nov 2026 06:00:10 GMT", 10),
        ("Tue, 24 Nov 2026 05:59:00 GMT", 0),
        ("soon", None),
        ("²", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header, seconds):
    assert retry_after(header, now=1795500000.0) == seconds


@pytest.mark.parametrize("retries", [0, 2])
def test_the_number_of_retries_is_the_users(retries):
    network = Network(*[refused(429)] * 10)
    with pytest.raises(OverloadedError):
        network.client(max_retries=retries).get("rsn_1")
    assert len(network.requests) == retries + 1


@pytest.mark.parametrize("steer", [lambda client: client.reason("q"), lambda client: client.extend("rsn_1", "+5")])
def test_what_must_not_happen_twice_carries_the_same_key_each_time_and_another_the_next_time(steer):
    network = Network(*[refused(503)] * 6)
    for _ in range(2):
        with pytest.raises(UnavailableError):
            steer(network.client(max_retries=2))
    keys = [request.headers["Idempotency-Key"] for request in network.requests]
    assert keys[:3] == [keys[0]] * 3
    assert keys[3:] == [keys[3]] * 3
    assert keys[0] != keys[3]


def test_an_error_says_what_the_server_said():
    network = Network(refused(422, message="must be smaller", param="temperature", request_id="req_9"))
    with pytest.raises(InvalidRequestError, match="must be smaller") as failure:
        network.client().reason("q", temperature=9)
    error = failure.value
    assert (error.status_code, error.param, error.request_id) == (422, "temperature", "req_9")
    assert (error.document, error.best_answer) == (None, None)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_an_error_of_something_in_between_keeps_its_text():
    network = Network(httpx.Response(500, text="<h1>proxy</h1>", headers={"X-Request-Id": "r"}), httpx.Response(507))
    client = network.client()
    with pytest.raises(ServerError, match=r"<h1>proxy</h1> \(HTTP 500, r\)") as failure:
        client.get("rsn_1")
    assert failure.value.request_id == "r"
    with pytest.raises(ServerError, match=r"Insufficient Storage \(HTTP 507\)"):
        client.get("rsn_1")


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (
            httpx.ConnectError("refused"),
            APIConnectionError,
            "can't connect to the server at http://server: refused; start one with `anytime serve`, or say where it is",
        ),
        (httpx.ConnectTimeout("late"), APITimeoutError, "http://server: it did not answer in time; start one with"),
        (httpx.ReadTimeout("late"), APITimeoutError, "did not answer in time: it is stopped or busy, or a proxy in"),
        (httpx.WriteTimeout("late"), APITimeoutError, r"did not answer in time \(WriteTimeout\)"),
        (httpx.ReadError(""), APIConnectionError, "broke: ReadError"),
    ],
)
def test_connection_errors_name_the_server(failure, kind, message):
    with pytest.raises(kind, match=message):
        Network(failure).client(max_retries=0).get("rsn_1")


@pytest.mark.parametrize(
    ("steer", "response"),
    [
        (lambda client: client.get("rsn_1"), httpx.Response(200, text="<html>")),
        (lambda client: client.reason("q"), httpx.Response(200, text="<html>")),
        (lambda client: client.reason("q"), FOUND),
        (lambda client: client.models(), FOUND),
        (
            lambda client: client.reason("q"),
            httpx.Response(200, headers={"Content-Type": "text/event-stream"}, text="id: 1\ndata: nonsense\n\n"),
        ),
    ],
)
def test_another_server_is_told_from_an_anytime_server(steer, response):
    with pytest.raises(APIResponseError):
        steer(Network(response).client())


def test_models_are_read_with_whatever_the_server_says_of_them():
    card = {"id": "m", "object": "model", "created": 5, "owned_by": "a", "max_model_len": 1024}
    [model] = Network(httpx.Response(200, json={"object": "list", "data": [card]})).client().models()
    assert model.model_dump() == card


def test_a_forgotten_client_closes_its_connections():
    client = Network().client()
    http = client._http
    del client
    assert http.is_closed


def test_a_closed_client_says_so():
    client = Network().client()
    client.close()
    with pytest.raises(APIConnectionError, match="the client is closed"):
        client.get("rsn_1")


def test_the_key_goes_with_every_request():
    network = Network(FOUND, refused(401))
    client = network.client(api_key=" secret\n", headers={"X-Team": "a"})
    client.get("rsn_1")
    with pytest.raises(AuthenticationError):
        client.reason("q")
    assert {request.headers["Authorization"] for request in network.requests} == {"Bearer secret"}
    assert {request.headers["X-Team"] for request in network.requests} == {"a"}


REFUSED = httpx.ConnectError("refused")


def test_a_server_that_never_answered_is_not_there_within_two_seconds():
    network = Network(*[REFUSED] * 9)
    client = network.client()
    for ask in (client.models, lambda: client.reason("x")):
        network.requests.clear(), network.slept.clear()
        with pytest.raises(APIConnectionError, match="start one with `anytime serve`"):
            ask()
        assert len(network.requests) == 2
        assert sum(network.slept) < 2


def test_a_server_that_never_answered_and_stays_silent_is_asked_twice():
    network = Network(*[httpx.ReadTimeout("late")] * 9)
    with pytest.raises(APITimeoutError):
        network.client().models()
    assert len(network.requests) == 2


def test_a_server_that_has_answered_is_given_the_time_to_start_again():
    network = Network(FOUND, *[REFUSED] * 4, FOUND)
    client = network.client()
    client.get("rsn_1")
    client.get("rsn_1")
    assert len(network.requests) == 6


def test_who_says_how_often_to_try_is_taken_at_their_word():
    network = Network(*[REFUSED] * 6, FOUND)
    network.client(max_retries=6).get("rsn_1")
    assert len(network.requests) == 7


def test_a_server_that_is_there_and_busy_is_not_one_that_is_not_there():
    network = Network(*[refused(503)] * 4, FOUND)
    network.client().get("rsn_1")
    assert len(network.requests) == 5
