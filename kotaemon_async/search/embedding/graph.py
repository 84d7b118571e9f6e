"""The ONNX graph of a BERT encoder, written straight from its weights, in fp32 or int8."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from kotaemon_async.search.embedding.weights import (
    BLOCK,
    EPSILON,
    HEADS,
    WIDTH,
    Array,
    Encoder,
    PackedTable,
)

_MICROSOFT = "com.microsoft"
#: Two products of 255 × 64 still fit 16 bits, where processors without VNNI add them: more would
#: saturate there and give other vectors than here. It costs 0.002 of the cosine.
MATRIX_MOST = 64


def build(encoder: Encoder, *, window: int, int8: bool, without: Array | None = None) -> onnx.ModelProto:
    """Return a model from the `input_ids` of one text (int64, 1 × tokens) to its unit-length vector.

    One text at a time is as fast as eight, and without padding there is no mask: attention takes
    onnxruntime's flash kernel, and a text's vector cannot depend on its neighbours through the int8
    scales. Pooling is in the graph because outside it would hold Python's lock.

    Args:
        encoder: the weights.
        window: the most tokens of a text.
        int8: whether matrices are whole numbers.
        without: directions that are taken off every vector, in rows of length 1, orthogonal to each other.
    """
    graph = _Graph(encoder, int8)
    hidden = _embeddings(graph, window)
    for number in range(encoder.layers):
        hidden = _layer(graph, hidden, number)
    mean = graph.add("ReduceMean", [hidden], "mean", axes=[1], keepdims=0)
    if without is None:
        graph.unit(mean, "sentence_embedding")
        return graph.finish()
    whole = graph.unit(mean, "whole")
    along = graph.add("MatMul", [whole, graph.constant("directions.across", without.T)], "along")
    common = graph.add("MatMul", [along, graph.constant("directions", without)], "common")
    graph.unit(graph.add("Sub", [whole, common], "own"), "sentence_embedding")
    return graph.finish()


@dataclass
class _Graph:
    encoder: Encoder
    int8: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, kind: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        node = helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes)
        self.nodes.append(node)
        return output

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def vector(self, name: str) -> str:
        return self.constant(name, self.encoder.tensors[name])

    def unit(self, source: str, output: str) -> str:
        return self.add("LpNormalization", [source], output, axis=1, p=2)

    def dense(self, source: str, name: str, *, with_bias: bool = True) -> str:
        """Return `source @ weight`, plus the bias unless the caller adds it."""
        matrix, output = self.encoder.tensors[f"{name}.weight"].T, f"{name}.out"
        bias = self.vector(f"{name}.bias") if with_bias else ""
        if self.int8:
            whole, scales = quantize(matrix, axis=0, most=MATRIX_MOST)
            parts = [self.constant(f"{name}.int8", whole), self.constant(f"{name}.scale", scales)]
            return self.add("DynamicQuantizeMatMul", [source, *parts, "", bias], output, _MICROSOFT)
        product = self.add("MatMul", [source, self.constant(f"{name}.matrix", matrix)], f"{name}.product")
        return self.add("Add", [product, bias], output) if with_bias else product

    def normalized(self, source: str, name: str) -> str:
        inputs = [source, self.vector(f"{name}.weight"), self.vector(f"{name}.bias")]
        return self.add("LayerNormalization", inputs, f"{name}.out", epsilon=EPSILON)

    def finish(self) -> onnx.ModelProto:
        tokens = helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, [1, "tokens"])
        vector = helper.make_tensor_value_info("sentence_embedding", onnx.TensorProto.FLOAT, [1, WIDTH])
        graph = helper.make_graph(self.nodes, "encoder", [tokens], [vector], self.constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(_MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def quantize(matrix: Array, *, axis: int, most: int) -> tuple[NDArray[np.int8], Array]:
    """Return whole numbers from -most to most and the scales, one for each slice along the other axis."""
    scales = np.maximum(np.abs(matrix).max(axis=axis), 1e-12) / most
    whole = np.rint(matrix / np.expand_dims(scales, axis)).astype(np.int8)
    return whole, scales.astype(np.float32)


def _embeddings(graph: _Graph, window: int) -> str:
    tensors = graph.encoder.tensors
    places = tensors["embeddings.position_embeddings.weight"][:window]
    # Every token is of the first kind in a single text, so that row belongs to the places.
    places = places + tensors["embeddings.token_type_embeddings.weight"][0]
    shape = graph.add("Shape", ["input_ids"], "shape", start=1, end=2)
    start = graph.constant("zero", np.zeros(1, np.int64))
    placed = graph.add("Slice", [graph.constant("places", places), start, shape], "placed")
    table = graph.encoder.words
    word = _packed_words(graph, table) if isinstance(table, PackedTable) else _words(graph, table.vectors)
    summed = graph.add("Sum", [word, placed], "embedded")
    return graph.normalized(summed, "embeddings.LayerNorm")


def _words(graph: _Graph, table: Array) -> str:
    if not graph.int8:
        return graph.add("Gather", [graph.constant("words", table), "input_ids"], "word")
    whole, scales = quantize(table, axis=1, most=127)
    picked = graph.add("Gather", [graph.constant("words", whole), "input_ids"], "word.int8")
    factor = graph.add("Gather", [graph.constant("words.scale", scales[:, None]), "input_ids"], "word.scale")
    number = graph.add("Cast", [picked], "word.float", to=onnx.TensorProto.FLOAT)
    return graph.add("Mul", [number, factor], "word")


def _packed_words(graph: _Graph, table: PackedTable) -> str:
    """Unpack the rows of the text alone; the table stays as it is on the disk."""
    add, constant = graph.add, graph.constant
    picked = add("Gather", [constant("words", table.halves), "input_ids"], "word.bytes")
    number = add("Cast", [picked], "word.number", to=onnx.TensorProto.FLOAT)
    sixteenth = add("Mul", [number, constant("sixteenth", np.array([1 / 16], np.float32))], "word.sixteenth")
    high = add("Floor", [sixteenth], "word.high")
    upper = add("Mul", [high, constant("16", np.array([16], np.float32))], "word.upper")
    low = add("Sub", [number, upper], "word.low")
    whole = add("Concat", [low, high], "word.whole", axis=2)
    signed = add("Sub", [whole, constant("8", np.array([8], np.float32))], "word.signed")
    blocks = constant("blocks", np.array([0, 0, WIDTH // BLOCK, BLOCK], np.int64))
    scales = add("Gather", [constant("words.scale", table.scales[:, :, None]), "input_ids"], "word.scale16")
    factor = add("Cast", [scales], "word.scale", to=onnx.TensorProto.FLOAT)
    scaled = add("Mul", [add("Reshape", [signed, blocks], "word.blocks"), factor], "word.scaled")
    return add("Reshape", [scaled, constant("row", np.array([0, 0, WIDTH], np.int64))], "word")


def _layer(graph: _Graph, hidden: str, number: int) -> str:
    layer = f"encoder.layer.{number}"
    context = _attention(graph, hidden, f"{layer}.attention")
    hidden = _residual(graph, context, hidden, f"{layer}.attention.output")
    wide = graph.dense(hidden, f"{layer}.intermediate.dense")
    active = graph.add("Gelu", [wide], f"{layer}.gelu", _MICROSOFT)
    return _residual(graph, active, hidden, f"{layer}.output")


def _residual(graph: _Graph, source: str, hidden: str, name: str) -> str:
    # A Sum of three and not two Adds: those would be fused into SkipLayerNormalization, which is slower.
    parts = [
        graph.dense(source, f"{name}.dense", with_bias=False),
        graph.vector(f"{name}.dense.bias"),
        hidden,
    ]
    return graph.normalized(graph.add("Sum", parts, f"{name}.sum"), f"{name}.LayerNorm")


def _attention(graph: _Graph, hidden: str, name: str) -> str:
    parts = [graph.dense(hidden, f"{name}.self.{part}") for part in ("query", "key", "value")]
    return graph.add("MultiHeadAttention", parts, f"{name}.context", _MICROSOFT, num_heads=HEADS)
