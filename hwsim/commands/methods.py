"""Commands of which one takes all names that the others have not."""

from typing import Any

import typer.core

OTHERS = "METHOD"
"""The command that gets what no other is named."""


class Methods(typer.core.TyperGroup):
    """A group in which ``hwsim train lat`` is the command ``METHOD`` with the argument ``lat``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command's name before a method's, and before options."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = [OTHERS, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; the usage of the one for all others does not show its name."""
        name, command, rest = super().resolve_command(ctx, args)
        return "" if name == OTHERS else name, command, rest
