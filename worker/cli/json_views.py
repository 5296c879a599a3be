"""Every JSON key of the command line: a value, and what ``--json`` says of it.

The keys are a contract with other programs (docs/commands.md): they are added to, never changed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worker.billing.period import paris_day
from worker.billing.price_rows import price_rows
from worker.billing.status import awaits_payment
from worker.errors import Finding, FindingGroup, ImportRefused, WorkerError, has_blocking

if TYPE_CHECKING:  # each command has loaded what it shows; the others stay quick to start
    from worker.accounting.interest import Late
    from worker.accounting.settlements import Recorded
    from worker.accounting.titles.export import Exported
    from worker.app import App
    from worker.audit.anchors import Anchoring
    from worker.audit.deposits import Deposit
    from worker.audit.dossier.site import Outcome
    from worker.audit.explanation import CreditNote, Explained, Explanation, LineStep
    from worker.audit.portal_copy import PortalCopy
    from worker.audit.record import InvoiceRecord
    from worker.audit.verification import Verification
    from worker.billing.campaign import Campaign
    from worker.billing.checkpoint import CheckpointLine
    from worker.billing.comparison import Confirmation
    from worker.billing.consumption import Outside
    from worker.billing.invoice import Invoice, InvoiceLine
    from worker.billing.journal import JournalEvent
    from worker.billing.late_interest import InterestRule
    from worker.billing.members import Subscription
    from worker.billing.period import Month
    from worker.billing.portal_document import PortalDocument
    from worker.billing.provenance import Moment, Origin, Version
    from worker.billing.rating import RatedLine
    from worker.billing.settlement import Settlement, Standing
    from worker.billing.status import TrackedInvoice
    from worker.billing.tariff import TariffGrid
    from worker.billing.tariff_revision import PriceChange
    from worker.billing.title import Title
    from worker.corrections.credit import CreditDraft
    from worker.corrections.todo import Advice
    from worker.corrections.waiting import DisagreeingAccount, Waiting
    from worker.imports.history import ChangedValue
    from worker.imports.intake import Intake
    from worker.imports.kinds import ImportKind
    from worker.imports.template import ColumnTold
    from worker.issuing.check import CheckedMember, CheckedYear
    from worker.issuing.directory import DirectoryAnswer
    from worker.issuing.preview import Preview
    from worker.issuing.successions import Handover
    from worker.service.decisions import Credited
    from worker.service.failures import Failure
    from worker.service.portal_comparison import Comparison
    from worker.service.trial import Trial
    from worker.storage.observations import Observation
    from worker.storage.source_files import ImportedFile
    from worker.storage.versions import Changes
    from worker.validation.files.verdict import FileVerdict

View = dict[str, Any]


def plain(value: object) -> str:
    """An amount, a month, a path or an instant, as JSON has it."""
    return value.isoformat() if isinstance(value, date) else str(value)


def findings(found: Iterable[Finding]) -> list[View]:
    """Findings."""
    return [
        {
            "code": finding.code,
            "severity": finding.severity,
            "where": finding.where,
            "value": finding.value,
            "message": finding.message,
            "remedy": finding.remedy,
        }
        for finding in found
    ]


def error(stopped: WorkerError) -> View:
    """A stop."""
    return {
        "message": stopped.message,
        "remedy": stopped.remedy,
        "exit_code": stopped.exit_code,
    }


def failure(stopped: WorkerError) -> View:
    """All that a command says when it was stopped."""
    view: View = {"ok": False, "error": error(stopped), "findings": findings(stopped.findings)}
    return view | ({"groups": groups(stopped.groups)} if isinstance(stopped, ImportRefused) else {})


def groups(found: Iterable[FindingGroup]) -> list[View]:
    """Findings, those of one cause as one."""
    return [
        {
            "code": group.code,
            "severity": group.severity,
            "count": group.count,
            "where": group.where,
            "message": group.message,
            "remedy": group.remedy,
        }
        for group in found
    ]


def advice(said: "Advice") -> View:
    """What a person must do; ``command``: the words after ``chorus-worker``."""
    # Commands that show no invoice answer without loading these.
    from worker.corrections.todo_sentences import sentence  # noqa: PLC0415

    return {
        "code": said.code.value,
        "command": list(said.command) or None,
        "sentence": sentence(said),
    }


def invoice(
    tracked: "TrackedInvoice",
    now: datetime,
    standing: "Standing | None",
    told: "Title | None" = None,
    *,
    deposits: bool,
) -> View:
    """An invoice and what is left of it; ``deposits`` as for ``todo``."""
    from worker.corrections.todo import todo  # noqa: PLC0415

    said = todo(tracked, now, deposits=deposits)
    awaits = standing is not None and awaits_payment(tracked, deposits=deposits)
    return {
        "number": tracked.number or None,
        "kind": tracked.kind,
        "year": tracked.year,
        "member_siret": tracked.siret,
        "member_name": tracked.member_name,
        "total_ttc": tracked.signed_total,
        "status": tracked.status,
        "portal_status": tracked.portal_status or None,
        "flux_number": tracked.flux_number or None,
        "cpp_id": None if tracked.portal_id is None else int(tracked.portal_id),
        "issued_on": tracked.issue_date,
        "due_on": tracked.due_date,
        "paid": None if standing is None else standing.paid,
        "left": None if standing is None or not awaits else standing.left,
        "title": None if told is None else title(told),
        "days_late": standing.days_late(paris_day(now)) if standing and awaits else 0,
        "deposited_at": tracked.deposited_at or None,
        "detail": tracked.french_detail or None,
        "todo": None if said is None else advice(said),
        "findings": findings(tracked.findings),
    }


def invoices(
    app: "App",
    found: Iterable["TrackedInvoice"],
    standings: Mapping[int, "Standing"],
    titles: Mapping[int, "Title"],
    *,
    ok: bool,
    **beside: object,
) -> View:
    """Invoices, with what is left of each, and its title; ``ok``: none waits for a person."""
    now, deposits = app.clock(), app.deposits
    shown = [
        invoice(one, now, standings.get(one.id), titles.get(one.id), deposits=deposits)
        for one in found
    ]
    return {"ok": ok, "invoices": shown, **beside}


def title(told: "Title") -> View:
    """A title of the finance software."""
    return {
        "number": told.number,
        "slip": told.slip,
        "budget_year": told.budget_year,
        "issued_on": told.issued_on,
    }


def titles_export(done: "Exported", to: Path, layout: str) -> View:
    """Titles that were written for the finance software."""
    return {
        "file": to,
        "layout": layout,
        "edition": done.edition,
        "rows": len(done.lines),
        "numbers": list(done.numbers),
        "total_ttc": done.total,
        "pieces": done.pieces,
        "titled": list(done.titled),
        "reductions": list(done.credits),
        "void": list(done.void),
        "shortened": list(done.shortened),
    }


def settlement(paid: "Settlement") -> View:
    """A payment in the books."""
    return {
        "id": paid.id,
        "paid_on": paid.on,
        "amount": paid.amount,
        "reference": paid.reference or None,
        "recorded_at": paid.recorded_at,
        "recorded_by": paid.recorded_by,
        "cancelled_at": paid.cancelled_at,
        "reason": paid.reason or None,
    }


def settled(done: "Recorded") -> View:
    """A payment that was recorded or cancelled, and what its invoice comes to."""
    standing = done.standing
    return {
        "number": done.invoice.number,
        "status": done.invoice.status,
        "already_recorded": done.already,
        "alike": None if done.alike is None else done.alike.id,
        "settlement": settlement(done.settlement),
        "due": standing.due,
        "credited": standing.credited,
        "paid": standing.paid,
        "left": standing.left,
    }


def late_interest(
    late: Iterable["Late"], until: date, rule: "InterestRule", to: Path | None
) -> View:
    """What late payment comes to, invoice by invoice."""
    return {
        "on": until,
        "rule": rule,
        "file": to,
        "invoices": [
            {
                "number": one.invoice.number,
                "member_siret": one.invoice.siret,
                "member_name": one.invoice.member_name,
                "due_on": one.invoice.due_date,
                "left": one.left,
                "days_late": one.interest.days,
                "interest": one.interest.amount,
                "lump_sum": one.interest.lump_sum,
                "stretches": [
                    {
                        "first": part.first,
                        "last": part.last,
                        "days": part.days,
                        "principal": part.principal,
                        "percent": part.percent,
                        "source": part.source,
                    }
                    for part in one.interest.stretches
                ],
            }
            for one in late
        ],
    }


def beyond_the_books(left: Iterable["PortalDocument"]) -> View:
    """What the portal holds of our series and the books do not know."""
    documents = [
        {
            "number": document.number,
            "cpp_id": document.portal_id,
            "recipient": document.recipient,
            "total_ttc": document.gross,
            "issued_on": document.issue_date,
            "flux_number": document.flux_number,
        }
        for document in left
    ]
    return {"ok": not documents, "beyond_the_books": documents}


def disagreements(members: Iterable["DisagreeingAccount"]) -> list[View]:
    """Members about whom the portal and the books disagree."""
    return [
        {
            "member_siret": one.account.siret,
            "member_name": one.account.member_name,
            "year": one.account.year,
            "owed": one.balance.owed,
            "owed_at_portal": one.balance.owed_at_portal,
            "todo": [advice(each) for each in one.advice],
        }
        for one in members
    ]


def waiting(app: "App", left: "Waiting", failure: "Failure | None") -> View:
    """All that waits for a person, and the last heartbeat when it failed."""
    service = failure and {
        "at": failure.at,
        "message": failure.message,
        "remedy": failure.remedy,
        "in_a_row": failure.in_a_row,
    }
    return {
        **beyond_the_books(left.beyond),
        **invoices(
            app,
            [one for one, _ in left.invoices],
            left.standings,
            left.titles,
            ok=not (len(left) or failure),
        ),
        "overdue": [
            {
                "number": one.number,
                "member_siret": one.siret,
                "member_name": one.member_name,
                "due_on": one.due_date,
                "days_late": left.standings[one.id].days_late(paris_day(app.clock())),
                "left": left.standings[one.id].left,
            }
            for one in left.overdue
        ],
        "untitled": None if left.untitled is None else advice(left.untitled),
        "password": None if left.password is None else advice(left.password),
        "disagreements": disagreements(left.disagreements),
        "reading": None if left.reading is None else advice(left.reading),
        "altered": findings(left.altered),
        "unreadable": findings(left.unreadable),
        "unstamped": None if left.unstamped is None else advice(left.unstamped),
        "mails": [
            {
                "kind": mail.kind.value,
                "year": mail.year,
                "member_siret": mail.siret,
                "state": mail.state.value,
                "todo": advice(act),
            }
            for mail, act in left.mails
        ],
        "unopened": None if left.unopened is None else advice(left.unopened),
        "service": service,
    }


def record(app: "App", kept: "InvoiceRecord") -> View:
    """All that is kept of an invoice."""
    content = kept.invoice
    return {
        "invoice": {
            **invoice(kept.tracked, app.clock(), kept.standing, kept.title, deposits=app.deposits),
            "service_code": content.service_code or None,
            "engagement": content.engagement or None,
            "contract": content.contract,
            "statement": kept.statement.number,
            "due_on": content.due_date,
            "corrects": content.preceding.number if content.preceding else None,
            "credit_notes": [note.number for note in kept.credit_notes],
            "total_ht": content.totals.net,
            "total_vat": content.totals.vat,
            "lines": [
                {
                    "id": line.identifier,
                    "name": line.name,
                    "description": line.description,
                    "quantity": line.quantity,
                    "quantity_left": rest.quantity,
                    "unit_price_ttc": line.unit_price_gross,
                    **_unit(line),
                    "total_ht": line.net,
                    "total_ttc": line.gross,
                }
                for line, rest in zip(content.lines, kept.left, strict=True)
            ],
        },
        "documents": [
            {
                "kind": document.kind or None,
                "version": document.version or None,
                "profile": document.profile or None,
                "sha256": document.sha256,
                "size": document.size,
                "checks": [
                    {
                        "rule_set": check.rule_set,
                        "version": check.version,
                        "sha256": check.sha256,
                        "findings": findings(check.findings),
                    }
                    for check in document.checks
                ],
            }
            for document in kept.documents
        ],
        "confirmations": [
            {
                **confirmation(kept.tracked.siret, kept.tracked.year, one),
                "confirmed_at": one.confirmed_at,
                "confirmed_by": one.confirmed_by,
                "in_force": in_force,
            }
            for one, in_force in kept.confirmations
        ],
        "acceptances": [
            {
                **acceptance(kept.tracked.siret, kept.tracked.year, one.uses, one.reason),
                "accepted_at": one.accepted_at,
                "accepted_by": one.accepted_by,
                "in_force": in_force,
            }
            for one, in_force in kept.acceptances
        ],
        "settlements": [settlement(one) for one in kept.settlements],
        "attempts": [
            {
                "started_at": attempt.started_at,
                "answered_at": attempt.answered_at or None,
                "outcome": attempt.outcome or None,
                "file_name": attempt.file_name,
                "document_sha256": attempt.document_sha256,
                "lot_sha256": attempt.lot_sha256 or None,
                "flux_number": attempt.flux_number or None,
                "detail": attempt.detail or None,
            }
            for attempt in kept.attempts
        ],
        "portal_history": [_observation(seen) for seen in kept.observations],
        "journal": [
            {"seq": event.seq, "at": event.at, "tag": event.tag, **_sealed(event)}
            for event in kept.events
        ],
    }


def _observation(seen: "Observation") -> View:
    """Something the portal said."""
    return {
        "source": seen.source,
        "status": seen.raw_status,
        "at": seen.portal_at,
        "comment": seen.comment or None,
        "evidence_sha256": seen.evidence or None,
        "observed_at": seen.observed_at,
    }


def deposits(found: Iterable["Deposit"]) -> View:
    """The submission log."""
    return {"deposits": [_deposit(one) for one in found]}


def _deposit(one: "Deposit") -> View:
    tracked, attempt = one.invoice, one.attempt
    return {
        "intended_at": attempt.started_at,
        "intent_event": one.intended and one.intended.seq,
        "actor": attempt.actor,
        "number": tracked.number,
        "kind": tracked.kind,
        "year": tracked.year,
        "member_siret": tracked.siret,
        "member_name": tracked.member_name,
        "total_ttc": tracked.signed_total,
        "invoice_status": tracked.status,
        "file_name": attempt.file_name,
        "document_sha256": attempt.document_sha256,
        "lot_sha256": attempt.lot_sha256 or None,
        "answered_at": attempt.answered_at,
        "answer_event": one.answered and one.answered.seq,
        "outcome": attempt.outcome or None,
        "http_status": attempt.http_status,
        "detail": attempt.detail or None,
        "answer": one.answer or None,
        "flux_number": one.flux_number or None,
        "certain_at": attempt.closed_at,
        "verdict": one.verdict or None,
        "verdict_event": one.reconciled and one.reconciled.seq,
        "reports": [_observation(seen) for seen in one.reports],
        "first_seen_at": one.first_seen_at,
        "portal_history": [_observation(seen) for seen in one.history],
    }


def table_file(to: Path, rows: int) -> View:
    """A table that was written."""
    return {"file": to, "rows": rows}


def explained(asked: "Explained") -> View:
    """An amount, down to its sources."""
    explanation, note = asked.explanation, asked.credit_note
    return {
        "ok": not asked.findings,
        "credit_note": None if note is None else _credited(note),
        "invoice": _explanation(explanation),
        "findings": findings(asked.findings),
    }


def _credited(note: "CreditNote") -> View:
    return {
        "number": note.note.number,
        "issued": _moment(note.issue),
        **_amounts(note.note),
        "lines": [
            {
                "id": one.line.identifier,
                "name": one.line.name,
                "quantity": one.line.quantity,
                "quantity_invoiced": one.invoiced.quantity,
                "unit_price_ttc": one.line.unit_price_gross,
                "total_ht": one.line.net,
                "total_ttc": one.line.gross,
            }
            for one in note.lines
        ],
    }


def _explanation(explanation: "Explanation") -> View:
    content, known = explanation.invoice, explanation.known
    return {
        "number": content.number,
        "year": content.year,
        "member_siret": content.buyer.siret,
        "member_name": content.buyer.name,
        "member_origin": known.member and _origin(known.member.origin),
        "service_code": content.service_code or None,
        "engagement": content.engagement or None,
        "references_origin": known.references and _origin(known.references.origin),
        "statement": explanation.statement.number,
        "issued": _moment(explanation.issue),
        **_amounts(content),
        "lines": [_line_step(step) for step in explanation.lines],
        "grids": [
            {
                "version": step.version,
                "title": step.grid and step.grid.title,
                "source": step.grid and step.grid.source,
                "valid_from": step.grid and step.grid.valid_from,
                "valid_to": step.grid and step.grid.valid_to,
                "sha256": step.grid and step.grid.sha256,
                "first_use": step.first_use and _moment(step.first_use),
            }
            for step in explanation.grids
        ],
    }


def _amounts(content: "Invoice") -> View:
    return {
        "total_ttc": content.totals.payable,
        "total_ht": content.totals.net,
        "total_vat": content.totals.vat,
    }


def _unit(line: "RatedLine | InvoiceLine") -> View:
    """What a quantity is of; null for users × months."""
    unit = None if line.measure is None else line.measure.one
    return {"unit": unit, "price_units": line.price_units}


def _line_step(step: "LineStep") -> View:
    return {
        "id": step.line.identifier,
        "name": step.line.name,
        "service": step.rated.service,
        "taken_over_from": step.rated.origin and step.rated.origin.siret,
        "tier": step.rated.tier,
        "category": step.rated.category,
        "grid": step.rated.grid_version,
        "parts": [{"label": label, "price_ttc": price} for label, price in step.rated.parts],
        "unit_price_ttc": step.rated.unit_price,
        **_unit(step.rated),
        "counted": [
            {
                "from": one.step.period.start,
                "to": one.step.period.end,
                "quantity": one.step.quantity,
                "figure": one.step.figure,
                "reference": one.step.reference or None,
                "origin": one.origin and _origin(one.origin),
                "subscription": one.subscription and _subscription(one.subscription),
            }
            for one in step.counted
        ],
        "months": [
            {
                "month": month.use.month,
                "users": month.use.users,
                "origin": _origin(month.origin),
                "subscription": month.subscription and _subscription(month.subscription),
            }
            for month in step.months
        ],
        "quantity": step.rated.quantity,
        "total_ht": step.line.net,
        "total_ttc": step.rated.total,
    }


def _subscription(version: "Version[Subscription]") -> View:
    return {
        "start": version.value.start,
        "end": version.value.end,
        "category": version.value.category,
        "origin": _origin(version.origin),
    }


def _origin(place: "Origin") -> View:
    file = place.file
    return {
        "file": file and file.name,
        "sha256": file and file.sha256,
        "sheet": (file and file.sheet) or None,
        "row": place.row,
        "imported_at": file and file.imported_at,
        "imported": file and file.taken_in and _moment(file.taken_in),
    }


def _moment(moment: "Moment") -> View:
    return {"at": moment.at, "actor": moment.actor, "seq": moment.seq}


def checked_year(app: "App", checked: "CheckedYear") -> View:
    """A year before it is billed."""
    unreachable, seller = checked.unreachable, checked.seller
    return {
        "ok": checked.is_clear,
        "year": checked.year,
        "finished": checked.finished,
        "channel": app.settings.channel,
        "total_ttc": checked.total,
        "error": None if unreachable is None else error(unreachable),
        "grids": [
            {"version": version or None, "months": months}
            for version, months in checked.grids.items()
        ],
        "seller": None if seller is None else _seller(app, seller),
        "findings": findings(checked.findings),
        "members": [_checked_member(one) for one in checked.members],
    }


def _seller(app: "App", answer: "DirectoryAnswer") -> View:
    structure = answer.structure
    return {
        "siret": app.settings.syndicat.siret,
        "known": None if answer.entry is None else structure is not None,
        "active": None if structure is None else structure.active,
        "password_expires": None if structure is None else structure.password_expires,
        "directory_read_at": answer.read_at,
    }


def _checked_member(one: "CheckedMember") -> View:
    return {
        "member_siret": one.member.siret,
        "member_name": one.member.name,
        "state": one.readiness,
        "number": one.issued.number if one.issued else None,
        "total_ttc": one.total,
        "grids": one.grids,
        "service_code": one.prepared.references.service_code or None,
        "engagement": one.prepared.references.engagement or None,
        "directory_read_at": one.directory.read_at if one.directory else None,
        "findings": findings(one.findings),
    }


def trial(made: "Trial") -> View:
    """A folder to rehearse in; ``lost``: imported files that were never kept."""
    return {
        "config": str(made.config),
        "files": [
            {"name": one.file.name, "kind": one.kind.value, "rows": one.rows}
            for one in made.imports
        ],
        "lost": made.lost,
        "members": made.members,
        "known_to_the_directory": made.known,
    }


def opened_campaign(opened: "Campaign", *, is_new: bool) -> View:
    """A go; ``already_open``: it had been given before, and nothing was done."""
    return {**_campaign(opened), "already_open": not is_new}


def closed_campaign(year: int) -> View:
    """A go that was taken back."""
    return {"year": year, "open": False}


def campaigns(found: Iterable["Campaign"]) -> View:
    """Every go."""
    return {"campaigns": [_campaign(one) for one in found]}


def _campaign(one: "Campaign") -> View:
    shown = one.figures
    return {
        "year": one.year,
        "open": one.closed_at is None,
        "opened_at": one.opened_at,
        "opened_by": one.opened_by,
        "reason": one.reason or None,
        "ready": shown.ready,
        "ready_ttc": shown.ready_total,
        "to_confirm": shown.to_confirm,
        "to_confirm_ttc": shown.to_confirm_total,
        "held": shown.held,
        "held_ttc": shown.held_total,
        "total_ttc": shown.total,
        "previous_year_total_ttc": shown.previous,
        "closed_at": one.closed_at,
        "closed_by": one.closed_by or None,
        "close_reason": one.close_reason or None,
    }


def preview(previewed: "Preview", to: Path | None, pages: Iterable[Path]) -> View:
    """A year's amounts, and what was written."""
    everything = previewed.compared.share()
    return {
        "ok": not previewed.blocked,
        "year": previewed.year,
        "total_ttc": everything.total,
        "previous_year_total_ttc": everything.previous,
        "directory": {
            "members": previewed.directory.members,
            "read": previewed.directory.read,
            "oldest_read_at": previewed.directory.oldest,
        },
        "groups": [
            {
                "group": group,
                "members": share.members,
                "total_ttc": share.total,
                "previous_year_total_ttc": share.previous,
            }
            for group, share in previewed.shares.items()
        ],
        "members": [
            {
                "member_siret": one.siret,
                "member_name": one.name,
                "group": one.group,
                "total_ttc": one.total,
                "previous_year_total_ttc": one.previous,
                "difference_ttc": one.difference,
                "change_percent": one.change,
                "lines": [
                    {
                        "service": line.service,
                        "tier": line.tier,
                        "category": line.category,
                        "quantity": line.quantity,
                        "unit_price_ttc": line.unit_price,
                        **_unit(line),
                        "total_ttc": line.total,
                        "grid": line.grid_version,
                        "explanation": line.explanation,
                    }
                    for line in previewed.lines(one.siret)
                ],
                "findings": findings(one.findings),
            }
            for one in previewed.compared.members
        ],
        "file": to,
        "pages": list(pages),
    }


