"""What inner loops are written with where LLVM is to be told how: loops, and vectors of any type."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba.core import cgutils


@contextmanager
def steps(builder: Any, first: Any, stop: Any, step: Any) -> Iterator[Any]:
    """A loop that LLVM leaves as it is: unrolled, its rest would be a second loop whose end is foreseen wrongly."""
    before = builder.block
    head, body, end = (builder.append_basic_block(name) for name in ("head", "body", "end"))
    builder.branch(head)
    builder.position_at_end(head)
    k = builder.phi(first.type)
    k.add_incoming(first, before)
    builder.cbranch(builder.icmp_signed("<", k, stop), body, end)
    builder.position_at_end(body)
    yield k
    k.add_incoming(builder.add(k, step), builder.block)
    once = builder.module.add_metadata([ir.MetaDataString(builder.module, "llvm.loop.unroll.disable")])
    loop = builder.module.add_metadata([ir.MetaDataString(builder.module, k.name), once])
    loop.operands = (loop, once)  # its first operand is a loop's name
    builder.branch(head).set_metadata("llvm.loop", loop)
    builder.position_at_end(end)


def variable(builder: Any, value: Any) -> Any:
    """A place for a value that changes in a loop; it becomes a register."""
    place = cgutils.alloca_once(builder, value.type)  # type: ignore[no-untyped-call]
    builder.store(value, place)
    return place


def load(builder: Any, pointer: Any, c: int, kind: ir.VectorType) -> Any:
    """Elements from c on, as vectors of another type."""
    found = ir.VectorType(pointer.type.pointee, kind.count)
    at = builder.gep(pointer, [ir.Constant(ir.IntType(64), c)])
    return resize(builder, builder.load(builder.bitcast(at, found.as_pointer()), align=1), kind)


def store(builder: Any, vector: Any, pointer: Any, c: int) -> None:
    """Write elements from c on."""
    kind = ir.VectorType(pointer.type.pointee, vector.type.count)
    at = builder.gep(pointer, [ir.Constant(ir.IntType(64), c)])
    builder.store(resize(builder, vector, kind), builder.bitcast(at, kind.as_pointer()), align=1)


def spread(builder: Any, value: Any, kind: ir.VectorType) -> Any:
    """A vector of one value."""
    value = resize(builder, value, kind.element)
    undefined = ir.Constant(kind, ir.Undefined)
    single = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(ir.IntType(32), kind.count), None))


def resize(builder: Any, value: Any, kind: Any) -> Any:
    """Numbers in another type: integers are cut or extended, or become real."""
    have, want = (getattr(each, "element", each) for each in (value.type, kind))
    if have == want:
        return value
    if not isinstance(want, ir.IntType):
        return builder.sitofp(value, kind)
    return builder.trunc(value, kind) if have.width > want.width else builder.sext(value, kind)
