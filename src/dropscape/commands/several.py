"""Options that take several values at once, ``--keep 0.6 0.7``, as people write them; click's own take one each."""

import click


class SeveralValues(click.Command):
    """A command whose options that may be repeated also take several values behind one name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option's name before each of its values."""
        names = {name for one in self.params if getattr(one, "multiple", False) for name in one.opts}
        spread: list[str] = []
        option, values = "", 0
        for word in args:
            if word.startswith("-") and not word[1:2].isdigit():
                option, values = (word if word in names else ""), 0
            elif option:
                values += 1
                if values > 1:
                    spread.append(option)
            spread.append(word)
        return super().parse_args(ctx, spread)