def credited(done: "Credited") -> View:
    """What a credit note that was issued has beside the invoices of its member."""
    return {"draft": credit_draft(done.draft)}


def credit_draft(drafted: "CreditDraft") -> View:
    """A credit note that is not issued."""
    return {
        "corrects": drafted.invoice.number,
        "replaces": drafted.replaces.number if drafted.replaces else None,
        "internal": drafted.internal,
        "covers_the_invoice": drafted.covers_the_invoice,
        "total_ttc": drafted.draft.totals.payable,
        "lines": [
            {
                "id": line.identifier,
                "name": line.name,
                "quantity": line.quantity,
                "total_ttc": line.gross,
            }
            for line in drafted.draft.lines
        ],
    }


def confirmation(siret: str, year: int, given: "Confirmation") -> View:
    """An unusual amount that a person confirmed."""
    return {
        "member_siret": siret,
        "year": year,
        "total_ttc": given.total,
        "previous_year_total_ttc": given.previous,
        "grounds": given.grounds,
        "reason": given.reason,
    }


def acceptance(siret: str, year: int, uses: "Sequence[Outside]", reason: str) -> View:
    """What a person accepted outside the subscriptions; nothing once it is withdrawn."""
    return {
        "member_siret": siret,
        "year": year,
        "accepted": [
            {
                "service": use.service,
                **_figure(use),
                "taken_over_from": use.origin and use.origin.siret,
            }
            for use in uses
        ],
        "reason": reason,
    }


