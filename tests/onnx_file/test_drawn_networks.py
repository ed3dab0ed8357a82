"""Networks drawn at random, written as ONNX and QONNX files: other tools give their outputs."""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st
from number_of_examples import examples
from strategies import (
    convolutional_networks,
    inputs_for,
    networks,
    real_convolutional_networks,
    real_networks,
)

from hwsim import simulate
from hwsim.datasets import Dataset
from hwsim.errors import NetworkError
from hwsim.network.layers import Softmax

pytestmark = pytest.mark.onnx

EXACT = 2**24
"""Whole numbers up to here are float32."""


def written(network, qonnx):
    """A file of the network, as bytes; networks with a layer that has no equivalent are not drawn."""
    from hwsim.onnx_file import write_onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drawn.onnx"
        try:
            write_onnx(network, path, qonnx)
        except NetworkError as error:
            if "has no equivalent in" not in str(error):
                raise
            reject()
        return path.read_bytes()


def executor(content, frames):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.core.onnx_exec import execute_onnx

        model = ModelWrapper(content)
        output = model.graph.output[0].name
        return np.concatenate([execute_onnx(model, {"input": frame[None]})[output] for frame in frames])


def is_exact(network):
    """Whether float32 holds all of the network's signals: steps are powers of two, and codes are few enough."""
    signals = [each for each in network.signals.values() if not each.format.is_real]
    return all(np.all(np.frexp(each.step)[0] == 0.5) and each.bound < EXACT for each in signals)


def values_of(network, frames):
    data = Dataset(frames, network.input_step if not network.input_format.is_real else 1.0)
    return data, data.values()


@examples(40)
@given(st.data())
def test_integer_networks_equal_the_executor_of_qonnx(data):
    network = data.draw(st.one_of(networks(), convolutional_networks()))
    assume(is_exact(network))
    frames, values = values_of(network, data.draw(inputs_for(network, max_frame=3)))
    expected = simulate(network, frames).outputs
    got = executor(written(network, True), values).reshape(expected.shape)
    if isinstance(network.layers[-1], Softmax):  # everybody's exponential has last bits of its own
        assert np.allclose(got, expected, rtol=1e-5, atol=1e-6)
    else:
        assert np.array_equal(got, expected)


@examples(40)
@given(st.data())
def test_real_networks_equal_onnxruntime(data):
    import onnxruntime

    network = data.draw(st.one_of(real_networks(), real_convolutional_networks()))
    frames, values = values_of(network, data.draw(inputs_for(network, max_frame=3)))
    expected = simulate(network, frames).outputs
    got = onnxruntime.InferenceSession(written(network, False)).run(None, {"input": values})[0]
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(got.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5 * scale)
