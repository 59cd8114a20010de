"""Settings that guard something: what cannot be understood is refused, and quoted where it is no secret only."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from twitter_connector.cli import main
from twitter_connector.config import BadSetting, Settings


@pytest.mark.parametrize("variable", ["CONNECTOR_API_TOKEN", "CREDENTIALS_KEY", "TWITTER_MEDIA_HOSTS"])
def test_a_list_of_commas_alone_does_not_count_as_unset(variable: str) -> None:
    """A token that a template left empty must not open the internal routes to the whole network."""
    for value in (",", " , ,", ",,"):
        with pytest.raises(BadSetting, match=variable):
            Settings.from_env({variable: value})


@pytest.mark.parametrize("token", ["geheim12 34567890", "geheim1234\x0012", "geheim1234\u00e9", "geheim1"])
def test_a_token_no_header_can_carry_as_it_is_stops_the_start(token: str) -> None:
    # SANDBOX: nothing else is missing, so that the token alone can stop the start.
    with pytest.raises(BadSetting, match=r"^CONNECTOR_API_TOKEN: ") as caught:
        Settings.from_env({"SANDBOX": "1", "CONNECTOR_API_TOKEN": f"fitting-token,{token}"})
    assert "geheim" not in str(caught.value)


def test_a_token_of_eight_visible_characters_is_enough() -> None:
    settings = Settings.from_env({"SANDBOX": "1", "CONNECTOR_API_TOKEN": "geheim12, other-token"})
    assert settings.api_tokens == ("geheim12", "other-token")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("REDIS_URL", "redis://:geheim/12@127.0.0.1:6379/0"),
        ("REDIS_URL", "rediss://user:geheim?12@127.0.0.1:6379/0"),
        ("REDIS_URL", "redis://:geheim#12@127.0.0.1:6379/0"),
        ("REDIS_URL", "redis://:geheim[12@127.0.0.1:6379/0"),
        ("CCM_URL", "https://user:geheim/12@ccm.example"),
        ("TWITTER_API_URL", "https://user:geheim?12@api.twitter.com"),
    ],
)
def test_a_password_that_breaks_its_url_is_named_without_a_part_of_it(variable: str, value: str) -> None:
    with pytest.raises(BadSetting) as caught:
        Settings.from_env({variable: value})
    assert str(caught.value).startswith(f"{variable}: ")
    assert "geheim" not in str(caught.value)


def test_a_password_written_as_urls_want_it_is_taken() -> None:
    url = "redis://:a%2Fb%40c@127.0.0.1:6379/0"
    assert Settings.from_env({"SANDBOX": "1", "REDIS_URL": url}).redis_url == url
    assert Settings.from_env({"SANDBOX": "1", "REDIS_URL": "unix:///tmp/kv.sock"}).redis_url == "unix:///tmp/kv.sock"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("CCM_ULR", "CCM_URL"),
        ("CMM_URL", "CCM_URL"),
        ("PROT", "PORT"),
        ("REDIS_UR", "REDIS_URL"),
        ("LOG_LEVEL_", "LOG_LEVEL"),
        ("CREDENTIAL_KEYS", "CREDENTIALS_KEY"),
        ("CONECTOR_API_TOKN", "CONNECTOR_API_TOKEN"),
        ("SANBOX", "SANDBOX"),
    ],
)
def test_a_name_that_differs_by_a_letter_or_two_is_named_in_a_warning(typed: str, meant: str) -> None:
    (warning,) = Settings.from_env({"SANDBOX": "1", typed: "geheim"}).warnings
    assert warning == f"The variable {typed} is set and has no effect. Did you mean {meant}?"


def test_other_variables_are_nobodys_business() -> None:
    names = ["PATH", "HOME", "HOSTNAME", "PWD", "TZ", "TERM", "LANG", "SHELL", "PROMETHEUS_MULTIPROC_DIR", "NO_PROXY"]
    names += ["CCM_SVC_SERVICE_PORT", "REDIS_PORT", "PYTHONPATH", "WEB_CONCURRENCY", "JOURNAL_STREAM"]
    assert Settings.from_env({"SANDBOX": "1", **dict.fromkeys(names, "1")}).warnings == ()


def test_a_variable_of_an_earlier_version_is_accepted_with_a_warning() -> None:
    assert Settings.from_env({"SANDBOX": "1", "NATIVE_REPLIES": "ignore"}).warnings == ()
    (warning,) = Settings.from_env({"SANDBOX": "1", "NATIVE_REPLIES": "note"}).warnings
    assert "NATIVE_REPLIES" in warning


def _checkout(folder: Path) -> Path:
    (folder / "sandbox").mkdir()
    (folder / "sandbox" / "__init__.py").touch()
    (folder / "wsgi.py").touch()
    return folder


def test_without_ccm_url_the_sandbox_is_used_in_a_checkout_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadSetting, match="CCM_URL is not set"):
        Settings.from_env({}, sandbox_in_checkout=True)
    monkeypatch.chdir(_checkout(tmp_path))
    assert Settings.from_env({}, sandbox_in_checkout=True).use_sandbox
    with pytest.raises(BadSetting, match="CCM_URL is not set"):
        Settings.from_env({"SANDBOX": "0"}, sandbox_in_checkout=True)
    # A process that is started alone has to be told.
    with pytest.raises(BadSetting, match="CCM_URL is not set"):
        Settings.from_env({})


@pytest.mark.parametrize("base", ["https://ccm.example", "https://ccm.example/ccm", "http://ef-cx-ccm-svc:8081"])
@pytest.mark.parametrize(
    "path", ["", "/", "/message/receive", "/message/receive/", "/channel-connectors/configurations"]
)
def test_each_form_of_ccms_address_leads_to_its_base(base: str, path: str) -> None:
    """Guides also name the complete URL of one call. Each call appends its own path."""
    assert Settings.from_env({"CCM_URL": base + path}).ccm_url == base


def test_the_sandbox_can_play_x_beside_a_real_ccm() -> None:
    settings = Settings.from_env({"SANDBOX": "1", "CCM_URL": "https://ccm.example"})
    assert settings.ccm_url == "https://ccm.example"
    assert settings.twitter_api_url == "http://127.0.0.1:8090"
    assert settings.file_engine_url is None


@pytest.mark.parametrize(("port", "sandbox_port"), [("8090", ""), ("", "8080"), ("9000", "9000")])
def test_web_and_sandbox_cannot_have_the_same_port(port: str, sandbox_port: str) -> None:
    env = {"PORT": port, "SANDBOX_PORT": sandbox_port}
    with pytest.raises(BadSetting, match=r"^SANDBOX_PORT: \d+ is the PORT of the web listener"):
        Settings.from_env({**env, "SANDBOX": "1"})
    assert Settings.from_env({**env, "CCM_URL": "http://ccm:8081"}).use_sandbox is False


@pytest.mark.parametrize("command", ["up", "web", "worker", "beat", "broker", "doctor"])
def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path, command: str) -> None:
    """The first thing to go wrong in a container whose root file system is read-only."""
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "var"
    done = CliRunner().invoke(main, [command], env={"VAR_DIR": str(folder), "SANDBOX": "1"})
    assert done.exit_code == 2
    assert done.output.splitlines() == [
        f"error: VAR_DIR: {folder} cannot be written. Mount a folder there that belongs to this user, or name another."
    ]