def _figure(use: "Outside") -> View:
    """The users of a month, or the units of a day."""
    # Commands that accept nothing answer without loading these.
    from worker.billing.consumption import OutsideUse  # noqa: PLC0415

    if isinstance(use, OutsideUse):
        return {"tier": use.tier, "month": str(use.month), "users": use.users}
    return {"day": use.day, "quantity": str(use.quantity), "reference": use.reference}


def succession(old: str, new: str, found: "Handover | None") -> View:
    """A member that takes the place of another; no days once it is withdrawn."""
    given = None if found is None else found.succession
    return {
        "member_siret": old,
        "successor_siret": new,
        "from": given and given.effective_on,
        "first_month": given and str(given.first_month),
        "reason": given and given.reason,
        "already": found is not None and found.already,
    }


def hold(siret: str, year: int, *, held: bool) -> View:
    """Whether a member is held back for a year."""
    return {"member_siret": siret, "year": year, "held": held}


def intake(taken: "Intake", *, dry_run: bool) -> View:
    """An imported file."""
    # Commands that import nothing answer without loading these.
    from worker.imports.grouping import grouped  # noqa: PLC0415

    return {
        "kind": taken.kind,
        "file": taken.file.name,
        "sha256": taken.file.sha256,
        "dry_run": dry_run,
        "already_imported": taken.already,
        "rows": taken.rows,
        "added": taken.changes.added,
        "changed": taken.changes.changed,
        "unchanged": taken.changes.unchanged,
        "left_out": list(taken.left_out),
        "sheets": [
            {
                "sheet": one.sheet or None,
                "rows": one.rows,
                "added": one.changes.added,
                "changed": one.changes.changed,
                "unchanged": one.changes.unchanged,
            }
            for one in taken.sheets
        ],
        "findings": findings(taken.findings),
        "groups": groups(grouped(taken.findings)),
    }


