"""Ways to make an input wrong, each drawn by a generator of random numbers: of bytes, of text, of what YAML holds."""

import io
import zipfile

import numpy as np
import yaml

ODD_BYTES = [
    b"\0",
    b"\xff\xff",
    b"\x1b[31m",
    b"\n",
    b"'",
    b"{",
    b"- ",
    b": ",
    b"&a *a",
    b"!!python/name:os.system ",
    b"\r",
]

ODD_NUMBERS = [
    *(0, -1, 1, 2, 3, 7, 255, 256, 65_536, 10_000, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64, -(2**63)),
    *(10**30, 10**300, 0.0, -0.0, 0.5, -1.5, 1e-310, 1e-45, 1e-30, 1e30, 1e38, 1e308, float("inf"), float("nan")),
]

ODD_VALUES = [
    *(None, True, False, "", " ", "a", "A" * 9999, "\x1b[31mred", "a\nb", "../../../etc/passwd", "/dev/zero", "\u202e"),
    *([], {}, [[]], [None], {"a": 1}, [1] * 999, {"schema": 1}, "1e5", "nan", "yes", "2020-01-01", "0x10", "ü"),
]

ODD_WORDS = [
    *(
        "0",
        "-1",
        "1e-310",
        "1e310",
        "nan",
        "inf",
        "-inf",
        "",
        "1/0",
        "0/1",
        "1,,2",
        "1,2,3,4,5,6",
        "9" * 400,
        "2x",
        "x",
    ),
    *("1e400", "16384", "100000", "\x1b[2J", "a=1", "input=0", "dense1=-3", "=", "1..0", "1..10000000", "/dev/zero"),
]


def one_of(random, choices):
    return choices[int(random.integers(len(choices)))]


def odd_value(random):
    return one_of(random, ODD_NUMBERS if random.random() < 0.6 else ODD_VALUES)


# --- bytes


def damaged(random, content):
    """Bytes that are cut, turned, left out, put in, doubled or exchanged, once or a few times."""
    for _ in range(one_of(random, [1, 1, 2, 5])):
        first, last = sorted(int(each) for each in random.integers(0, len(content) + 1, 2))
        last = min(last, first + int(random.integers(1, 200)))
        part = content[first:last]
        put = one_of(
            random,
            [b"", part + part, part[::-1], bytes(len(part)), random.bytes(len(part)), one_of(random, ODD_BYTES) + part],
        )
        content = content[:first] if random.random() < 0.1 else content[:first] + put + content[last:]
        if content and random.random() < 0.4:
            at = int(random.integers(len(content)))
            content = content[:at] + bytes([content[at] ^ (1 << int(random.integers(8)))]) + content[at + 1 :]
    return content


# --- text


def misspelt(random, text):
    """Lines that are left out, doubled, exchanged, moved to the side, or of which a word is another."""
    lines = text.split("\n")
    for _ in range(one_of(random, [1, 1, 1, 3])):
        at, other = (int(each) for each in random.integers(0, len(lines), 2))
        words = lines[at].split(" ")
        word = int(random.integers(len(words)))
        words[word] = str(odd_value(random))
        lines[at : at + 1] = one_of(
            random,
            [
                [],
                [lines[at]] * 2,
                [lines[other]],
                ["  " + lines[at]],
                [lines[at].strip()],
                [" ".join(words)],
                [" ".join(words)],
                [lines[at].replace(": ", ":"), "? " + lines[at]],
                [lines[at] + one_of(random, [" # ", ": ", " &x", " |", " {", "\t", " '", " ]"])],
            ],
        ) or [""]
    return "\n".join(lines)


def places(document, place=()):
    """Every place in what YAML holds, as keys and indices that lead there."""
    yield place
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document if isinstance(document, list) else [])
    )
    for key, value in inside:
        yield from places(value, (*place, key))


def changed(random, text):
    """The same document with odd values in one or a few places, keys that are gone or others, or that are doubled."""
    document = yaml.safe_load(text)
    for _ in range(one_of(random, [1, 1, 1, 2, 4])):
        *above, last = one_of(random, [place for place in places(document) if place])
        holder = document
        for step in above:
            holder = holder[step]
        how = random.random()
        if how < 0.15:
            del holder[last]
        elif how < 0.25 and isinstance(holder, dict):
            holder[str(one_of(random, ["extra", "", "schema", "\x1b[31m", last]))] = odd_value(random)
        elif how < 0.35 and isinstance(holder, list):
            holder.insert(last, holder[last])
        else:
            holder[last] = odd_value(random)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def wrong_yaml(random, content):
    """One of these three ways."""
    how = random.random()
    if how < 0.2:
        return damaged(random, content)
    make = misspelt if how < 0.5 else changed
    return make(random, content.decode()).encode("utf-8", "surrogatepass")


# --- arrays


