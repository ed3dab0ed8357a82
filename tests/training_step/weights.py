"""What each method makes of a layer's weights: codes and scales; and what it makes of their gradients."""

import math


class Used:
    """Weights in use: a code for each, and one scale, two, or none."""

    def __init__(self, codes, scales=()):
        self.codes, self.scales = codes, tuple(scales)


def full(meter, w, state):
    return Used(list(w))


def binary(meter, w, state):
    if state.deterministic:
        return Used([1.0 if each >= 0 else -1.0 for each in w])
    return Used([1.0 if meter.exceeds(each, 2 * meter.draw() - 1) else -1.0 for each in w])


def ternary(meter, w, state):
    if state.deterministic:
        return Used([math.copysign(meter.exceeds(abs(each), 0.5), each) for each in w])
    return Used([math.copysign(meter.exceeds(abs(each), meter.draw()), each) for each in w])


def bwn(meter, w, state):
    scale = meter.multiply(meter.sum(map(abs, w)), 1 / len(w))
    return Used([1.0 if each >= 0 else -1.0 for each in w], [scale])


def curvatures(meter, state):
    return [meter.add(meter.root(v), 1e-8) for v in state.squared]


def lab(meter, w, state):
    d = curvatures(meter, state)
    product = meter.sum([meter.multiply(a, abs(b)) for a, b in zip(d, w, strict=True)])
    return Used([1.0 if each >= 0 else -1.0 for each in w], [meter.quotient(product, meter.sum(d))])


def masked_scale(meter, d, product, mask):
    top = meter.sum([p * m for p, m in zip(product, mask, strict=True)])
    return meter.quotient(top, meter.sum([a * m for a, m in zip(d, mask, strict=True)]))


def lat(meter, w, state, sides=((1, -1),)):
    """One scale: both signs on one side; two scales: a side each."""
    d = curvatures(meter, state)
    product = [meter.multiply(a, abs(b)) for a, b in zip(d, w, strict=True)]
    members = [[k for k, each in enumerate(w) if (1 if each >= 0 else -1) in side] for side in sides]

    def scales(mask):
        return [masked_scale(meter, *([part[k] for k in each] for part in (d, product, mask))) for each in members]

    mask = [1] * len(w)
    before = scales(mask)
    for _ in range(state.rounds):
        for each, scale in zip(members, before, strict=True):
            for k in each:
                mask[k] = int(meter.exceeds(abs(w[k]), scale / 2))
        after = scales(mask)
        for one, other in zip(before, after, strict=True):
            meter.exceeds(abs(meter.add(one, -other)), 1e-6)
        before = after
    return Used([math.copysign(m, each) for m, each in zip(mask, w, strict=True)], before)


def merge_sort(meter, keys):
    """Order of falling keys; every number that is placed costs one comparison, also with the end of a list."""
    lists = [[k] for k in range(len(keys))]
    while len(lists) > 1:
        merged = []
        for left, right in zip(lists[::2], [*lists[1::2], *([[]] * (len(lists) % 2))], strict=True):
            left, right, out = [*left, None], [*right, None], []
            for _ in range(len(left) + len(right) - 2):
                a = -math.inf if left[0] is None else keys[left[0]]
                b = -math.inf if right[0] is None else keys[right[0]]
                out.append(right.pop(0) if meter.exceeds(b, a) else left.pop(0))
            merged.append(out)
        lists = merged
    return lists[0]


def lat_exact(meter, w, state, sides=((1, -1),)):
    d = curvatures(meter, state)
    product = [meter.multiply(a, abs(b)) for a, b in zip(d, w, strict=True)]
    order = merge_sort(meter, list(map(abs, w)))
    codes, scales = [0.0] * len(w), []
    for side in sides:
        top = bottom = 0.0
        best = (0.0, 1.0)
        chosen = [k for k in order if (1 if w[k] >= 0 else -1) in side]
        for k in chosen:
            top, bottom = meter.add(top, product[k]), meter.add(bottom, d[k])
            square = meter.multiply(top, top)
            if meter.exceeds(meter.multiply(square, best[1]), meter.multiply(best[0], bottom)):
                best, at = (square, bottom), (top, bottom)
        scales.append(meter.quotient(*at))
        for k in chosen:
            codes[k] = math.copysign(meter.exceeds(abs(w[k]), scales[-1] / 2), w[k])
    return Used(codes, scales)


def laq(meter, w, state, by_shifts):
    d = curvatures(meter, state)
    product = [meter.multiply(a, abs(b)) for a, b in zip(d, w, strict=True)]
    times = meter.shift if by_shifts else meter.multiply

    def best_scale(codes):
        weighted = [times(a, c) for a, c in zip(d, codes, strict=True)]
        bottom = meter.sum([times(a, c) for a, c in zip(weighted, codes, strict=True)])
        top = meter.sum([times(a, c) for a, c in zip(product, codes, strict=True)])
        return meter.quotient(top, bottom)

    scale = best_scale([1.0] * len(w))  # those of the last step
    for _ in range(state.rounds):
        inverse = meter.reciprocal(scale)
        codes = [level(meter, meter.multiply(abs(each), inverse), by_shifts) for each in w]
        after = best_scale(codes)
        meter.exceeds(abs(meter.add(after, -scale)), 1e-6)
        scale = after
    return Used([math.copysign(c, each) for c, each in zip(codes, w, strict=True)], [scale])