def imported_file(file: "ImportedFile", changes: "Changes") -> View:
    """A file that was imported, some time."""
    return {
        "kind": file.kind,
        "file": file.name,
        "sha256": file.sha256,
        "size": file.size,
        "sheet": file.sheet or None,
        "rows": file.rows,
        "added": changes.added,
        "changed": changes.changed,
        "unchanged": changes.unchanged,
        "imported_at": file.imported_at,
        "imported_by": file.imported_by or None,
        "kept": file.how_kept,
        "kept_sha256": file.kept_sha256 or None,
    }


def template(kind: "ImportKind", columns: Iterable["ColumnTold"], to: Path | None) -> View:
    """What a kind of file holds."""
    return {
        "kind": kind,
        "columns": [
            {
                "name": one.name,
                "compulsory": one.compulsory,
                "example": one.example,
                "note": one.note,
            }
            for one in columns
        ],
        "written_to": to,
    }


def imported_files(known: Iterable[tuple["ImportedFile", "Changes"]]) -> View:
    """The files that were imported."""
    return {"files": [imported_file(file, changes) for file, changes in known]}


def imported_file_shown(
    sheets: Sequence[tuple[int, "ImportedFile", "Changes"]],
    values: Iterable["ChangedValue"],
    to: Path | None,
) -> View:
    """One of them, with the values that it changed; ``to``: where what is kept was written.

    Of several sheets, counts are those of all, and ``sheet`` is null.
    """
    views = [imported_file(file, changes) for _, file, changes in sheets]
    counts = ("rows", "added", "changed", "unchanged")
    alone = {} if len(views) == 1 else {"sheet": None}
    return {
        **views[0],
        **{name: sum(view[name] for view in views) for name in counts},
        **alone,
        "sheets": [
            {name: view[name] for name in ("sheet", *counts, "kept_sha256")} for view in views
        ],
        "written_to": to,
        "values": [
            {
                "sheet": one.sheet or None,
                "row": one.row,
                "cell": one.cell or None,
                "member_siret": one.siret,
                "subject": one.subject,
                "column": one.column,
                "before": one.before,
                "after": one.after,
            }
            for one in values
        ],
    }


