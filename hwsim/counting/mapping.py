"""How a machine cuts the layers of a network into tiles, and what stays where: as rows of text."""

from hwsim.activity import Activity, LayerActivity
from hwsim.counting.accounting import refuse_wide_operands
from hwsim.errors import MachineError
from hwsim.machine import Level, Machine
from hwsim.traffic.loops import Stay
from hwsim.traffic.plan import plan
from hwsim.traffic.planned import LayerPlan, Plan
from hwsim.traffic.shape import FRAMES, OUTPUTS
from hwsim.traffic.tiling import PASSED_BY

HEADS = ("layer", "order", "tile", "weights live in", "and stay", "reads", "writes", "state")
STAYS = {
    PASSED_BY: "passed by",
    Stay.CHANNEL: "an input channel",
    Stay.TILE: "a tile",
    Stay.LAYER: "the layer",
    Stay.ALWAYS: "always",
}
"""How long an operand stays in a level, in words: as long as it is worked on."""


def mapping_rows(activity: Activity, machine: Machine) -> list[tuple[str, ...]]:
    """What a machine makes of a network before it runs, a row for each layer under a row of heads.

    Parameters
    ----------
    activity : Activity
        Of a run of the machine's execution, of which nothing but shapes and formats is looked at.
    machine : Machine
        What it is mapped on.

    Returns
    -------
    list of tuple of str
        Without the columns that have nothing to say of any layer.

    Raises
    ------
    MachineError
        When the machine cannot hold the network, its arithmetic is too narrow, or it has an array instead of lanes.
    """
    refuse_wide_operands(activity, machine)
    if machine.array is not None:
        raise MachineError(
            f"machine {machine.name}: a systolic array has one mapping, folds of its own size; count the network on it"
        )
    planned = plan(activity, machine)
    rows = [HEADS, *(_row(layer, planned) for layer in activity.layers)]
    filled = [k for k in range(len(HEADS)) if any(row[k] for row in rows[1:])]
    return [tuple(row[k] for k in filled) for row in rows]


def _row(layer: LayerActivity, planned: Plan) -> tuple[str, ...]:
    mapped = planned.layers[layer.name]
    order, _, tile = str(mapped.tiling).partition(", ") if mapped.loops is not None else ("", "", "")
    home, state = planned.weights.get(layer.name), planned.state.get(layer.name)
    written = layer.emitted.name if layer.emitted is not None else OUTPUTS
    return (
        layer.name,
        order,
        tile,
        home.name if home is not None else "",
        _stays(mapped, home),
        ", ".join(dict.fromkeys(_read(name, mapped, planned) for name in layer.sources or (FRAMES,))),
        _home(written, planned).name if layer.sources or written in planned.signals else "",
        state.name if state is not None else "",
    )


def _stays(mapped: LayerPlan, home: Level | None) -> str:
    """How long weights stay in each level that is nearer than the one they live in."""
    levels = [kept.level for kept in mapped.weights]
    nearer = mapped.weights[levels.index(home) + 1 :] if home is not None else ()
    return "; ".join(f"{kept.level.name}: {STAYS[kept.stay]}" for kept in nearer)


def _home(signal: str, planned: Plan) -> Level:
    """Where a signal lives; frames may arrive as the codes that the first layer reads."""
    return planned.signals.get(signal, planned.signals[FRAMES])


def _read(signal: str, mapped: LayerPlan, planned: Plan) -> str:
    """Where a signal lives, and how long nearer levels keep it."""
    home = _home(signal, planned)
    nearer = mapped.codes[[kept.level for kept in mapped.codes].index(home) + 1 :] if mapped.codes else ()
    return "; ".join(
        [home.name, *(f"{kept.level.name}: {STAYS[kept.stay]}" for kept in nearer if kept.stay != PASSED_BY)]
    )
