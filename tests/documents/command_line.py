"""The command line as the program has it, whichever way its commands are loaded."""

from worker.cli import commands as loaded

HELP = {"--help", "-h"}


def commands() -> dict[str, set[str]]:
    """The options of each command, by its name as it is typed."""
    return {
        words: {
            option
            for parameter in command.params
            for option in parameter.opts
            if option.startswith("-")
        }
        - HELP
        for words, command in loaded().items()
    }