def grids(
    known: Iterable["TariffGrid"], used: Mapping[str, str], unusable: Sequence["Finding"]
) -> View:
    """The tariff grids; ``used``: hash of those that priced an invoice, by version.

    ``unusable``: what is said of the files that price nothing.
    """
    return {
        "ok": not unusable,
        "grids": [
            {
                "version": grid.version,
                "title": grid.title,
                "source": grid.source,
                "decision": grid.decision or None,
                "decided_on": grid.decided_on,
                "valid_from": grid.valid_from,
                "valid_to": grid.valid_to,
                "sha256": grid.sha256,
                "used": grid.version in used,
                "intact": used.get(grid.version, grid.sha256) == grid.sha256,
            }
            for grid in known
        ],
        "findings": findings(unusable),
    }


def prices(
    year: int,
    grids_of_year: Iterable["TariffGrid"],
    months: Mapping[str, Sequence["Month"]],
) -> View:
    """The prices of a year; ``months``: by version, "" for those without a grid."""
    return {
        "year": year,
        "uncovered_months": months.get("", ()),
        "grids": [
            {
                "version": grid.version,
                "months": months[grid.version],
                "prices": [
                    {
                        "service": row.service,
                        "component": row.component or None,
                        "tier": row.tier,
                        "band_from": row.band and row.band.first,
                        "band_to": row.band and row.band.last,
                        "category": category,
                        "per": row.per,
                        "price_ttc": price,
                    }
                    for tariff in grid.services.values()
                    for row in price_rows(tariff)
                    for category, price in row.by_category
                ],
            }
            for grid in grids_of_year
        ],
    }


