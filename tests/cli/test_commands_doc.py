"""docs/commands.md names every verb and option that there is, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from instep.cli.verbs import cli

PAGE = Path(__file__).resolve().parents[2] / "docs/commands.md"


def verbs(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        verb = group.get_command(ctx, name)
        assert verb is not None
        if isinstance(verb, click.Group):
            yield from verbs(verb, f"{prefix}{name} ")
        else:
            yield prefix + name, verb


def options(command: click.Command) -> set[str]:
    return {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }


def usage(command: click.Command) -> str:
    return " ".join(
        parameter.make_metavar(click.Context(command))
        for parameter in command.params
        if isinstance(parameter, click.Argument)
    )


def documented() -> dict[str, set[str]]:
    """Each heading that names a verb, with the options in its table."""
    found: dict[str, set[str]] = {}
    for section in PAGE.read_text().split("\n## ")[1:]:
        heading = re.match(r"`instep ([^`]+)`", section)
        assert heading is not None
        rows = re.findall(r"^\| (`-.*?) \|", section, re.MULTILINE)
        found[heading[1]] = {name for row in rows for name in re.findall(r"`(-[-a-z]+)", row)}
    return found


def test_the_page_and_the_program_say_the_same() -> None:
    program = {f"{name} {usage(verb)}".strip(): options(verb) for name, verb in verbs(cli)}
    assert documented() == program


def test_the_options_of_the_program_itself() -> None:
    top = PAGE.read_text().split("\n## ")[0]
    assert options(cli) | {"-h", "--help"} == set(re.findall(r"`(-[-a-z]+)`", top))


def test_every_verb_and_option_has_help() -> None:
    for name, verb in verbs(cli):
        assert verb.help, name
        for parameter in verb.params:
            assert not isinstance(parameter, click.Option) or parameter.help, (name, parameter.name)
