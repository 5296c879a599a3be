"""The JSON keys of ``mail`` and ``contacts``; a contract as those of ``json_views``."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from worker.cli.json_views import View, findings
from worker.errors import Finding

if TYPE_CHECKING:
    from worker.billing.sent_mail import MailKind, SentMail
    from worker.mailing.contacts import ContactRecord
    from worker.mailing.sending import Done


def mails(
    kind: "MailKind",
    year: int,
    done: Iterable["Done"],
    found: Iterable[Finding],
    folder: Path | None,
    *,
    ok: bool,
) -> View:
    """What came of each letter; never an address."""
    return {
        "ok": ok,
        "kind": kind,
        "year": year,
        "folder": folder,
        "members": [
            {
                "member_siret": one.letter.siret,
                "member_name": one.letter.name,
                "result": one.result,
                "code": one.code or None,
            }
            for one in done
        ],
        "findings": findings(found),
    }


def received(kind: "MailKind", year: int, siret: str) -> View:
    """A person's word."""
    return {"kind": kind, "year": year, "member_siret": siret, "result": "received"}


def contact_record(found: "ContactRecord") -> View:
    """All that is kept of a contact."""
    return {
        "member_siret": found.siret,
        "member_name": found.member_name,
        "contacts": [
            {
                "name": one.name or None,
                "email": one.email or None,
                "file": file or None,
                "row": one.row,
                "updated_at": one.updated_at,
                "used_at": one.used_at,
                "superseded_at": one.superseded_at,
            }
            for one, file in found.versions
        ],
        "mails": [_mail(mail) for mail in found.mails],
    }


def _mail(mail: "SentMail") -> View:
    return {
        "kind": mail.kind,
        "year": mail.year,
        "message_id": mail.message_id,
        "result": mail.state,
        "code": mail.detail or None,
        "intended_at": mail.intended_at,
        "answered_at": mail.answered_at,
    }


def corrected(siret: str, changed: Sequence[str]) -> View:
    """Which fields changed."""
    return {"member_siret": siret, "changed": list(changed)}


def erased(gone: Mapping[str, int], copies: Sequence[Path], *, dry_run: bool) -> View:
    """What was erased, or would be; ``copies``: of the database, which may have it still."""
    return {
        "dry_run": dry_run,
        "erased": [{"member_siret": siret, "versions": number} for siret, number in gone.items()],
        "copies": list(map(str, copies)),
    }
