"""What the portal gives to download is looked at before it is called a copy of ours."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.offices import Desk, number, open_desk
from worker.audit.portal_copy import PortalCopy, compare
from worker.portals import Portal

ONE, TWO = number(1), number(2)


@pytest.fixture(name="desk", scope="module")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Two invoices with their true documents, integrated."""
    folder = tmp_path_factory.mktemp("portal-copy")
    desk = open_desk(tmp_path_factory.getbasetemp(), folder, real=True)
    desk.issue(_after(2))
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    return desk


def _after(members: int) -> Callable[[], bool]:
    """Stop once so many were asked about."""
    asked = iter(range(members))
    return lambda: next(asked, None) is None


def downloaded(desk: Desk, content: bytes, to: Path) -> PortalCopy:
    """The comparison when the portal gives these bytes for the first invoice."""
    desk.portal.download = lambda portal_id: content  # type: ignore[method-assign] # noqa: ARG005 - the name is the contract's

    @contextmanager
    def opened() -> Iterator[Portal]:
        yield desk.portal

    return compare(desk.app, opened(), ONE, to)


def sent(desk: Desk, name: str) -> bytes:
    """The file that was deposited for an invoice."""
    (attempt,) = desk.attempts(name)
    return desk.archived()[attempt.document_sha256]


def test_the_very_file_that_was_deposited_is_a_copy(desk: Desk, tmp_path: Path) -> None:
    """Nothing is said of it, and it is written."""
    copy = downloaded(desk, sent(desk, ONE), tmp_path / "copie.pdf")

    assert [finding.code for finding in copy.findings] == []
    assert (tmp_path / "copie.pdf").read_bytes() == sent(desk, ONE)


def test_the_document_of_another_invoice_is_not_written(desk: Desk, tmp_path: Path) -> None:
    """Under our name it would be taken for ours for years."""
    copy = downloaded(desk, sent(desk, TWO), tmp_path / "copie.pdf")

    assert [finding.code for finding in copy.findings] == ["PORTAL-OTHER-FILE"]
    assert TWO in copy.findings[0].message
    assert not (tmp_path / "copie.pdf").exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pdf: pdf + b"\n% cachet du portail\n",
        lambda pdf: pdf[: len(pdf) // 2],
        lambda _pdf: b"",
        lambda _pdf: b"PK\x03\x04 une archive",
    ],
    ids=["stamped", "truncated", "empty", "zip"],
)
def test_other_bytes_are_written_and_told(
    desk: Desk, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    """Whatever it is, it is not byte for byte what we deposited."""
    copy = downloaded(desk, spoil(sent(desk, ONE)), tmp_path / "copie.pdf")

    assert [finding.code for finding in copy.findings] == ["PORTAL-OTHER-BYTES"]
