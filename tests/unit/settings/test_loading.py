"""Settings: every mistake at once, in French, with its place; the environment above the file."""

import os
from pathlib import Path

import pytest

from worker.billing.money import count
from worker.errors import ConfigurationError, Finding
from worker.settings.keys import Channel, Environment
from worker.settings.loading import (
    CONFIG_VARIABLE,
    DEFAULT_CONFIG,
    Configuration,
    find_config,
    load,
    masked_url,
)
from worker.settings.shipped import shipped

COMPLETE = (
    shipped("config/worker.toml")
    .read_text("utf-8")
    .replace('# channel = "api"', 'channel = "api"', 1)
)
SECRET = "motdepasse-a-ne-pas-montrer"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith("CHORUS_WORKER_"):
            monkeypatch.delenv(name)


def _write(folder: Path, *changes: tuple[str, str]) -> Path:
    """The shipped configuration, its channel chosen, with these replacements."""
    text = COMPLETE
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "worker.toml"
    path.write_text(text, "utf-8")
    return path


def _mistakes(folder: Path, *changes: tuple[str, str]) -> dict[str, Finding]:
    """Findings by the path of their key."""
    with pytest.raises(ConfigurationError) as caught:
        load(_write(folder, *changes))
    assert count(len(caught.value.findings), "erreur") in caught.value.message
    return {f.where.removeprefix("worker.toml : "): f for f in caught.value.findings}


def _loaded(folder: Path, *changes: tuple[str, str]) -> Configuration:
    return load(_write(folder, *changes))


def test_the_shipped_configuration_asks_one_question(tmp_path: Path) -> None:
    """As shipped, only the channel is missing, and the remedy is to ask the treasury."""
    mistakes = _mistakes(tmp_path, ('channel = "api"', '# channel = "api"'))

    assert set(mistakes) == {"channel"}
    assert mistakes["channel"].message == "clé obligatoire absente"
    assert "comptable public" in mistakes["channel"].remedy
    assert "helios" in mistakes["channel"].remedy


def test_the_example_is_complete_once_the_channel_is_chosen(tmp_path: Path) -> None:
    """Every key of the shipped file is known, and blanks in identifiers are dropped."""
    configuration = _loaded(tmp_path)
    settings = configuration.settings

    assert settings.channel is Channel.API
    assert settings.portal.environment is Environment.LOCAL
    assert settings.syndicat.iban == "FR7699999000010000123456768"
    assert settings.portal.reconcile_minutes == (15, 60, 240, 1440, 2880)
    assert settings.billing.campaign_day == "01-05"


MISTAKES = (
    ('channel = "api"', 'channel = "fax"'),
    ('name = "Syndicat', 'name = 3 # "Syndicat'),
    ('city = "Villefictive"', 'city = " "'),
    ('postcode = "82000"', 'postcode = "٨٢٠٠٠"'),
    ("due_days = 30", "due_days = 30.5"),
    ('campaign_day = "01-05"', 'campaign_day = "02-31"'),
    ("width = 5", "width = 99"),
    ('folder = "donnees"', "folder = 3"),
    ("requests_per_second = 5", 'requests_per_second = "vite"'),
    ("parallel_calls = 1", "parallel_calls = 17"),
    ("connect_timeout_seconds = 10", "connect_timeout_seconds = 0"),
    ("read_timeout_seconds = 60", "read_timeout_seconds = nan"),
    ("reconcile_minutes = [15, 60, 240, 1440, 2880]", 'reconcile_minutes = "15"'),
    ("report_minutes = [1, 2, 4, 8, 15, 60, 240]", 'report_minutes = [1, -2, "a"]'),
    ('accent = "#1d4f7c"', 'accent = "bleu"'),
)
TOLD = {
    "channel": ("valeur inconnue ; valeurs possibles : « api » ou « helios »", "fax"),
    "syndicat.name": ("un texte est attendu", "3"),
    "syndicat.city": ("ne doit pas être vide", " "),
    "syndicat.postcode": ("n'a pas la forme attendue", "٨٢٠٠٠"),
    "billing.due_days": ("un nombre entier est attendu", "30.5"),
    "billing.campaign_day": ("ce jour n'existe pas", "02-31"),
    "numbering.width": ("doit être au plus 12", "99"),
    "data.folder": ("un chemin est attendu", "3"),
    "portal.requests_per_second": ("un nombre est attendu", "vite"),
    "portal.parallel_calls": ("doit être au plus 16", "17"),
    "portal.connect_timeout_seconds": ("doit être supérieur à 0.0", "0"),
    "portal.read_timeout_seconds": ("doit être au plus 600.0", "nan"),
    "portal.reconcile_minutes": ("une liste est attendue", "15"),
    "portal.report_minutes.1": ("doit être au moins 0", "-2"),
    "portal.report_minutes.2": ("un nombre entier est attendu", "a"),
    "look.accent": ("n'a pas la forme attendue : écrivez #rrvvbb, par exemple #1f4e79", "bleu"),
}


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """Fifteen different mistakes: fifteen findings in French, each with its key and value."""
    mistakes = _mistakes(
        tmp_path,
        *MISTAKES,
    )

    assert {key: (f.message, f.value) for key, f in mistakes.items()} == TOLD