def new_grid(
    before: "TariffGrid", after: "TariffGrid", path: Path, changes: Iterable["PriceChange"]
) -> View:
    """A grid that was written, and each price beside that of the grid it revises."""
    return {
        "file": path,
        "from_version": before.version,
        "version": after.version,
        "valid_from": after.valid_from,
        "sha256": after.sha256,
        "changes": [
            {
                "service": one.row.service,
                "component": one.row.component or None,
                "tier": one.row.tier,
                "band_from": one.row.band and one.row.band.first,
                "band_to": one.row.band and one.row.band.last,
                "category": one.category,
                "before": one.before,
                "after": one.after,
                "percent": one.percent,
            }
            for one in changes
        ],
    }


def exported(to: Path, folders: Mapping[str, Path]) -> View:
    """The documents of a year, written out; ``folders`` by number."""
    return {
        "folder": to,
        "invoices": [{"number": number, "folder": folder} for number, folder in folders.items()],
    }


def built(to: Path, outcome: "Outcome") -> View:
    """A dossier or a site, and what of it is not in order."""
    return {
        "ok": not (outcome.unusable or outcome.differing or outcome.altered),
        "folder": to,
        "documents": outcome.documents,
        "unusable": outcome.unusable,
        "differing": outcome.differing,
        "altered": outcome.altered,
    }


