"""How a machine cuts the layers of a network into tiles, and what stays where: as rows of text."""

from collections.abc import Iterator, Sequence

from hwsim.activity import Activity, LayerActivity
from hwsim.counting.accounting import refuse_wide_operands
from hwsim.machine import Level, Machine
from hwsim.traffic.loops import Stay
from hwsim.traffic.plan import plan
from hwsim.traffic.planned import Kept, LayerPlan, Plan
from hwsim.traffic.shape import FRAMES, OUTPUTS
from hwsim.traffic.staying import PASSED_BY, through
from hwsim.traffic.systolic import elements_of, folds_of, product_of
from hwsim.traffic.systolic_places import RAW, Places, is_raw
from hwsim.traffic.systolic_words import refuse_groups

ARRAY_HEADS = ("layer", "product", "folds", "weights live in", "reads", "sums wait in", "writes")
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
        When the machine cannot hold the network, its arithmetic is too narrow, or its array takes no groups.
    """
    refuse_wide_operands(activity, machine)
    if machine.array is not None:
        return _without_empty([ARRAY_HEADS, *_array_rows(activity, machine)])
    planned = plan(activity, machine)
    return _without_empty([HEADS, *(_row(layer, planned) for layer in activity.layers)])


def _without_empty(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Without the columns in which nothing stands below the head."""
    filled = [k for k in range(len(rows[0])) if any(row[k] for row in rows[1:])]
    return [tuple(row[k] for k in filled) for row in rows]


def _array_rows(activity: Activity, machine: Machine) -> Iterator[tuple[str, ...]]:
    """Each layer's products, in how many folds an array works on them, and where their operands are."""
    assert machine.array is not None
    refuse_groups(activity, machine)
    places = Places(activity, machine)
    for place, layer in enumerate(activity.layers):
        products = [product_of(connection, machine.batch) for connection in layer.connections]
        stay, written = places.weights[place], layer.name if layer.emitted is None else layer.emitted.name
        fetched = f"{stay.level.name}, each batch from {stay.filled_from.name}" if stay.filled_from else stay.level.name
        read = layer.sources or (RAW if RAW in places.signals else written,)
        yield (
            layer.name,
            ", ".join(f"{each.m} x {each.k} by {each.k} x {each.n}" for each in products),
            ", ".join(f"{folds_of(each, machine.array)}" for each in products),
            fetched if products else "",
            ", ".join(dict.fromkeys(places.signals[name].level.name for name in read)),
            places.sums[place].name if any(elements_of(each, machine.array).sums for each in products) else "",
            "" if is_raw(layer) else places.signals[written].level.name,
        )


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
    nearer = mapped.weights[[kept.level for kept in mapped.weights].index(home) + 1 :] if home is not None else ()
    return "; ".join(f"{kept.level.name}: {STAYS[stay]}" for kept, stay in zip(nearer, _longest(nearer), strict=True))


def _longest(nearer: Sequence[Kept]) -> list[int]:
    """Stays of levels from far to near: one that is asked only by those nearer by stays as long as they do."""
    longest = dict(through([kept.stay for kept in nearer]))
    return [longest.get(k, PASSED_BY) for k in range(len(nearer))]


def _home(signal: str, planned: Plan) -> Level:
    """Where a signal lives; frames may arrive as the codes that the first layer reads."""
    return planned.signals.get(signal, planned.signals[FRAMES])


def _read(signal: str, mapped: LayerPlan, planned: Plan) -> str:
    """Where a signal lives, and how long nearer levels keep it."""
    home = _home(signal, planned)
    nearer = mapped.codes[[kept.level for kept in mapped.codes].index(home) + 1 :] if mapped.codes else ()
    stays = zip(nearer, _longest(nearer), strict=True)
    return "; ".join([home.name, *(f"{kept.level.name}: {STAYS[stay]}" for kept, stay in stays if stay != PASSED_BY)])