@pytest.mark.parametrize(
    "key, old, new, message",
    [
        ("syndicat.iban", "FR76 9999", "FR77 9999", "IBAN"),
        ("syndicat.siret", '"99990000400014"', '"99990000400015"', "SIRET"),
        ("syndicat.siret", '"99990000400014"', '"9999000040001A"', "SIRET"),
        ("syndicat.vat_number", "FR50999900004", "FR51999900004", "TVA"),
        ("syndicat.vat_number", "FR50999900004", "BE0999900004", "TVA"),
        ("syndicat.bic", '# bic = "XXXXFRPP"', 'bic = "XXXX"', "forme"),
        ("numbering.invoice", '"BSN-{annee}-"', '"BSN {annee}"', "lettres, chiffres"),
        ("numbering.invoice", '"BSN-{annee}-"', '"É{annee}"', "lettres, chiffres"),
        ("numbering.invoice", '"BSN-{annee}-"', '"{year}{annee}"', "lettres, chiffres"),
        ("numbering.statement", '"ETAT-{annee}-"', '"ETAT-"', "{annee}"),
        ("numbering", '"BSN-{annee}-"', '"SYNDICAT-BSN-{annee}"', "22 caractères"),
        ("numbering", '"ETAT-{annee}-"', '"BSN-{annee}-"', "préfixes différents"),
    ],
)
def test_what_chorus_pro_or_a_bank_would_refuse_is_refused_here(
    tmp_path: Path, key: str, old: str, new: str, message: str
) -> None:
    """Wrong keys, forbidden characters, numbers past twenty characters: said with the key."""
    mistakes = _mistakes(tmp_path, (old, new))

    assert set(mistakes) == {key}
    assert message in mistakes[key].message


def test_twenty_characters_are_accepted(tmp_path: Path) -> None:
    """The longest number that Chorus Pro takes is not refused by one."""
    configuration = _loaded(
        tmp_path, ('invoice = "BSN-{annee}-"', 'invoice = "SYNDI-BSN-+{annee}"')
    )

    assert configuration.settings.numbering.invoice == "SYNDI-BSN-+{annee}"


@pytest.mark.parametrize("written", ["50999900004", "fr 50 999 900 004", "FR50.999.900.004"])
def test_identifiers_are_kept_as_the_standard_writes_them(tmp_path: Path, written: str) -> None:
    """A VAT number always has its FR, a SIRET its fourteen digits, however they were typed."""
    syndicat = _loaded(
        tmp_path,
        ('"FR50999900004"', f'"{written}"'),
        ('"99990000400014"', '"999 900 004 00014"'),
    ).settings.syndicat

    assert (syndicat.vat_number, syndicat.siret) == ("FR50999900004", "99990000400014")


@pytest.mark.parametrize(
    "old, new, key, message",
    [
        ("public = true", 'public = "peut-être"', "syndicat.public", "true ou false est attendu"),
        ("public = true", "public = [1]", "syndicat.public", "true ou false est attendu"),
        (
            "password_warning_days = 30",
            "password_warning_days = 425",
            "portal.password_warning_days",
            "doit être au plus 424",
        ),
    ],
)
def test_what_the_directory_is_asked_is_set_within_reason(
    tmp_path: Path, old: str, new: str, key: str, message: str
) -> None:
    """A public body, or not; a password is never spoken of for longer than it lives."""
    settings = _loaded(tmp_path).settings

    assert (settings.syndicat.public, settings.portal.password_warning_days) == (True, 30)
    assert {key: finding.message for key, finding in _mistakes(tmp_path, (old, new)).items()} == {
        key: message
    }


def test_a_seller_may_have_no_vat_number(tmp_path: Path) -> None:
    """A body exempt from VAT leaves it out."""
    assert _loaded(tmp_path, ('"FR50999900004"', '""')).settings.syndicat.vat_number == ""


