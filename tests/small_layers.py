"""Hypothesis strategies for the mover: small layers, mappings, levels and frames."""

from hypothesis import strategies as st
from reference.levels import CHANNEL, CODE_STATIONARY, HOME, PASSED_BY, WEIGHT_STATIONARY, Layer, Level, Mapping

ORDERS = WEIGHT_STATIONARY, CODE_STATIONARY
LANES = "lane_channels", "lane_positions", "lane_frames"
NAMES = "dram", "buffer", "near"


@st.composite
def axes(draw):
    """(kernel, stride, padding before, dilation, image, out) of one axis."""
    kernel, dilation, out = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 4))
    stride = draw(st.integers(1, 3))
    reach = (out - 1) * stride + (kernel - 1) * dilation + 1
    before = draw(st.integers(0, min(kernel - 1, reach - 1)))
    after = draw(st.integers(-1, reach - before - 1))  # less than none: rows that no window reaches
    return kernel, stride, before, dilation, reach - before - after, out


@st.composite
def layers(draw):
    down, across = draw(axes()), draw(axes())
    kernel, stride, padding, dilation, image, out = zip(down, across, strict=True)
    depthwise = draw(st.booleans())
    return Layer(
        *((1, 1) if depthwise else (draw(st.integers(1, 3)), draw(st.integers(1, 4)))),
        draw(st.integers(1, 3)),
        *(kernel, stride, padding, dilation, image, out, depthwise),
        weight_bits=draw(st.sampled_from([(8,), (1,), (3,), (2, 8)])),
        code_bits=draw(st.sampled_from([8, 3, 13])),
    )


@st.composite
def mappings(draw, layer):
    channels = draw(st.integers(1, layer.groups if layer.depthwise else layer.outputs))
    by_rows = layer.depthwise or draw(st.booleans())
    tile = {"rows": draw(st.integers(1, layer.out[0]))} if by_rows else {"frames": draw(st.integers(1, 3))}
    lanes = [draw(st.integers(1, 3)) for _ in range(3)]
    return Mapping(draw(st.sampled_from(ORDERS)), channels, **tile, **dict(zip(LANES, lanes, strict=True)))


@st.composite
def chains(draw, longest):
    """Levels from far to near, each staying at least as long as the nearer ones; some passed by."""
    stays = sorted((draw(st.integers(CHANNEL, longest)) for _ in NAMES[1:]), reverse=True)
    stays = [draw(st.sampled_from([stay, stay, PASSED_BY])) for stay in stays]
    word = [draw(st.sampled_from([8, 32, 64])) for _ in NAMES]
    prefetch = [draw(st.integers(1, 4)) == 4 for _ in NAMES]
    return [Level(*each) for each in zip(NAMES, word, [HOME, *stays], prefetch, strict=True)]


@st.composite
def frames_of(draw, layer):
    """Up to four frames of some inputs each."""
    every_input = layer.every_input()
    choice = st.lists(st.booleans(), min_size=len(every_input), max_size=len(every_input))
    flags = [draw(choice) for _ in range(draw(st.integers(1, 4)))]
    return [[event for event, flag in zip(every_input, each, strict=True) if flag] for each in flags]


@st.composite
def works(draw):
    layer = draw(layers())
    return layer, draw(mappings(layer)), draw(frames_of(layer)), draw(st.integers(1, 3))
