import pytest
from typer.testing import CliRunner

from anytime_client.cli import build
from anytime_server.api import ServerSettings
from anytime_server.api.keys import keys_from, parse_keys

KEY = "0123456789abcdef"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_a_loopback_address_needs_no_key(host):
    assert ServerSettings(host=host).api_keys == ()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.com", ""])
def test_an_address_that_others_reach_needs_a_key_or_the_explicit_flag(host):
    with pytest.raises(ValueError, match=r"ANYTIME_API_KEYS.*127\.0\.0\.1.*--allow-unauthenticated"):
        ServerSettings(host=host)
    assert ServerSettings(host=host, api_keys=(KEY,)).host == host
    assert ServerSettings(host=host, allow_unauthenticated=True).host == host


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ((KEY, ""), "key 2 is empty"),
        ((KEY[:-1],), "shorter than 16"),
        ((f"{KEY} x",), "printable"),
        ((f"{KEY}\u00e9",), "printable"),
    ],
)
def test_a_key_that_is_none_is_refused_and_not_shown(keys, message):
    with pytest.raises(ValueError, match=message) as refused:
        ServerSettings(api_keys=keys)
    assert KEY[:8] not in str(refused.value)


def test_keys_do_not_show_in_the_settings():
    assert KEY not in repr(ServerSettings(api_keys=(KEY,)))


@pytest.mark.parametrize("origin", ["example.com", "https://example.com/", "https://a.b/c", "ftp://a.b", "null"])
def test_an_origin_that_no_browser_sends_is_refused(origin):
    with pytest.raises(ValueError, match="scheme://host"):
        ServerSettings(cors_origins=(origin,))


@pytest.mark.parametrize("name", ["https://example.com", "example.com:8000", "*.example.com", "a/b"])
def test_a_name_that_no_host_header_gives_is_refused(name):
    with pytest.raises(ValueError, match="--allowed-host takes a name"):
        ServerSettings(allowed_hosts=(name,))
    assert ServerSettings(allowed_hosts=("Example.com", "my_box"))


def test_any_origin_at_all_needs_a_key_or_the_explicit_flag():
    with pytest.raises(ValueError, match="any web page"):
        ServerSettings(cors_origins=("*",))
    assert ServerSettings(cors_origins=("*",), api_keys=(KEY,)).cors_origins == ("*",)
    assert ServerSettings(cors_origins=("*",), allow_unauthenticated=True).cors_origins == ("*",)


@pytest.mark.parametrize(
    ("text", "keys"),
    [("", ()), (" \n", ()), ("a", ("a",)), ("a, b", ("a", "b")), ("a\nb\n", ("a", "b")), ("a,,b", ("a", "", "b"))],
)
def test_keys_are_separated_by_commas_or_lines(text, keys):
    assert parse_keys(text) == keys


def test_keys_come_from_the_environment_or_a_file(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"{KEY}\nanother-{KEY}\n")
    assert keys_from({}) == ()
    assert keys_from({"ANYTIME_API_KEYS": KEY}) == (KEY,)
    assert keys_from({"ANYTIME_API_KEYS": "", "ANYTIME_API_KEYS_FILE": str(file)}) == (KEY, f"another-{KEY}")


def test_a_file_without_keys_does_not_leave_the_server_open(tmp_path):
    empty = tmp_path / "keys"
    empty.write_text("\n")
    for environ in (
        {"ANYTIME_API_KEYS_FILE": str(empty)},
        {"ANYTIME_API_KEYS_FILE": str(tmp_path / "missing")},
        {"ANYTIME_API_KEYS_FILE": str(empty), "ANYTIME_API_KEYS": KEY},
    ):
        with pytest.raises(ValueError, match="ANYTIME_API_KEYS_FILE"):
            keys_from(environ)


@pytest.mark.parametrize(
    ("arguments", "environ", "message"),
    [
        (["--host", "0.0.0.0"], {}, "--allow-unauthenticated"),
        ([], {"ANYTIME_HOST": "0.0.0.0", "ANYTIME_API_KEYS": ""}, "--allow-unauthenticated"),
        ([], {"ANYTIME_API_KEYS": "short"}, "could be guessed"),
        ([], {"ANYTIME_API_KEYS": f"{KEY},,"}, "key 2 is empty"),
        ([], {"ANYTIME_CORS_ORIGINS": "https://a.example,b.example"}, "'b.example'"),
    ],
)
def test_serve_refuses_unsafe_settings_in_one_line(arguments, environ, message):
    environ = {"ANYTIME_API_KEYS": None, "ANYTIME_PORT": "0", **environ}
    result = CliRunner().invoke(build(), ["serve", *arguments], env=environ)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("anytime serve: ")
    assert result.stderr.count("\n") == 1
