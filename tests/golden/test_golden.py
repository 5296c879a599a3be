"""The XML of an invoice changes only on purpose."""

from pathlib import Path

import pytest

from tests.golden.official import xsd_errors
from tests.golden.samples import SAMPLES
from worker.formats import EN16931_UBL, FACTURX_DIRECT, Profile, invoice_xml

FILES = Path(__file__).parent / "files"


@pytest.mark.parametrize("profile", [FACTURX_DIRECT, EN16931_UBL], ids=lambda p: str(p.name))
@pytest.mark.parametrize("sample", SAMPLES)
def test_xml_is_the_golden_file(
    sample: str,
    profile: Profile,
    update_golden: bool,  # noqa: FBT001 - pytest passes fixtures by name
) -> None:
    """Each sample invoice gives, byte for byte, the file that was validated and kept."""
    invoice, _ = SAMPLES[sample]()
    xml = invoice_xml(invoice, profile)
    golden = FILES / f"{sample}.{profile.syntax.value}"
    if update_golden:
        assert xsd_errors(profile.syntax, xml) == ""
        golden.parent.mkdir(exist_ok=True)
        golden.write_bytes(xml)
    assert xml == golden.read_bytes()


def test_no_golden_file_is_forgotten() -> None:
    """Every golden file belongs to a sample, so that none goes on existing unchecked."""
    expected = {
        f"{sample}.{profile.syntax.value}"
        for sample in SAMPLES
        for profile in (FACTURX_DIRECT, EN16931_UBL)
    }
    assert {path.name for path in FILES.iterdir()} == expected
