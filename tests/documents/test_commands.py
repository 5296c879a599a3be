"""docs/commands.md and the README against the command line, its exit codes and its JSON keys."""

import ast
import inspect
import re
from itertools import chain, takewhile

import pytest

from chorus_sandbox.command import main as sandbox
from tests.documents.command_line import commands
from tests.documents.pages import ROOT, page, quoted, rows, section
from worker import errors
from worker.billing.member_account import DisagreementKind
from worker.corrections.todo import AdviceCode
from worker.errors import Severity, WorkerError
from worker.imports.kinds import KINDS

COMMANDS = page("docs/commands.md")
SHARED = ("--config", "--json")
SOME = ("--data", "--wide")
INTERRUPTED = 130
CODES = (*AdviceCode, *DisagreementKind)


def told() -> dict[str, set[str]]:
    """The options of each command, by its name, as the table of commands has them."""
    usages = [quoted(cells[0])[0] for cells in rows(section(COMMANDS, "Commands"))]
    return {
        " ".join(re.findall(r"^[a-z]+|(?<= )[a-z]+\b(?!=)", usage)): set(
            re.findall(r"--[a-z-]+", usage)
        )
        for usage in usages
    }


def test_commands_and_their_options_are_those_of_the_page() -> None:
    """Each command has its row, with exactly the options it takes; each row is a command."""
    real = {name: options - {*SHARED, *SOME} for name, options in commands().items()}

    assert told() == real


@pytest.mark.parametrize("option", SHARED)
def test_the_commands_without_a_shared_option_are_named(option: str) -> None:
    """The page says which commands do not take ``--config`` and ``--json``."""
    text = " ".join(section(COMMANDS, "The options that most commands share").split())
    said = re.search(rf"- `{option}.*?Without it: (.*?)\.(?: -|$)", text)
    without = {name for name, options in commands().items() if option not in options}

    assert said is not None
    assert set(quoted(said[1])) == without


@pytest.mark.parametrize("option", SOME)
def test_the_commands_with_an_option_of_some_are_named(option: str) -> None:
    """The page says which commands take ``--data`` and ``--wide``."""
    text = " ".join(section(COMMANDS, "The options that most commands share").split())
    said = re.search(rf"- `{option}.*?With it: (.*?)\.(?: -|$)", text)
    having = {name for name, options in commands().items() if option in options}

    assert said is not None
    assert set(quoted(said[1])) == having


@pytest.mark.parametrize("name", commands())
def test_every_command_is_in_the_readme(name: str) -> None:
    """A command that the README does not show does not exist for its users."""
    group, _, command = name.partition(" ")
    readme = page("README.md")

    assert f"`{name}" in readme or (command and re.search(rf"`{group}[^|]*\b{command}\b", readme))


def test_the_options_of_the_sandbox_are_documented(capsys: pytest.CaptureFixture[str]) -> None:
    """Each option of ``sandbox --help`` is explained in docs/sandbox.md."""
    with pytest.raises(SystemExit):
        sandbox(["--help"], program="chorus-worker sandbox")
    real = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out)) - {"--help"}

    assert real - set(re.findall(r"--[a-z][a-z-]+", page("docs/sandbox.md"))) == set()


def test_exit_codes_are_those_of_the_page() -> None:
    """0 and 1 for what is done, 130 when interrupted, the others those of the errors."""
    table = list(rows(section(COMMANDS, "Exit codes")))
    by_error = {
        name: kind.exit_code
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, WorkerError)
    }

    assert {int(code) for code, *_ in table} == {0, 1, INTERRUPTED} | set(by_error.values())
    for code, _, names in table:
        assert [name for name in quoted(names) if by_error[name] != int(code)] == []


def json_keys() -> set[str]:
    """Keys of JSON answers: those of the dictionaries of json_*.py, and names that are keys."""
    keys: list[ast.expr | None] = []
    files = sorted((ROOT / "worker" / "cli").glob("json_*.py"))
    for node in chain.from_iterable(ast.walk(ast.parse(file.read_text())) for file in files):
        if isinstance(node, ast.Dict):
            keys += node.keys
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {
            "_facts",
            "_known",
            "_event",
        }:
            keys += node.args
    return {str(key.value) for key in keys if isinstance(key, ast.Constant)}


def test_json_keys_are_those_of_the_page() -> None:
    """Every key of an answer is in the section on JSON, and each key of its table in an answer."""
    text = section(COMMANDS, "JSON")
    in_table = {word for cells in rows(text) for word in quoted(cells[1])}

    assert json_keys() - set(quoted(text)) == set()
    assert in_table - json_keys() == {severity.value for severity in Severity}


def test_advice_codes_are_those_of_the_page() -> None:
    """Each thing that a person may have to do has its row."""
    table = rows(section(COMMANDS, "What a person must do"))

    assert [quoted(code)[0] for code, _ in table] == [code.value for code in CODES]


def test_advice_codes_are_those_of_the_operators_guide() -> None:
    """Programs of operators read them there: none is missing, and none is of another time."""
    tables = page("docs/operations.md").split("| `code` | Quand |")[1:]
    lines = [
        line
        for table in tables
        for line in takewhile(lambda line: line.startswith("|"), table.splitlines()[1:])
    ]
    told = {code for line in lines for code in quoted(line.split("|")[1])}

    assert told == {code.value for code in CODES}


def test_import_columns_are_those_of_the_pages() -> None:
    """Each file and its columns, compulsory ones starred, in both guides."""
    real = {
        kind.value: [column.name + "*" * column.compulsory for column in one.columns]
        for kind, one in KINDS.items()
    }
    said = {
        quoted(file)[0]: quoted(names) for file, names in rows(section(COMMANDS, "Import files"))
    }
    finance = page("docs/finance.md")

    assert said == real
    for columns in real.values():
        assert [name for name in columns if f"`{name}`" not in finance] == []