def level(meter, t, by_shifts):
    """The nearest of 0, 1, 2, 3, or of 0, 1, 2, 4."""
    if not by_shifts:
        whole = math.floor(meter.add(t, 0.5))
        return 3.0 if meter.exceeds(t, 3) else float(whole)
    too_small, too_large = meter.exceeds(0.5, t), meter.exceeds(t, 4)
    lower = 2.0 ** (math.frexp(t)[1] - 1) if t else 1.0
    upper = meter.exceeds(t, 1.5 * lower)
    nearest = meter.shift(lower, 2 if upper else 1)
    return 0.0 if too_small else 4.0 if too_large else nearest


def twn(meter, w, state):
    threshold = meter.multiply(meter.sum(map(abs, w)), 0.7 / len(w))
    mask = [int(meter.exceeds(abs(each), threshold)) for each in w]
    top, n = meter.sum([abs(a) * m for a, m in zip(w, mask, strict=True)]), meter.sum(mask)
    return Used([math.copysign(m, a) for m, a in zip(mask, w, strict=True)], [meter.quotient(top, n)])


def largest(meter, numbers):
    most = 0.0
    for each in numbers:
        most = abs(each) if meter.exceeds(abs(each), most) else most
    return most


def ttq(meter, w, state):
    threshold = meter.multiply(0.05, largest(meter, w))
    return Used([math.copysign(meter.exceeds(abs(each), threshold), each) for each in w], state.learned)


def tanh(meter, x):
    """Lambert's continued fraction."""
    square = meter.multiply(x, x)
    top, bottom = meter.add(378, square), meter.add(3150, meter.multiply(28, square))
    for a, b in ((17325, 62370), (135135, 135135)):
        top, bottom = meter.add(meter.multiply(top, square), a), meter.add(meter.multiply(bottom, square), b)
    return meter.quotient(meter.multiply(top, x), bottom)


def dorefa(meter, w, state):
    """Three bits: seven steps."""
    state.bent = [tanh(meter, each) for each in w]
    state.reciprocal = meter.reciprocal(largest(meter, state.bent))
    factor = meter.multiply(3.5, state.reciprocal)
    # t f + 7/2 rounded half up, its two constants one; twice that, less 7, is odd
    return Used([meter.add(2 * math.floor(meter.add(meter.multiply(t, factor), 4.0)), -7) for t in state.bent], [1 / 7])


def lsq(meter, w, state):
    inverse = meter.reciprocal(state.learned[0])
    state.quotients = [meter.multiply(each, inverse) for each in w]
    return Used([rounded(meter, each, -4, 3, state) for each in state.quotients], [state.learned[0]])


def rounded(meter, v, lowest, highest, state):
    low, high = meter.exceeds(lowest, v), meter.exceeds(v, highest)
    whole = math.floor(meter.add(v, 0.5))
    return float(lowest if low else highest if high else whole)


TWO = ((1,), (-1,))
PREPARE = {
    "full-precision": full,
    "binary-connect": binary,
    "ternary-connect": ternary,
    "binary-connect-qbp": binary,
    "ternary-connect-qbp": ternary,
    "bwn": bwn,
    "lab": lab,
    "lat": lat,
    "lat-exact": lat_exact,
    "lat-two-scales": lambda *given: lat(*given, sides=TWO),
    "lat-two-scales-exact": lambda *given: lat_exact(*given, sides=TWO),
    "laq-linear": lambda *given: laq(*given, by_shifts=False),
    "laq-log": lambda *given: laq(*given, by_shifts=True),
    "twn": twn,
    "ttq": ttq,
    "dorefa": dorefa,
    "lsq": lsq,
}
SHIFTED = ("laq-log",)
MULTIPLIED = ("full-precision", "laq-linear", "dorefa", "lsq")
CURVED = ("lab", "lat", "lat-exact", "lat-two-scales", "lat-two-scales-exact", "laq-linear", "laq-log")
BY_SGD = ("full-precision", "binary-connect", "ternary-connect", "binary-connect-qbp", "ternary-connect-qbp")
UNCLIPPED = ("full-precision", "dorefa", "lsq")


def latent_gradient(meter, method, gradient, used, state):
    """From the gradient of the weights in use to that of latent ones; and of learned scales."""
    if method == "ttq":
        positive, negative = 0.0, 0.0
        result = []
        for each, code in zip(gradient, used.codes, strict=True):
            scale = state.learned[0] if code > 0 else state.learned[1] if code < 0 else 1.0
            result.append(meter.multiply(scale, each))
            if code > 0:
                positive = meter.add(positive, each)
            else:
                negative = meter.add(negative, -each)
        state.learned_gradient = [positive, negative]
        return result
    if method == "dorefa":
        result = []
        for each, t in zip(gradient, state.bent, strict=True):
            slope = meter.add(1, -meter.multiply(t, t))
            result.append(meter.multiply(meter.multiply(each, slope), state.reciprocal))
        return result
    if method == "lsq":
        errors = [meter.add(c, -v) for c, v in zip(used.codes, state.quotients, strict=True)]
        total = meter.sum([meter.multiply(e, g) for e, g in zip(errors, gradient, strict=True)])
        state.learned_gradient = [meter.multiply(total, 0.1)]
    return gradient
