"""``hwsim training-cost``: the operations of one training step."""

from typing import Annotated

import typer

from hwsim.convert.declared import numbers

METHOD_HELP = "As for hwsim train: full-precision, binary-connect, ternary-connect-qbp, lat, laq-log, twn ..."


def training_cost(
    layers: Annotated[
        str, typer.Option(help="Units of dense layers, inputs first, or a name such as mlp-784-1024x3-10.")
    ] = "784-1024-1024-1024-10",
    method: Annotated[str, typer.Option(help=METHOD_HELP)] = "ternary-connect-qbp",
    batch: Annotated[int, typer.Option(min=1, help="Frames of a minibatch.")] = 200,
    batch_norm: Annotated[bool, typer.Option("--batch-norm", help="Batch norm after every layer.")] = False,
    accounting: Annotated[
        str | None, typer.Option(help="paper or complete; unless given, both where the paper speaks of the method.")
    ] = None,
    deterministic: Annotated[bool, typer.Option("--deterministic", help="...-connect: weights are not drawn.")] = False,
    max_shift: Annotated[int | None, typer.Option(min=1, help="...-qbp: most places a gradient is shifted by.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Loss-aware: rounds of alternation in a step.")] = 10,
    table: Annotated[str, typer.Option(help="Energy table.")] = "default_45nm",
) -> None:
    """Count one training step: multiplications, additions, shifts and random numbers, by layer and pass; price it."""
    from hwsim.pricing.energy import price
    from hwsim.report.text_table import line_width
    from hwsim.report.training import training_cost_text
    from hwsim.train.architecture import ARCHITECTURES
    from hwsim.training_cost import accountings, count_training

    units = numbers(ARCHITECTURES.get(layers, layers), "-", int, "dense layers, --layers 784-1024-1024-1024-10")
    wanted = (accounting,) if accounting else accountings(method)
    breakdowns = [
        price(
            count_training(
                units,
                method,
                batch,
                batch_norm,
                each,  # type: ignore[arg-type]
                deterministic=deterministic,
                max_shift=max_shift,
                rounds=rounds,
            ),
            table,
        )
        for each in wanted
    ]
    typer.echo(training_cost_text(breakdowns, line_width()))
