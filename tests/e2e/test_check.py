"""``check``: what a person reads before a year is billed, and the code a script gets."""

import contextlib
import json
import os
import pty
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.program import command, environment, run
from worker.billing.period import french_date, paris_day
from worker.service.demo import COMPLEMENT, EXAMPLES, SELLER
from worker.service.local_portal import STRUCTURES

DEAD_PORTAL = {"CHORUS_WORKER_PORTAL__LOCAL_URL": "http://127.0.0.1:9"}
OWING = "99980908000016"


def password_expires(demo: Path, days_left: int) -> str:
    """Have the local portal say so of our technical account; gives the day in French."""
    path = demo.parent / "donnees" / STRUCTURES
    day = paris_day(datetime.now(UTC)) + timedelta(days=days_left)
    structures = json.loads(path.read_text("utf-8"))
    (ours,) = [entry for entry in structures if entry["siret"] == SELLER]
    ours["account_password_expiry"] = day.isoformat()
    path.write_text(json.dumps(structures), "utf-8")
    return french_date(day)


def test_what_is_missing_is_said_with_the_command_that_brings_it(demo: Path) -> None:
    """Exit 1 and a command to type; once it is typed, exit 0 and nothing left to look at."""
    said = run("check", "2025", config=demo)
    assert said.code == 1, said.err
    lines = said.out.splitlines()
    assert lines[0].split("  ")[0] == "membre"
    assert sum("facturé" in line for line in lines[2:14]) == 11
    (owing,) = [line for line in lines if OWING in line]
    assert owing.endswith("à corriger")
    assert "rien n'a été facturé" in said.out
    assert "Grille 2023 : janvier 2025 à décembre 2025." in said.out
    assert "structure du syndicat active" in said.out
    assert f"--config {demo} import references" in said.err

    complement = demo.parent / EXAMPLES / COMPLEMENT
    assert run("import", "references", complement, config=demo).code == 0
    ready = run("check", "2025", "--json", "--refresh", config=demo)

    assert ready.code == 0, ready.err
    assert ready.json["ok"] is True
    assert {one["state"] for one in ready.json["members"]} == {"ready", "issued"}


def test_programs_read_stable_keys(demo: Path) -> None:
    """Members in the order of their SIRET, amounts as text, dates in ISO form, one finding."""
    told = run("check", "2025", "--json", config=demo).json
    assert (told["ok"], told["year"], told["finished"], told["channel"]) == (
        False,
        2025,
        True,
        "api",
    )
    assert (told["total_ttc"], told["error"], told["findings"]) == ("110105.64", None, [])
    assert told["seller"]["password_expires"] == "2099-12-31"
    assert told["grids"][0]["months"][0] == "2025-01"
    sirets = [one["member_siret"] for one in told["members"]]
    assert sirets == sorted(sirets)
    (owing,) = [one for one in told["members"] if one["findings"]]

    assert (owing["member_siret"], owing["state"], owing["total_ttc"]) == (
        OWING,
        "blocked",
        "7812.00",
    )
    assert [finding["code"] for finding in owing["findings"]] == ["DIR-ENGAGEMENT"]
    assert datetime.fromisoformat(owing["directory_read_at"]).tzinfo is not None


@pytest.mark.parametrize(
    "variables,code,words",
    [
        (DEAD_PORTAL, 3, "Chorus Pro"),
        ({"CHORUS_WORKER_TECHNICAL_PASSWORD": "valeur-a-ne-pas-montrer"}, 2, "compte technique"),
    ],
)
def test_without_the_portal_the_rest_is_still_shown(
    demo: Path, variables: dict[str, str], code: int, words: str
) -> None:
    """The whole table on standard output, the reason on standard error, the code that says it."""
    said = run("check", "2025", config=demo, env=variables)

    assert said.code == code, said.err
    assert "110 105,64 €" in said.out.replace("\u202f", " ").replace("\xa0", " ")
    assert "1 annuaire non lu" in said.out
    assert "Erreur : " in said.err
    assert words in said.err
    assert "valeur-a-ne-pas-montrer" not in said.out + said.err
    assert "Traceback" not in said.err


def test_a_password_that_expires_soon_is_a_warning_everywhere(demo: Path) -> None:
    """``check`` and ``run`` name the day and what to do; nothing is stopped."""
    day = password_expires(demo, 12)
    said = run("check", "2025", "--refresh", config=demo)
    assert said.code == 1
    assert f"expire le {day}, dans 12 jours" in said.err
    billed = run("run", "2025", config=demo)

    assert billed.code == 1, billed.err  # the member that owes an engagement
    assert f"expire le {day}" in billed.err
    assert "technical_password" in billed.err


def test_a_password_past_its_day_stops_the_run_before_any_number(demo: Path) -> None:
    """Exit 2, the day, the remedy; no number is taken."""
    run("import", "references", demo.parent / EXAMPLES / COMPLEMENT, config=demo)
    day = password_expires(demo, -1)
    # What the demonstration read is still believed for a day.
    said = run("run", "2025", config=demo, env={"CHORUS_WORKER_PORTAL__DIRECTORY_CACHE_HOURS": "0"})
    assert said.code == 2
    assert "rien n'a été émis" in said.err
    assert f"a expiré le {day}" in said.err
    assert "Traceback" not in said.err
    numbers = [i["number"] for i in run("status", "--json", config=demo).json["invoices"]]

    assert numbers.count(None) == 1


def test_the_helios_channel_says_that_it_has_no_directory(demo: Path) -> None:
    """Said, and not a failure: everybody is ready."""
    said = run("check", "2025", config=demo, env={"CHORUS_WORKER_CHANNEL": "helios"})

    assert said.code == 0, said.err
    assert "Canal Hélios" in said.out
    assert "1 prêt, 11 facturés" in said.out


def test_a_person_sees_how_far_it_is_and_a_file_does_not(demo: Path) -> None:
    """On a terminal the questions to the directory are counted; elsewhere not a sign of it."""
    ours, theirs = pty.openpty()
    line = command("check", "2025", config=demo)
    terminal = environment() | {"TERM": "xterm"}
    shown = b""
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=theirs, env=terminal) as process:
        os.close(theirs)
        with contextlib.suppress(OSError):  # how Linux says that the other side is closed
            while part := os.read(ours, 65536):
                shown += part
        assert process.stdout is not None
        table = process.stdout.read()
    os.close(ours)

    assert process.returncode == 1
    assert "Annuaire de Chorus Pro" in shown.decode()
    assert "100%" in shown.decode()
    assert b"Annuaire de Chorus Pro" not in table
    assert "Annuaire de Chorus Pro" not in run("check", "2025", config=demo).err
