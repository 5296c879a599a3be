"""Every file that a command or the configuration names may be anything: one sentence, at once."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from tests.e2e.program import Said, run
from worker.billing.text import harmless
from worker.cli import commands
from worker.service.demo import STORY
from worker.settings.keys import Settings


def pipe(path: Path) -> None:
    """A pipe that has no writer."""
    os.mkfifo(path)


def device(path: Path) -> None:
    """A file without end."""
    path.symlink_to("/dev/zero")


def dangling(path: Path) -> None:
    """A link to nothing."""
    path.symlink_to(path.parent / "nowhere")


def loop(path: Path) -> None:
    """A link to itself."""
    path.symlink_to(path)


def huge(path: Path) -> None:
    """Ten gigabytes that take no place on the disk."""
    with path.open("wb") as file:
        file.truncate(10**10)


def nested(path: Path) -> None:
    """A list in a list in a list."""
    path.write_text("a = " + "[" * 5000)


def number(path: Path) -> None:
    """A whole number of five thousand digits."""
    path.write_text("a = " + "9" * 5000)


HOSTILE = "a\x1b]0;titre\x07\x9b31m\u202exslx.\u2066"
"""A name that moves a terminal, and turns round what follows."""
KINDS = (pipe, device, Path.mkdir, dangling, loop, huge)
SYNTAX = (nested, number)
ANYTHING = {"int": "2025", "str": "x", "ImportKind": "usage", "Path": os.devnull}
"""A value for each compulsory argument of another kind, by its type."""


known = cache(commands)
"""The commands, loaded once: each test asks for them again."""


def annotation(parameter: Any) -> Any:  # noqa: ANN401 - the library's
    """The type that a command declares for an argument or an option."""
    return parameter.type_descriptor.annotation


def is_path(kind: Any) -> bool:  # noqa: ANN401 - any annotation
    """Whether it is a path, a list of paths, or either or nothing."""
    return kind is Path or any(map(is_path, get_args(kind)))


def read_arguments() -> set[tuple[str, str]]:
    """Each command and its parameters that name a file or a folder."""
    return {
        (words, parameter.name or "")
        for words, command in known().items()
        for parameter in command.params
        if hasattr(parameter, "type_descriptor") and is_path(annotation(parameter))
    }


def with_config() -> list[str]:
    """The commands that read a configuration."""
    return sorted(words for words, name in read_arguments() if name == "config")


def filled(words: str) -> list[str]:
    """The command line of a command with a value for everything compulsory."""
    line = words.split()
    for parameter in known()[words].params:
        if parameter.required:
            kind = annotation(parameter)
            kind = get_args(kind)[0] if get_args(kind) else kind
            option = [] if parameter.param_type_name == "argument" else [parameter.opts[0]]
            line += [*option, ANYTHING[kind.__name__]]
    return line


def assert_harmless(said: Said) -> None:
    """No sign of either output moves a terminal; line ends are those of the lines."""
    for line in (said.out + said.err).split("\n"):
        assert harmless(line) == line


def assert_one_sentence(said: Said, path: Path) -> None:
    """What a person reads: the file, what to do, and no defect of the program."""
    assert said.code == 2, said
    assert "Défaut du programme" not in said.err
    assert said.err.count("Erreur : ") == 1
    assert harmless(path.name) in said.err
    assert "À faire : " in said.err


@pytest.mark.parametrize("words", with_config())
def test_no_command_waits_for_a_configuration_that_is_a_pipe(words: str, tmp_path: Path) -> None:
    """Each says so at once, and none prints its name as it is."""
    path = tmp_path / f"{HOSTILE}\n.toml"
    pipe(path)

    said = run(*filled(words), config=path)

    assert_one_sentence(said, path)
    assert_harmless(said)


@pytest.mark.parametrize("make", [*KINDS, *SYNTAX])
def test_a_configuration_that_is_anything_is_refused(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    """Whatever the system or the format allows."""
    make(tmp_path / "reglages.toml")

    said = run("status", config=tmp_path / "reglages.toml")

    assert_one_sentence(said, tmp_path / "reglages.toml")


READ = {
    ("import", "file"): ("import", "usage"),
    ("settlements import", "file"): ("settlements", "import"),
    ("titles import", "file"): ("titles", "import"),
    ("validate", "files"): ("validate",),
    ("journal verify", "checkpoint"): ("journal", "verify", "--checkpoint"),
}
"""The files that a command reads, and what is typed before them."""
ELSEWHERE = {
    ("complete", "files"): "tests/integration/corrections/test_completion.py",
    ("demo", "folder"): "a folder",
    ("init", "folder"): "a folder",
    ("try", "folder"): "a folder",
    ("mail references", "dry_run"): "a folder",
    ("mail statements", "dry_run"): "a folder",
    ("preview", "documents"): "a folder",
    ("titles export", "pieces"): "a folder",
    ("documents export", "to"): "a folder",
    ("documents portal", "to"): "tests/integration/audit/test_documents.py",
    ("journal export", "to"): "below",
    ("journal checkpoint", "to"): "below",
    ("audit report", "to"): "below",
    **dict.fromkeys(
        [
            (words, "to")
            for words in (
                "audit deposits",
                "campaign list",
                "campaign open",
                "check",
                "config show",
                "import list",
                "interest",
                "journal show",
                "preview",
                "show",
                "status",
                "tariff list",
                "tariff show",
                "titles export",
            )
        ],
        "tests/integration/tables/test_files.py",
    ),
    ("import show", "to"): "below",
    ("contacts export", "to"): "below",
    ("tariff new", "to"): "tests/e2e/test_catalogue.py",
    ("import show", "values_to"): "tests/integration/tables/test_files.py",
    ("import", "corrections"): "tests/integration/imports/test_corrections.py",
    ("settlements import", "corrections"): "tests/integration/accounting/test_given_back.py",
    ("titles import", "corrections"): "tests/integration/accounting/test_given_back.py",
    ("import template", "to"): "tests/unit/imports/test_template.py",
    ("audit dossier", "to"): "tests/integration/audit/test_dossier_folder.py",
    ("audit site", "to"): "tests/integration/audit/test_dossier_folder.py",
}
"""Where the others are tried."""


def test_every_file_that_a_command_names_is_tried() -> None:
    """A new parameter finds its place here, or this fails."""
    shared = {"config", "data"}
    named = {(words, name) for words, name in read_arguments() if name not in shared}

    assert named == set(READ) | set(ELSEWHERE)


@pytest.mark.parametrize("name", ["", "worker.sqlite"])
@pytest.mark.parametrize("make", KINDS)
def test_a_data_folder_that_is_anything_is_refused(
    make: Callable[[Path], None], name: str, tmp_path: Path
) -> None:
    """The folder that ``--data`` names, or the database in it."""
    folder = tmp_path / "data"
    if name:
        folder.mkdir()
    make(folder / name)

    said = run("status", "--data", folder)

    assert said.code in {2, 3, 70}, said
    assert "Défaut du programme" not in said.err
    assert said.err.count("Erreur : ") == 1
    assert "À faire : " in said.err


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("typed", list(READ.values()), ids=" ".join)
def test_a_file_that_is_anything_is_refused(
    typed: tuple[str, ...], make: Callable[[Path], None], tmp_path: Path, demo: Path
) -> None:
    """Named, and not waited for."""
    make(tmp_path / "fichier.csv")
    config = None if typed == ("validate",) else demo

    said = run(*typed, tmp_path / "fichier.csv", config=config)

    assert said.code in {1, 2}
    assert "Défaut du programme" not in said.err
    assert "fichier.csv" in said.err + said.out


@pytest.mark.parametrize("make", [pipe, device, Path.mkdir, dangling, loop])
@pytest.mark.parametrize(
    "typed",
    [
        ("journal", "export"),
        ("journal", "checkpoint"),
        ("audit", "report", "2025"),
        ("import", "show", "members.csv"),
        ("contacts", "export", STORY[0].siret),
    ],
    ids=" ".join,
)
def test_what_is_kept_elsewhere_is_written_to_a_regular_file_alone(
    typed: tuple[str, ...], make: Callable[[Path], None], tmp_path: Path, demo: Path
) -> None:
    """No pipe is waited for, and no link is followed."""
    make(tmp_path / "journal.jsonl")

    said = run(*typed, "--to", tmp_path / "journal.jsonl", config=demo)

    assert said.code == 3
    assert "n'est pas un fichier ordinaire" in said.err or "c'est un lien" in said.err
    assert not (tmp_path / "nowhere").exists()


def paths_set(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Each setting that is a path, by its key."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from paths_set(field.annotation, f"{prefix}{name}.")
        elif is_path(field.annotation):
            yield prefix + name


SET = {
    "secrets_file": ("config", "show"),
    "look.logo": ("config", "show"),
    "data.tariffs": ("tariff", "list"),
    "data.folder": ("status",),
    "journal.timestamp_certificates": ("journal", "checkpoint"),
    "site.folder": ("serve", "--once"),
    "late_interest.rates": ("interest",),
    "mail.ca_file": ("mail", "references", "2026"),
    "mail.templates": ("mail", "references", "2026"),
}
"""Each setting that is a path, and the command that reads it."""
BESIDE = {
    "journal.timestamp_certificates": {
        "CHORUS_WORKER_JOURNAL__TIMESTAMP_URL": "http://127.0.0.1:1/"
    },
    "mail.ca_file": {
        "CHORUS_WORKER_MAIL__HOST": "smtp.example",
        "CHORUS_WORKER_MAIL__SENDER": "facturation@syndicat.example",
    },
}
"""Variables without which a setting means nothing."""
IN_FOLDER = {"data.tariffs": "nommé.toml", "mail.templates": "references.txt"}
"""The settings that name a folder, and a file that is read in it."""


@pytest.mark.parametrize("key", list(paths_set(Settings)))
@pytest.mark.parametrize("make", [pipe, device, huge, nested])
def test_a_file_of_the_configuration_that_is_anything_is_told(
    key: str, make: Callable[[Path], None], tmp_path: Path, demo: Path
) -> None:
    """By the command that reads it, at once; a folder is tried with such a file in it."""
    path = tmp_path / IN_FOLDER.get(key, "nommé.toml")
    make(path)
    if path.is_file():
        path.chmod(0o600)
    named = tmp_path if key in IN_FOLDER else path
    variable = "CHORUS_WORKER_" + key.upper().replace(".", "__")

    said = run(*SET[key], config=demo, env={variable: str(named), **BESIDE.get(key, {})})

    assert "Défaut du programme" not in said.err
    assert path.name in said.err