def test_unknown_keys_are_refused(tmp_path: Path) -> None:
    """A misspelt key or table would be silently ignored otherwise."""
    mistakes = _mistakes(
        tmp_path,
        ("due_days = 30", "due_dais = 30"),
        ("[look]", "[couleurs]"),
        ("[worker]", "[worker]\nthreads = 4"),
    )

    assert set(mistakes) == {"billing.due_dais", "couleurs", "worker.threads"}
    assert {finding.message for finding in mistakes.values()} == {"clé inconnue"}
    assert mistakes["billing.due_dais"].remedy.startswith("Peut-être billing.due_days ?")
    assert mistakes["couleurs"].remedy.startswith("Corrigez")


@pytest.mark.parametrize("wrong", ["a\\u0000b", "a\udcffb"])
@pytest.mark.parametrize("key", ["folder", "tariffs"])
def test_a_path_that_cannot_be_named_is_refused(tmp_path: Path, key: str, wrong: str) -> None:
    """A null character, or a name that is not in UTF-8: in the file, or that of its folder."""
    if "\udcff" in wrong:
        (tmp_path / wrong).mkdir()
        configuration = _loaded(tmp_path / wrong)
    else:
        configuration = _loaded(tmp_path, (_line(key), f'{key} = "{wrong}"'))
    with pytest.raises(ConfigurationError, match=r"Le chemin .* ne convient pas"):
        _ = configuration.data_folder if key == "folder" else configuration.tariff_folder


def _line(key: str) -> str:
    text = shipped("config/worker.toml").read_text("utf-8")
    return next(line for line in text.splitlines() if line.startswith(f"{key} ="))


def test_a_table_is_no_value(tmp_path: Path) -> None:
    """A value where a table is expected, and an array of tables, are said."""
    assert _mistakes(tmp_path, ("[portal]", "[[portal]]"))["portal"].message == (
        "une table est attendue"
    )


def test_a_secret_in_the_wrong_place_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret typed in this file is refused by its key; its value is in no text at all."""
    monkeypatch.setenv("CHORUS_WORKER_CLIENT_SECRET", "un autre")
    path = _write(tmp_path, ('channel = "api"', f'channel = "api"\nclient_secret = "{SECRET}"'))
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    (finding,) = caught.value.findings
    assert finding.where == "worker.toml : client_secret"
    assert "secrets_file" in finding.remedy
    assert SECRET not in repr(finding)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in f"{error!r} {error}"
        error = error.__cause__


def test_a_missing_file_says_how_to_begin(tmp_path: Path) -> None:
    """Where it was looked for, and the three ways to name another."""
    with pytest.raises(ConfigurationError, match=str(tmp_path / "worker.toml")) as caught:
        load(tmp_path / "worker.toml")

    assert all(word in caught.value.remedy for word in ("init", "--config", CONFIG_VARIABLE))


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    """Naming the folder instead of the file is understood."""
    with pytest.raises(ConfigurationError, match="pas un fichier ordinaire"):
        load(tmp_path)


def test_another_encoding_is_named(tmp_path: Path) -> None:
    """A file saved as Windows-1252 is told to be, not taken for a syntax error."""
    (tmp_path / "worker.toml").write_bytes(COMPLETE.encode("cp1252"))
    with pytest.raises(ConfigurationError, match="UTF-8") as caught:
        load(tmp_path / "worker.toml")

    assert "codec" not in caught.value.message


def test_the_mark_of_a_windows_editor_is_harmless(tmp_path: Path) -> None:
    """UTF-8 with a byte order mark reads as UTF-8."""
    (tmp_path / "worker.toml").write_text(COMPLETE, "utf-8-sig")

    assert load(tmp_path / "worker.toml").settings.channel is Channel.API


def test_wrong_syntax_is_told_with_its_line(tmp_path: Path) -> None:
    """TOML that does not parse: the line to correct."""
    path = _write(tmp_path, ("due_days = 30", "due_days = trente"))
    line = path.read_text("utf-8").split("\n").index("due_days = trente") + 1
    with pytest.raises(ConfigurationError, match=rf"TOML.*ligne {line}\b"):
        load(path)


def test_the_environment_wins_and_is_named_as_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each value says whether it comes from a variable, the file or nowhere."""
    monkeypatch.setenv("CHORUS_WORKER_PORTAL__ENVIRONMENT", "qualification")
    monkeypatch.setenv("CHORUS_WORKER_PORTAL__REPORT_MINUTES", "[3, 5]")
    monkeypatch.setenv("CHORUS_WORKER_PORTAL__USER_ID", "331")
    monkeypatch.setenv("chorus_worker_billing__due_days", "45")
    configuration = _loaded(tmp_path, ("heartbeat_minutes = 15", ""))
    settings, origins = configuration.settings, configuration.origins

    assert settings.portal.environment is Environment.QUALIFICATION
    assert settings.portal.report_minutes == (3, 5)
    assert settings.billing.due_days == 45
    assert (settings.portal.requests_per_second, settings.portal.user_id) == (5, 331)
    assert origins["portal.environment"] == "variable CHORUS_WORKER_PORTAL__ENVIRONMENT"
    assert origins["billing.due_days"] == "variable chorus_worker_billing__due_days"
    assert origins["portal.requests_per_second"] == "fichier"
    assert origins["worker.heartbeat_minutes"] == "valeur par défaut"
    assert origins["secrets_file"] == "valeur par défaut"