def portal_copy(copy: "PortalCopy", to: Path | None) -> View:
    """What the portal holds of an invoice."""
    return {
        "ok": not copy.findings,
        "number": copy.invoice.number,
        "cpp_id": int(copy.held.portal_id),
        "status": copy.held.raw_status,
        "attachments": copy.held.attachments,
        "file": to,
        "findings": findings(copy.findings),
    }


def comparison(both: "Comparison") -> View:
    """Everything that both sides hold."""
    return {
        "ok": both.agrees,
        "shown": both.shown,
        "only_here": [one.number for one in both.only_here],
        "only_there": [one.number for one in both.only_there],
        "disagreements": disagreements(both.left.disagreements),
    }


def validated(results: Sequence["FileVerdict"], *, ok: bool) -> View:
    """Files of anybody, checked."""
    return {
        "ok": ok,
        "files": [
            {
                "file": result.path,
                "verdict": result.verdict,
                "kind": result.kind.name.lower() if result.kind else None,
                "checks": [
                    {
                        "rule_set": report.rule_set.name,
                        "version": report.rule_set.version,
                        "sha256": report.rule_set.sha256,
                        "valid": report.valid,
                    }
                    for report in result.reports
                ],
                "unchecked": [left.name.lower() for left in result.unchecked],
                "findings": findings(result.findings),
            }
            for result in results
        ],
    }


