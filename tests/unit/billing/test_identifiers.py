"""Numbers and identifiers, however a portal writes them."""

import pytest

from worker.billing.identifiers import is_same_buyer, is_same_number, siren_of

NUMBER = "BSN-2026-00012"
SIRET = "12345678200051"


@pytest.mark.parametrize(
    "shown",
    [
        NUMBER,
        "bsn-2026-00012",
        "BSN202600012",
        "BSN-2026-12",
        "BSN202612",
        " BSN-2026-00012 ",
        "BSN/2026/00012",
        "BSN_2026_000012",
    ],
)
def test_a_number_is_one_however_written(shown: str) -> None:
    """Without signs, without zeros, in another case, trimmed or filled."""
    assert is_same_number(shown, NUMBER)
    assert is_same_number(NUMBER, shown)


@pytest.mark.parametrize(
    "shown",
    ["", "BSN-2026-00021", "BSN-2025-00012", "AVOIR-2026-00012", "BSN-2026-00012-BIS", "12"],
)
def test_another_number_is_another(shown: str) -> None:
    """A figure or a letter more, less or elsewhere."""
    assert not is_same_number(shown, NUMBER)


@pytest.mark.parametrize(
    "shown",
    [SIRET, SIRET[:9], f"0000{SIRET}", f"{SIRET}0000", f"{SIRET}    ", "123 456 782 00051"],
)
def test_a_buyer_is_one_however_padded(shown: str) -> None:
    """By SIRET or SIREN, in blocks, filled to the eighteen signs of a field."""
    assert is_same_buyer(shown, SIRET)
    assert siren_of(shown) == SIRET[:9]


@pytest.mark.parametrize("shown", ["12345678200069", "98765432100015", "", "1234567820005"])
def test_another_buyer_is_another(shown: str) -> None:
    """Another establishment too: it is nearly the same, which is for a person."""
    assert not is_same_buyer(shown, SIRET)