def test_a_mistake_in_a_variable_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody should look in the file for what the environment says wrong."""
    monkeypatch.setenv("CHORUS_WORKER_BILLING__DUE_DAYS", "bientôt")

    assert set(_mistakes(tmp_path)) == {"variable CHORUS_WORKER_BILLING__DUE_DAYS"}


@pytest.mark.parametrize("value", ["1,2", "[1"])
def test_a_list_that_is_no_json_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """How a list is written in a variable is not known to everybody."""
    monkeypatch.setenv("CHORUS_WORKER_PORTAL__REPORT_MINUTES", value)
    with pytest.raises(ConfigurationError, match="CHORUS_WORKER_PORTAL__REPORT_MINUTES") as caught:
        _loaded(tmp_path)

    assert "JSON" in caught.value.remedy


def test_variables_of_others_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secrets' variables and the one that names the file are no settings."""
    monkeypatch.setenv(CONFIG_VARIABLE, "ailleurs.toml")
    monkeypatch.setenv("CHORUS_WORKER_CLIENT_ID", "x")

    assert _loaded(tmp_path).settings.channel is Channel.API


def test_the_file_is_found_by_option_then_variable_then_habit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``--config`` first; an empty variable counts as none."""
    assert find_config(None) == DEFAULT_CONFIG
    monkeypatch.setenv(CONFIG_VARIABLE, "")
    assert find_config(None) == DEFAULT_CONFIG
    monkeypatch.setenv(CONFIG_VARIABLE, "ailleurs.toml")

    assert find_config(None) == Path("ailleurs.toml")
    assert find_config(Path("ici.toml")) == Path("ici.toml")


def test_paths_start_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the command is typed, relative paths are those of the file's folder."""
    (tmp_path / "100 % à nous ?").mkdir()
    path = _write(
        tmp_path, ('folder = "donnees"', 'folder = "100 % à nous ?"'), ('"tarifs"', '"/srv/tarifs"')
    )
    monkeypatch.chdir(tmp_path)
    configuration = load(Path(path.name))

    assert configuration.data_folder == tmp_path / "100 % à nous ?"
    assert configuration.tariff_folder == Path("/srv/tarifs")
    assert configuration.database_url.startswith("sqlite:////")
    assert "?" not in configuration.database_url


def test_a_database_url_is_taken_as_it_is(tmp_path: Path) -> None:
    """PostgreSQL by its URL."""
    url = "postgresql:///chorus_worker"
    changed = ('# database_url = "postgresql:///chorus_worker"', f'database_url = "{url}"')

    assert _loaded(tmp_path, changed).database_url == url


@pytest.mark.parametrize(
    "url,shown",
    [
        ("postgresql://chorus:motdepasse@db/chorus", "postgresql://chorus:••••@db/chorus"),
        ("postgresql:///chorus_worker", "postgresql:///chorus_worker"),
        ("postgresql://chorus@db/chorus", "postgresql://chorus@db/chorus"),
        ("postgresql://chorus:mot@de@passe@db/chorus", "postgresql://chorus:••••@db/chorus"),
        ("postgresql://chorus:mot/de:passe@db/chorus", "postgresql://chorus:••••@db/chorus"),
        ("postgresql://db/chorus?user=chorus&password=passe", "postgresql://db/chorus?••••"),
        ("postgresql://db/chorus?sslpassword=mot@passe", "••••"),
        ("postgresql://chorus:mot?de@passe@db/chorus", "••••"),
        ("postgresql://chorus:a://passe@db/chorus", "postgresql://chorus:••••@db/chorus"),
        ("host=db password=passe", "••••"),
        ("", ""),
    ],
)
def test_the_password_of_a_database_url_is_never_shown(url: str, shown: str) -> None:
    """Wherever it stands in the URL, and whatever signs it holds."""
    assert masked_url(url) == shown
    assert "passe" not in masked_url(url)


