"""The texts of messages: templates of the program, or of the configuration folder in their place.

A template is plain text (Jinja2, in its sandbox): a line « Objet : … », an empty line, the body.
All that it names is known before the first message leaves.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from worker.billing.sent_mail import MailKind
from worker.errors import ConfigurationError
from worker.isolation.files import read_bounded
from worker.settings.loading import MOST_BYTES
from worker.settings.rights import refuse_exposed, told

TO_EVERYBODY: Final = ("membre", "siret", "contact", "annee", "canal", "syndicat", "signature")
VARIABLES: Final[Mapping[MailKind, tuple[str, ...]]] = {
    MailKind.REFERENCES: (
        *TO_EVERYBODY,
        "code_service",
        "engagement",
        "engagement_precedent",
        "annuaire_lu",
        "exige",
        "manque",
        "reponse_avant",
    ),
    MailKind.STATEMENTS: (*TO_EVERYBODY, "etat", "montant", "facture", "date_facture"),
}
"""What a template may name, by kind; docs/operations.md says what each holds."""
_PARTS = re.compile(r"\ufeff?Objet\s*:[ \t]*(\S[^\n]*)\n\s*\n(.*\S.*)", re.DOTALL)
_WRONG = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What the evaluation of a template of anybody may raise."""


@dataclass(frozen=True, slots=True)
class MailText:
    """The template of a kind of message."""

    name: str
    subject: Template
    body: Template

    def render(self, values: Mapping[str, object]) -> tuple[str, str]:
        """Subject and text for a member. Raises ConfigurationError, which names the template."""
        try:
            subject, body = self.subject.render(values), self.body.render(values)
        except _WRONG as error:
            raise _wrong(self.name, str(error)) from error
        lines = "\n".join(line.rstrip() for line in body.splitlines()).strip()
        subject, text = " ".join(subject.split()), re.sub(r"\n{3,}", "\n\n", lines)
        if not (subject and text):
            raise _wrong(self.name, "son objet ou son texte est vide pour un membre")
        return subject, f"{text}\n"


def mail_text(kind: MailKind, folder: Path) -> MailText:
    """The template of a kind: ``folder/KIND.txt`` if it is there, else the program's.

    Raises:
        ConfigurationError: it cannot be read, is exposed, or is wrong; which, and where.
    """
    file_name = f"{kind.value}.txt"
    path = folder / file_name
    try:
        refuse_exposed(path, "Le modèle de courriel")
        name, source = str(path), read_bounded(path, MOST_BYTES).decode()
    except FileNotFoundError:
        name = f"{file_name} (du programme)"
        source = resources.files(__package__).joinpath("templates", file_name).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise _wrong(str(path), "il n'est pas en UTF-8") from error
    except OSError as error:
        raise ConfigurationError(*told(error, path)) from error
    return parse(name, source.replace("\r\n", "\n"), VARIABLES[kind])


def parse(name: str, source: str, known: tuple[str, ...]) -> MailText:
    """A template from its text. Raises ConfigurationError, which names it and what is wrong."""
    parts = _PARTS.fullmatch(source)
    if parts is None:
        raise _wrong(name, "il doit commencer par une ligne « Objet : … », suivie d'une ligne vide")
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    try:
        used = find_undeclared_variables(environment.parse(source)) - set(environment.globals)
        subject, body = map(environment.from_string, parts.groups())
    except TemplateSyntaxError as error:
        raise _wrong(name, f"ligne {error.lineno} : {error.message}") from error
    except _WRONG as error:
        raise _wrong(name, str(error)) from error
    if unknown := sorted(used - set(known)):
        raise ConfigurationError(
            f"Le modèle de courriel {name} nomme ce qui n'existe pas : {', '.join(unknown)}.",
            f"Noms possibles : {', '.join(known)}.",
        )
    return MailText(name=name, subject=subject, body=body)


def _wrong(name: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"Le modèle de courriel {name} ne convient pas : {why}.",
        "Corrigez-le, ou renommez-le pour revenir à celui du programme ; rien n'est parti.",
    )
