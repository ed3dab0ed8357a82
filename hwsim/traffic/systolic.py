"""What a systolic array reads and writes for a layer, in closed form.

A layer is one product of matrices: M x K codes, an output position of a batch in each row, with K x N weights, an
output channel in each column. The array works on it in folds of its own size: what it holds stays, the rest streams
past, once for every fold, all folds along K before the next along its columns. So counts SCALE-Sim (A. Samajdar et al.,
ISPASS 2020), against which docs/validation.md holds these forms. Taps on padding are read like any other, because the
array is a rectangle whatever its numbers are.
"""

from typing import NamedTuple

from hwsim.activity import ConnectionActivity
from hwsim.machine import Array


class Product(NamedTuple):
    """M x K codes with K x N weights."""

    m: int
    n: int
    k: int


class Elements(NamedTuple):
    """Numbers that an array reads and writes for a product; sums are those that leave it unfinished."""

    codes: int
    weights: int
    sums: int  # as many written as read back
    outputs: int
    weight_rows: int  # rows of weights that enter, each at an address of its own
    sums_held: int  # of those that leave it unfinished, how many wait outside at once


def product_of(connection: ConnectionActivity, n_frame: int) -> Product:
    """The product that a connection is, for so many frames at once."""
    n = connection.row_length
    return Product(connection.n_out // n * n_frame, n, connection.n_weight // n)


def elements_of(product: Product, array: Array) -> Elements:
    """What an array moves for a product.

    Parameters
    ----------
    product : Product
        Of one layer and one batch.
    array : Array
        R rows x C columns.

    Returns
    -------
    Elements
        Weight stationary: K runs along rows, N along columns, and codes stream past. Input stationary: K along rows, M
        along columns, and weights stream. Both add up over ceil(K / R) folds, so that all sums but the last leave the
        array and come back. Output stationary: M along rows, N along columns, both operands stream, and sums stay.
    """
    m, n, k = product
    along_rows = -(-(m if array.systolic == "output" else k) // array.rows)
    along_columns = -(-(m if array.systolic == "input" else n) // array.columns)
    folds = along_rows * along_columns
    sums = m * n * (along_rows - 1)
    if array.systolic == "weight":
        held = m * min(n, array.columns) if sums else 0
        return Elements(m * k * along_columns, k * n, sums, m * n, k * along_columns, held)
    if array.systolic == "input":
        held = n * min(m, array.columns) if sums else 0
        return Elements(m * k, k * n * along_columns, sums, m * n, n * folds, held)
    return Elements(m * k * along_columns, k * n * along_rows, 0, m * n, k * folds, 0)


def folds_of(product: Product, array: Array) -> int:
    """Times that an array is filled for a product."""
    along_rows, along_columns, _ = _along(product, array)
    return -(-along_rows // array.rows) * -(-along_columns // array.columns)


def _along(product: Product, array: Array) -> tuple[int, int, int]:
    """What runs along an array's rows, along its columns, and what streams past."""
    m, n, k = product
    return {"weight": (k, n, m), "output": (m, n, k), "input": (k, m, n)}[array.systolic]


def cycles_of(product: Product, array: Array) -> int:
    """Cycles of a product: each fold is filled, streamed through and drained before the next.

    An array that holds an operand is filled with it row by row first, R cycles more.
    """
    filled = array.rows if array.systolic != "output" else 0
    return folds_of(product, array) * (filled + array.rows + array.columns + _along(product, array)[2] - 2)
