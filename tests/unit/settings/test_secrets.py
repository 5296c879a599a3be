"""Secrets: where they are looked for, in which order, and never shown."""

import os
from pathlib import Path

import pytest

from worker.errors import ConfigurationError
from worker.settings.loading import Configuration, load
from worker.settings.secrets import Secrets, load_secrets, secret_origins
from worker.settings.shipped import shipped

NAMES = ("client_id", "client_secret", "technical_login", "technical_password")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("CHORUS_WORKER_", "CREDENTIALS_DIRECTORY")):
            monkeypatch.delenv(name)


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    """A configuration that names ``secrets.toml`` beside it."""
    text = shipped("config/worker.toml").read_text("utf-8")
    text = text.replace('# channel = "api"', 'channel = "api"', 1)
    text = text.replace('# secrets_file = "secrets.toml"', 'secrets_file = "secrets.toml"', 1)
    (tmp_path / "worker.toml").write_text(text, "utf-8")
    return load(tmp_path / "worker.toml")


def _file(configuration: Configuration, text: str = "", mode: int = 0o600) -> Path:
    path = configuration.path.parent / "secrets.toml"
    path.write_text(text or "".join(f'{name} = " fichier-{name} "\n' for name in NAMES), "utf-8")
    path.chmod(mode)
    return path


def _revealed(secrets: Secrets) -> dict[str, str]:
    return {name: getattr(secrets, name).get_secret_value() for name in NAMES}


def test_a_guarded_file_gives_them_all(configuration: Configuration) -> None:
    """Four secrets, blanks around them dropped."""
    _file(configuration)

    assert _revealed(load_secrets(configuration)) == {name: f"fichier-{name}" for name in NAMES}
    origins = secret_origins(configuration)

    assert {origins[name] for name in NAMES} == {"fichier de secrets"}
    assert origins["smtp_password"] == ""


def test_environment_then_systemd_then_file(
    configuration: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each secret comes from the first place that has it, and says which."""
    _file(configuration)
    folder = tmp_path / "credentials"
    folder.mkdir()
    for name in NAMES[:2]:
        (folder / name).write_text(f"systemd-{name}\n", "utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    monkeypatch.setenv("CHORUS_WORKER_CLIENT_ID", "variable-client_id")

    assert _revealed(load_secrets(configuration)) == {
        "client_id": "variable-client_id",
        "client_secret": "systemd-client_secret",
        "technical_login": "fichier-technical_login",
        "technical_password": "fichier-technical_password",
    }
    assert secret_origins(configuration) == {
        "client_id": "variable CHORUS_WORKER_CLIENT_ID",
        "client_secret": "identifiants systemd",
        "technical_login": "fichier de secrets",
        "technical_password": "fichier de secrets",
        "smtp_password": "",
    }


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_file_that_others_may_read_is_refused(configuration: Configuration, mode: int) -> None:
    """With the command to type, and before its content is used."""
    path = _file(configuration, mode=mode)
    with pytest.raises(ConfigurationError, match=f"{mode:04o}") as caught:
        load_secrets(configuration)
    assert caught.value.remedy == f"Tapez : chmod 600 {path}"
    with pytest.raises(ConfigurationError):
        secret_origins(configuration)


def test_missing_secrets_are_named(configuration: Configuration) -> None:
    """All of those that nothing gives, an empty one included, and where to put them."""
    _file(configuration, 'client_id = "x"\ntechnical_login = " "\n')
    with pytest.raises(ConfigurationError) as caught:
        load_secrets(configuration)

    assert "client_secret, technical_login, technical_password" in caught.value.message
    assert "LoadCredential" in caught.value.remedy
    assert secret_origins(configuration)["technical_login"] == ""


def test_values_are_never_shown(configuration: Configuration) -> None:
    """Neither in a repr, nor in a text, nor in a dump of the settings."""
    _file(configuration)
    secrets = load_secrets(configuration)
    shown = f"{secrets!r} {secrets} {secrets.model_dump()} {secrets.model_dump_json()}"

    assert "fichier-" not in shown
    assert "fichier-" not in f"{configuration!r} {secret_origins(configuration)}"


@pytest.mark.parametrize(
    "text",
    [
        'client_id = "valeur-secrete"\nclient_secret = valeur-secrete\n',
        'valeur-secrete\nclient_id = "valeur-secrete"\n',
        'client_id = "valeur-secrete"\nclient_secrets = "valeur-secrete"\n',
        'client_id = "valeur-secrete"\n[section]\nclient_secret = "valeur-secrete"\n',
    ],
)
def test_a_wrong_file_is_told_without_its_content(configuration: Configuration, text: str) -> None:
    """Syntax errors and unknown keys name the file or the key, never a value."""
    _file(configuration, text)
    with pytest.raises(ConfigurationError) as caught:
        load_secrets(configuration)
    error: BaseException | None = caught.value
    while error is not None:
        assert "valeur-secrete" not in f"{error!r} {error}"
        error = error.__cause__


def test_a_missing_or_unreadable_file_is_said(configuration: Configuration) -> None:
    """A file that the configuration names must be there and be text."""
    with pytest.raises(ConfigurationError, match="il n'existe pas"):
        load_secrets(configuration)
    path = _file(configuration)
    path.write_bytes(b'client_id = "\xe9"')
    with pytest.raises(ConfigurationError, match="illisible"):
        load_secrets(configuration)


def test_a_secret_that_is_no_utf_8_is_said(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed in another encoding, it would break the first call: its name is told, no byte of it."""
    _file(configuration)
    monkeypatch.setenv("CHORUS_WORKER_TECHNICAL_PASSWORD", "mot-de-pass\udce9")
    with pytest.raises(ConfigurationError, match="technical_password") as caught:
        load_secrets(configuration)

    assert "mot-de-pass" not in f"{caught.value.message} {caught.value.remedy}"


def test_an_unreadable_credential_is_said(
    configuration: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A credential that is no text names its file and the directive."""
    _file(configuration)
    (tmp_path / "client_id").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(ConfigurationError, match=str(tmp_path / "client_id")) as caught:
        load_secrets(configuration)

    assert "LoadCredential" in caught.value.remedy
