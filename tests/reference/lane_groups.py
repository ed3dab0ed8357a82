"""What lanes take, worked out meeting by meeting: lists of events, a dictionary of the groups that they fall into."""

from collections import defaultdict


def groups_of(layer, events, rows, positions):
    """Events of each group of a frame.

    Parameters
    ----------
    layer : reference.levels.Layer
        Its geometry is looked at.
    events : dict
        From (channel, y, x) to the signed value of the event there.
    rows : int
        Rows of outputs that are worked on together.
    positions : int
        Meetings of a tap that the lanes work on side by side.
    """
    met, groups = defaultdict(int), defaultdict(list)
    for down in range(layer.out[0]):
        for across in range(layer.out[1]):
            for tap in layer.taps:
                place = []
                for axis, output in enumerate((down, across)):
                    place.append(output * layer.stride[axis] + tap[axis] * layer.dilation[axis] - layer.padding[axis])
                for channel in range(layer.channels):
                    if (channel, *place) not in events:
                        continue
                    turn = channel, tap, down // rows
                    delivery = met[turn] // positions
                    met[turn] += 1
                    row = (channel,) if layer.depthwise else (channel, tap)
                    groups[row, down // rows, delivery].append(events[channel, *place])
    return list(groups.values())


def cycles_of_event(value, arithmetic, multiply):
    """What one event takes a lane."""
    size = abs(value)
    if arithmetic == "shift-add":
        return fewest_powers(size)
    if arithmetic == "unary" or size <= arithmetic["unary_up_to"]:
        return len(range(size))
    return multiply


def fewest_powers(number):
    """How many powers of two it takes, added and taken off, to make a number."""
    if number in (0, 1):
        return number
    half, rest = divmod(number, 2)
    if rest == 0:
        return fewest_powers(half)
    return 1 + min(fewest_powers(half), fewest_powers(half + 1))
