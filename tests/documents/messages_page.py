"""docs/messages.md as the catalogue has it; run as a module, it writes the page."""

from collections.abc import Mapping

from tests.documents.pages import ROOT
from worker.corrections.messages import FINDINGS, MEMBER, PORTAL, Message

PATH = ROOT / "docs" / "messages.md"
HEAD = """# Les messages

Ce que disent Chorus Pro et ce programme, la cause probable, et ce qu'il faut faire ou taper.
`show` et `status --todo` donnent la cause à côté du message. Un message que cette page n'a pas est
montré tout entier, avec le numéro de flux à donner au support.

Page écrite d'après `worker/corrections/messages.toml` par
`python -m tests.documents.messages_page` ; un test les compare.
"""


def written() -> str:
    """The page."""
    return "\n".join(
        (
            HEAD,
            "## Les refus de Chorus Pro\n",
            "Reconnus à une partie de leurs mots ; le premier qui convient est donné.\n",
            *_rows("Mots", PORTAL),
            "\n## Ce qu'un membre écrit\n",
            "Reconnu de même, quand il rejette une facture ou la suspend.\n",
            "| Mots | Cause probable | Rejetée | Suspendue |",
            "|---|---|---|---|",
            *(
                f"| `{key}` | {rejected.cause} | {rejected.remedy} | {suspended.remedy} |"
                for key, (rejected, suspended) in MEMBER.items()
            ),
            "\n## Nos constats\n",
            *_rows("Code", FINDINGS),
            "",
        )
    )


def _rows(first: str, entries: Mapping[str, Message]) -> list[str]:
    return [
        f"| {first} | Cause probable | À faire |",
        "|---|---|---|",
        *(f"| `{key}` | {entry.cause} | {entry.remedy} |" for key, entry in entries.items()),
    ]


if __name__ == "__main__":
    PATH.write_text(written(), "utf-8")
