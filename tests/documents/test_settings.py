"""The settings against the configuration that is shipped and the page that lists them."""

import re
import tomllib

from tests.documents.pages import page, quoted, rows, section
from worker.settings.keys import Settings, TitleMapping
from worker.settings.loading import flatten

SHIPPED = page("config/worker.toml")


def keys() -> dict[str, list[str]]:
    """The keys of each table of the configuration; « top » for those of none."""
    tables: dict[str, list[str]] = {"top": []}
    for name, field in Settings.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        if inner is None:
            tables["top"].append(name)
        else:
            tables[name] = list(inner)
    return tables


def test_every_setting_is_in_the_shipped_configuration() -> None:
    """``init`` gives a file that names every key, commented where it has no default."""
    named = set(re.findall(r"^(?:# )?(\w+) = ", SHIPPED, re.MULTILINE))

    assert named == {key for inner in keys().values() for key in inner} | set(
        TitleMapping.model_fields
    )


def test_every_setting_is_in_its_table_of_the_page() -> None:
    """docs/commands.md lists each key under its table, and no other."""
    said = {
        (quoted(table) or [table])[0]: set(quoted(names))
        for table, names in rows(section(page("docs/commands.md"), "Settings"))
    }

    assert said == {table: set(inner) for table, inner in keys().items()}


def test_the_shipped_configuration_only_waits_for_the_channel() -> None:
    """Once the treasury's question is answered, the example configuration is correct."""
    settings = Settings(**tomllib.loads(f'channel = "helios"\n{SHIPPED}'))

    assert dict(flatten(settings.model_dump(mode="json")))["channel"] == "helios"


def test_the_keys_of_a_service_of_the_titles_are_in_the_page() -> None:
    """Each service has a table of its own, whose keys the page names, as the shipped example."""
    example = SHIPPED.split("# [titles.services.stockage]\n")[1].split("\n\n")[0]
    table = tomllib.loads(example.replace("# ", ""))
    text = " ".join(section(page("docs/commands.md"), "Settings").split())

    assert TitleMapping(**table).article
    assert ", ".join(TitleMapping.model_fields) in text
