"""``journal checkpoint``, ``journal verify --checkpoint``, ``audit report``, as they are typed."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.program import run
from tests.support.printed_pages import pages
from tests.support.scripted_server import reply, serving
from tests.support.timestamp_authority import NAME, Authority, answering, whatever

AUTHORITY = Authority.made()


def sound(query: bytes) -> bytes:
    """A token of an authority whose clock is right."""
    return AUTHORITY.answer(query, datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1))


def test_checkpoints_are_kept_elsewhere_stamped_and_compared(demo: Path, tmp_path: Path) -> None:
    """One is placed, copied and stamped; the copy, a line of it and the report show a rewriting."""
    elsewhere = tmp_path / "points.jsonl"
    roots = tmp_path / "roots.pem"
    roots.write_bytes(AUTHORITY.roots)
    steps = (whatever(reply(b"panne", 503)), answering(sound))
    with serving(*steps, reads=False) as server:
        told = {
            "CHORUS_WORKER_JOURNAL__TIMESTAMP_URL": server.url,
            "CHORUS_WORKER_JOURNAL__TIMESTAMP_CERTIFICATES": str(roots),
        }
        run("park", "99900007800017", "2024", "--reason", "essai", config=demo)
        in_vain = run("journal", "checkpoint", "--to", elsewhere, config=demo, env=told)
        stamped = run("journal", "checkpoint", "--json", config=demo, env=told)
    sound_books = run("journal", "verify", "--checkpoint", elsewhere, "--json", config=demo)
    last = elsewhere.read_text().splitlines()[-1]
    elsewhere.write_text(last.replace(stamped.json["checkpoint"]["hash"], "0" * 64))
    changed = run("journal", "verify", "--checkpoint", elsewhere, "--json", config=demo)
    nonsense = run("journal", "verify", "--checkpoint", roots, config=demo)

    assert (in_vain.code, "erreur HTTP 503" in in_vain.err) == (1, True)
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o600
    assert (stamped.code, stamped.json["placed"], stamped.json["problem"]) == (0, False, None)
    assert stamped.json["timestamp"]["authority"] == f"CN={NAME}"
    assert stamped.json["checkpoint"]["invoices"]["2025"]["count"] == 11
    assert (sound_books.code, sound_books.json["findings"]) == (0, [])
    assert sound_books.json["timestamps"] == 1
    assert [one["code"] for one in changed.json["findings"]] == ["CHECKPOINT-LOST"]
    assert (nonsense.code, "ni un jeton" in nonsense.err) == (2, True)


def test_a_campaign_leaves_its_report(demo: Path, tmp_path: Path) -> None:
    """In the folder of the data; ``audit report`` writes it again, the same bytes."""
    ran = run("run", "2025", config=demo)
    (written,) = (demo.parent / "donnees" / "rapports").iterdir()
    again = run("audit", "report", "2025", "--to", tmp_path / "rapport.pdf", config=demo)
    (text,) = pages(written.read_bytes())

    assert str(written) in ran.out
    assert (again.code, (tmp_path / "rapport.pdf").read_bytes()) == (0, written.read_bytes())
    assert "Retenus 1" in text
    assert run("audit", "report", "2024", "--to", tmp_path / "x.pdf", config=demo).code == 2


@pytest.mark.parametrize("name", ["rapports", "checkpoints.jsonl"])
def test_what_cannot_be_written_beside_the_data_stops_no_campaign(demo: Path, name: str) -> None:
    """A file in the place of a folder, a folder in the place of a file: it is said."""
    place = demo.parent / "donnees" / name
    if name == "rapports":
        place.write_bytes(b"")
    else:
        place.unlink()
        place.mkdir()
    said = run("run", "2025", config=demo)

    assert said.code == 1, said.err
    assert name in said.err
    assert "Journal :" in said.out
