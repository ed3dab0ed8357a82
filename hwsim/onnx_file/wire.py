"""The records of a protobuf file, counted where they lie, before a parser makes objects of them."""

from typing import Any

from hwsim.errors import FileError

MOST_RECORDS = 1_000_000
"""Records that a file may have, data of tensors aside: a parser makes about 100 bytes of each."""

MOST_VARINT_BYTES = 2**28
"""Bytes of numbers written with as few bytes as each needs, of which a parser makes eight times as many."""

DEEPEST = 100
"""Messages within messages, as protobuf itself has it."""

VARINT, FIXED_64, LENGTH, FIXED_32 = 0, 1, 2, 5
STRING_TYPE = 9
VARINT_TYPES = frozenset((3, 4, 5, 8, 13, 14, 17, 18))
"""Field types, as protobuf numbers them, whose numbers take as many bytes as they need."""


def check_records(content: bytes, descriptor: Any) -> None:
    """Walk all records of a message and of those within it.

    Raises
    ------
    FileError
        When a record reaches beyond the end, is none, or there are more than a parser can be trusted with.
    """
    n_record = n_packed = 0
    waiting = [(0, len(content), descriptor, 0)]
    while waiting:
        at, end, message, depth = waiting.pop()
        fields = message.fields_by_number
        while at < end:
            n_record += 1
            if n_record > MOST_RECORDS:
                raise FileError(f"has more than {MOST_RECORDS:,} records; no network needs so many")
            tag, at = _varint(content, at, end)
            kind = tag & 7
            if kind == VARINT:
                _, at = _varint(content, at, end)
                continue
            if kind == LENGTH:
                length, at = _varint(content, at, end)
            elif kind in (FIXED_32, FIXED_64):
                length = 8 if kind == FIXED_64 else 4
            else:
                raise FileError(f"no ONNX file: no record at byte {at:,}")
            begin, at = at, at + length
            if at > end:
                raise FileError(f"no ONNX file, or cut short: a record at byte {begin:,} reaches beyond the end")
            field = fields.get(tag >> 3)
            if kind != LENGTH or field is None:
                continue
            if field.message_type is not None:
                if depth >= DEEPEST:
                    raise FileError(f"has more than {DEEPEST} messages within messages; no network needs so many")
                waiting.append((begin, at, field.message_type, depth + 1))
            elif field.type == STRING_TYPE:
                _check_text(content[begin:at], begin)
            elif field.type in VARINT_TYPES:
                n_packed += length
                if n_packed > MOST_VARINT_BYTES:
                    raise FileError(f"has more than {MOST_VARINT_BYTES:,} bytes of packed numbers; write raw data")


def _check_text(text: bytes, begin: int) -> None:
    try:
        text.decode()
    except UnicodeDecodeError:
        raise FileError(f"a name at byte {begin:,} is not UTF-8; export it again") from None


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """A number of seven bits per byte, the lowest first, and where what follows it begins."""
    value = shift = 0
    while at < end and shift < 70:
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise FileError(f"no ONNX file, or cut short: no number at byte {at:,}")