def wrong_array(random, array):
    """An array with values, a shape or a dtype that nobody expects."""
    with np.errstate(all="ignore"):
        flat = array.ravel().copy()
        if flat.size and array.dtype.kind in "iuf":
            number = one_of(random, [0, -1, 1, 127, 2**40, np.nan, np.inf, 1e38, 1e-45])
            flat[int(random.integers(flat.size))] = np.asarray(number).astype(array.dtype)
        return one_of(
            random,
            [
                flat.reshape(array.shape),
                array[:0] if array.ndim else array[None],
                array[None],
                array.ravel(),
                array.T,
                array.astype(one_of(random, ["f2", "f8", "i1", "u8", "i8", ">f4", "c8", "?", "S3", "M8[s]"])),
                np.asfortranarray(array),
                np.asarray(7),
                np.full(array.shape, one_of(random, ODD_NUMBERS), float),
                array[: len(array) // 2] if array.ndim else array,
            ],
        )


def header(random):
    """The beginning of an array file that says whatever it likes."""
    shape = one_of(
        random, ["(3, 64)", "(2**40,)", "(4294967296, 4294967296)", "(-1, 64)", "()", "(1", "'x'", "(" * 500]
    )
    dtype = one_of(random, ["'<f4'", "'|O'", "'<f4', 'x'", "[('a', '<f4')]", "'<U9999999'", "'V8'", "None", "'>i8'"])
    text = f"{{'descr': {dtype}, 'fortran_order': {one_of(random, ['False', 'True', '3'])}, 'shape': {shape}, }}\n"
    version = int(random.integers(1, 4))
    length = one_of(random, [len(text), len(text), len(text) + 9, 0, 60_000])
    size = min(length, 65_535).to_bytes(2, "little") if version == 1 else length.to_bytes(4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode() + bytes(int(random.integers(0, 999)))


def wrong_npz(random, content):
    """An npz file with damaged bytes, with arrays that are odd, gone, too many, pickled, or written twice."""
    if random.random() < 0.3:
        return damaged(random, content)
    with np.load(io.BytesIO(content)) as file:
        arrays = dict(file)
    name = one_of(random, list(arrays))
    made = io.BytesIO()
    how = random.random()
    if how < 0.6:
        arrays[name] = wrong_array(random, arrays[name])
    elif how < 0.7:
        del arrays[name]
    elif how < 0.75:
        arrays[one_of(random, ["extra", "\x1b[31m", "../up", "a" * 300, name.upper()])] = np.ones(3)
    elif how < 0.8:
        arrays[name] = np.array([{"a": 1}], object)
    np.savez(made, **arrays)
    if how >= 0.8:
        kind = one_of(random, [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
        with zipfile.ZipFile(made, "w", kind) as file:
            for each, array in arrays.items():
                member = io.BytesIO()
                np.lib.format.write_array(member, array)
                file.writestr(f"{each}.npy", header(random) if each == name else member.getvalue())
    return made.getvalue()


# --- ONNX


def wrong_onnx(random, content):
    """An ONNX file with damaged bytes, or with names, shapes, numbers and attributes that are others."""
    import onnx

    if random.random() < 0.4:
        return damaged(random, content)
    model = onnx.ModelProto.FromString(content)
    for _ in range(one_of(random, [1, 1, 2, 4])):
        change(random, model)
    return model.SerializeToString()


def change(random, model):
    graph = model.graph
    if not (graph.node and graph.initializer and graph.input and model.opset_import):
        return  # enough is gone
    node, tensor = one_of(random, graph.node), one_of(random, graph.initializer)
    whole = one_of(random, [n for n in ODD_NUMBERS if isinstance(n, int) and -(2**63) <= n < 2**63])
    how = int(random.integers(10))
    if how == 0 and node.attribute:
        each = one_of(random, node.attribute)
        if each.ints:
            each.ints[int(random.integers(len(each.ints)))] = whole
        each.i, each.f = whole, float(whole)
    elif how == 1 and tensor.dims:
        tensor.dims[int(random.integers(len(tensor.dims)))] = whole
    elif how == 2 and tensor.raw_data:
        tensor.raw_data = damaged(random, tensor.raw_data)
    elif how == 3 and node.input:
        names = [
            "",
            "none",
            *(each.name for each in graph.initializer),
            *(name for each in graph.node for name in each.output),
        ]
        node.input[int(random.integers(len(node.input)))] = one_of(random, names)
    elif how == 4:
        node.op_type = one_of(
            random, ["Relu", "Conv", "MatMul", "Add", "Reshape", "Loop", "QuantizeLinear", "Tile", ""]
        )
    elif how == 5 and graph.input[0].type.tensor_type.shape.dim:
        one_of(random, graph.input[0].type.tensor_type.shape.dim).dim_value = whole
    elif how == 6:
        one_of(random, model.opset_import).version = whole
    elif how == 7:
        tensor.data_type = int(random.integers(-1, 27))
    elif how == 8:
        node.name = one_of(random, ["", "\x1b[31m", "a\nb", "x" * 9999, one_of(random, graph.node).name])
    else:
        del one_of(random, [graph.node, graph.initializer, node.input, node.output, graph.output])[:1]