def events(found: Iterable["JournalEvent"]) -> View:
    """Events of the journal."""
    return {
        "events": [
            {
                "seq": event.seq,
                "at": event.at,
                "actor": event.actor,
                "tag": event.tag,
                "subject": event.subject,
                **_sealed(event),
            }
            for event in found
        ]
    }


def event_line(event: "JournalEvent") -> str:
    """An event as exported: its payload stays the text that was hashed."""
    return json.dumps(asdict(event), ensure_ascii=False, sort_keys=True) + "\n"


def _sealed(event: "JournalEvent") -> View:
    from worker.billing.journal import payload_of  # noqa: PLC0415

    return {"payload": payload_of(event), "hash": event.hash}


def verification(found: "Verification") -> View:
    """The journal and the books, verified."""
    return {
        "ok": not has_blocking(found.findings),
        "events": found.end.seq,
        "head": found.end.hash,
        "checkpoints": found.checkpoints,
        "timestamps": found.tokens,
        "findings": findings(found.findings),
        "uncovered": found.uncovered,
    }


def checkpoint(
    placed: "CheckpointLine", tried: "Anchoring | None", file: Path, *, is_new: bool
) -> View:
    """The last checkpoint, and what became of its time-stamp when one was asked for."""
    stamp = None if tried is None else tried.stamp
    return {
        "ok": tried is None or stamp is not None,
        "placed": is_new,
        "checkpoint": {"seq": placed.seq, "hash": placed.hash, "at": placed.at, **placed.said},
        "timestamp": stamp and {"authority": stamp.authority, "instant": stamp.instant},
        "problem": (tried.problem or None) if tried is not None else None,
        "file": file,
    }


def campaign_report(year: int, file: Path) -> View:
    """Where the report of a campaign was written."""
    return {"ok": True, "year": year, "file": file}


def configuration(
    path: Path,
    values: Iterable[tuple[str, object]],
    origins: Mapping[str, str],
    secrets: Mapping[str, str],
) -> View:
    """Each setting and where it comes from; of secrets, the origin alone."""
    return {
        "file": path,
        "settings": {
            key: {"value": value, "origin": origins.get(key, "")} for key, value in values
        },
        "secrets": secrets,
    }