def test_a_database_url_of_another_type_is_refused_without_its_value(tmp_path: Path) -> None:
    """Nor is it in what is said of a mistake."""
    changed = ('# database_url = "postgresql:///chorus_worker"', 'database_url = ["a:passe@b"]')
    with pytest.raises(ConfigurationError) as caught:
        _loaded(tmp_path, changed)

    assert "passe" not in repr(caught.value.findings)


@pytest.mark.parametrize(
    "line",
    [
        "reconcile_minutes = [15, 60, 240, 1440, 2880]",
        "report_minutes = [1, 2, 4, 8, 15, 60, 240]",
    ],
)
def test_waits_need_at_least_one_look(tmp_path: Path, line: str) -> None:
    """Without any look, an uncertain deposit would stay uncertain for ever."""
    key = line.partition(" =")[0]
    mistakes = _mistakes(tmp_path, (line, f"{key} = []"))

    assert set(mistakes) == {f"portal.{key}"}


@pytest.mark.parametrize(
    "environment,waits,message",
    [
        ("production", "[0]", "1440 minutes"),
        ("qualification", "[15, 60, 1439]", "1440 minutes"),
        ("local", "[60, 15, 2880]", "croissantes"),
    ],
)
def test_no_absence_is_concluded_before_the_portal_can_show_it(
    tmp_path: Path, environment: str, waits: str, message: str
) -> None:
    """The waits of the demonstration, copied to production, would send an invoice twice."""
    changes = (
        ('environment = "local"', f'environment = "{environment}"'),
        ("reconcile_minutes = [15, 60, 240, 1440, 2880]", f"reconcile_minutes = {waits}"),
    )
    mistakes = _mistakes(tmp_path, *changes)

    assert set(mistakes) == {"portal.reconcile_minutes"}
    assert message in mistakes["portal.reconcile_minutes"].message


def test_a_day_of_searches_is_enough(tmp_path: Path) -> None:
    """On the local portal, none of it is needed."""
    line = "reconcile_minutes = [15, 60, 240, 1440, 2880]"
    for environment, waits in (("production", "[60, 1440]"), ("local", "[0]")):
        changes = (
            ('environment = "local"', f'environment = "{environment}"'),
            (line, f"reconcile_minutes = {waits}"),
        )
        kept = _loaded(tmp_path, *changes).settings.portal
        assert f"{list(kept.reconcile_minutes)}" == waits


@pytest.mark.parametrize(
    "old, new, key",
    [
        ('city = "Villefictive"', 'city = "Ville\\u200bfictive"', "syndicat.city"),
        ('late_payment = "En cas', 'late_payment = "En\\u202e cas', "billing.late_payment"),
        ('recovery_costs = "Aucune ', 'recovery_costs = "Aucune\\n', "billing.recovery_costs"),
    ],
)
def test_a_text_that_hides_a_sign_is_refused(tmp_path: Path, old: str, new: str, key: str) -> None:
    """What is printed on every invoice is what the configuration shows."""
    (found,) = _mistakes(tmp_path, (old, new)).items()

    assert found[0] == key
    assert "contient un" in found[1].message


@pytest.mark.parametrize(
    "line,key",
    [
        ('timestamp_url = "https://horodatage.exemple.fr"', "journal"),
        ('timestamp_certificates = "x.pem"', "journal"),
        ('timestamp_url = "ftp://exemple.fr"', "journal.timestamp_url"),
        ('timestamp_url = "https://moi:secret@exemple.fr"', "journal.timestamp_url"),
        ('timestamp_url = "https://"', "journal.timestamp_url"),
    ],
)
def test_an_authority_is_an_address_and_its_certificates(
    tmp_path: Path, line: str, key: str
) -> None:
    """Neither goes without the other; nothing secret stands in the address."""
    mistakes = _mistakes(tmp_path, ("[journal]\n", f"[journal]\n{line}\n"))

    assert key in mistakes
    assert "secret" not in mistakes[key].value


def test_the_certificates_are_beside_the_configuration(tmp_path: Path) -> None:
    """As every path of the file."""
    lines = 'timestamp_url = "http://exemple.fr/tsa"\ntimestamp_certificates = "x.pem"\n'
    configuration = _loaded(tmp_path, ("[journal]\n", f"[journal]\n{lines}"))

    assert configuration.timestamp_certificates == tmp_path / "x.pem"
