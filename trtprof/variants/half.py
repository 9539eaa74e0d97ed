"""FP32 ONNX to FP16 or BF16: every tensor that the operators' own schemas allow, the model's inputs and outputs kept.

onnxconverter-common is not used for this: it puts Resize, Min, Max and others between FP32 casts whatever the opset
allows, and a tool that reports conversions must not add any; and it knows no BF16. Here the schema of each operator at
the model's opset decides, input by input: Resize runs in FP16 while its scales stay FP32. A test holds the two against
each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from trtprof.graph.names import fresh_name
from trtprof.model import DType, Notice
from trtprof.units import plural
from trtprof.variants.rounding import ELEMENT_TYPE, LARGEST, round_tensor

if TYPE_CHECKING:
    import onnx

_FLOAT: Final = 1
_TYPE_TEXT: Final = {DType.FP16: "tensor(float16)", DType.BF16: "tensor(bfloat16)"}
# They choose their output type by an attribute or a default, not by their inputs; they stay FP32 and are cast.
_OWN_TYPE: Final = frozenset({
    "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "EyeLike", "Bernoulli", "HannWindow",
    "HammingWindow", "BlackmanWindow", "SequenceEmpty", "MelWeightMatrix",
})  # fmt: skip

# For each FP32 tensor of the original, the names under which it is at hand: by element type.
_Scope = MutableMapping[str, dict[int, str]]


@dataclass(frozen=True, slots=True)
class HalfResult:
    """What a conversion left in FP32 (types of operators), and what the user must know."""

    kept_operators: frozenset[str]
    notices: tuple[Notice, ...]


def convert_to_half(model: onnx.ModelProto, dtype: DType) -> HalfResult:
    """Change the model in place to FP16 or BF16 between FP32 inputs and outputs.

    Constants beyond the type become its largest number, nonzero ones below it its smallest: as an epsilon or a
    quantisation scale, 0 would be a division by zero. Operators that no ONNX schema describes (plugins) or whose schema
    lacks the type keep FP32 between casts.
    """
    conversion = _Conversion(model, dtype)
    conversion.run()
    return HalfResult(frozenset(conversion.kept), tuple(conversion.notices()))


@dataclass(frozen=True, slots=True)
class _Slots:
    """Whether each input and output of an operator may be half, with the name of its type parameter."""

    inputs: tuple[tuple[str, bool], ...]
    outputs: tuple[tuple[str, bool], ...]

    def input(self, index: int) -> tuple[str, bool]:
        return self.inputs[min(index, len(self.inputs) - 1)] if self.inputs else ("", False)

    def output(self, index: int) -> tuple[str, bool]:
        return self.outputs[min(index, len(self.outputs) - 1)] if self.outputs else ("", False)


@dataclass
class _Conversion:
    model: onnx.ModelProto
    dtype: DType
    kept: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    clamped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.half = ELEMENT_TYPE[self.dtype]
        self.types: dict[str, int] = {}
        self.result_types: dict[str, int] = {}
        self.names: set[str] = set()
        self.constants: set[str] = set()
        self.constant_uses: defaultdict[str, set[bool]] = defaultdict(set)
        self._survey(self.model.graph)

    def run(self) -> None:
        graph = self.model.graph
        scope: _Scope = {v.name: {_FLOAT: v.name} for v in graph.input if self.types.get(v.name) == _FLOAT}
        produced = {name for node in graph.node for name in node.output}
        leaving = [v.name for v in graph.output if self.types.get(v.name) == _FLOAT and v.name in produced]
        self._convert_graph(graph, scope, frozenset(leaving))
        for name in leaving:
            if _FLOAT not in scope[name]:
                graph.node.append(self._cast(scope[name][self.half], name, _FLOAT))

    def notices(self) -> Iterator[Notice]:
        word = self.dtype.value
        if self.clamped:
            shown = ", ".join(self.clamped[:3]) + (", …" if len(self.clamped) > 3 else "")
            message = f"{plural(len(self.clamped), 'constant')} beyond ±{LARGEST[self.dtype]:g} clamped to it: {shown}"
            yield Notice(f"{word}-constants-clamped", message, self.clamped[0])
        if self.kept:
            operators = ", ".join(sorted(self.kept))
            message = f"opset {self._opset('')} has no {word.upper()} form of {operators}: FP32 there, between casts"
            yield Notice(f"{word}-fp32-kept", message)
        if self.unknown:
            operators = ", ".join(sorted(self.unknown))
            yield Notice(f"{word}-unknown-operator", f"not in the ONNX standard, FP32 between casts: {operators}")

    def _survey(self, graph: onnx.GraphProto) -> None:
        """Collect declared types, taken names and what each constant is wanted as, subgraphs included."""
        for value in (*graph.input, *graph.value_info, *graph.output):
            if value.type.HasField("tensor_type"):
                self.types[value.name] = value.type.tensor_type.elem_type
            self.names.add(value.name)
        self.types.update({tensor.name: tensor.data_type for tensor in graph.initializer})
        self.constants.update(tensor.name for tensor in graph.initializer)
        self.names.update(self.constants)
        for node in graph.node:
            self.names.update((*node.output, node.name))
            slots = self._slots(node)
            for index, name in enumerate(node.input):
                self.constant_uses[name].add(slots.input(index)[1])
            for inner in _subgraphs(node):
                self._survey(inner)
                for value in inner.output:
                    self.constant_uses[value.name].add(True)

    def _convert_graph(self, graph: onnx.GraphProto, scope: _Scope, leaving: frozenset[str]) -> None:
        self._convert_constants(graph, scope)
        nodes: list[onnx.NodeProto] = []
        for node in graph.node:
            for inner in _subgraphs(node):
                self._convert_subgraph(inner, scope)
            slots = self._slots(node)
            self._complete_types(node, slots)
            for index, name in enumerate(node.input):
                if self.types.get(name) == _FLOAT:
                    wants_half = slots.input(index)[1]
                    if not wants_half and name not in self.constants:
                        self._note_kept(node)
                    node.input[index] = self._read(name, self.half if wants_half else _FLOAT, scope, nodes)
            self._change_attributes(node)
            self._write_outputs(node, slots, scope, leaving)
            nodes.append(node)
        del graph.node[:]
        graph.node.extend(nodes)
        for value in graph.value_info:
            if value.name in self.result_types:
                value.type.tensor_type.elem_type = self.result_types[value.name]

    def _convert_subgraph(self, graph: onnx.GraphProto, outer: _Scope) -> None:
        """Convert a body of If, Loop or Scan: FP32 inputs and outputs become half, as the tensors around it are."""
        # A cast made inside is not visible outside, so the scope is a copy.
        scope: _Scope = {name: dict(known) for name, known in outer.items()}
        for value in graph.input:
            if value.type.tensor_type.elem_type == _FLOAT:
                value.type.tensor_type.elem_type = self.half
                scope[value.name] = {self.half: value.name}
        self._convert_graph(graph, scope, frozenset())
        nodes: list[onnx.NodeProto] = []
        for value in graph.output:
            if self.types.get(value.name) == _FLOAT and value.name in scope:
                value.name = self._read(value.name, self.half, scope, nodes)
                value.type.tensor_type.elem_type = self.half
        graph.node.extend(nodes)

    def _convert_constants(self, graph: onnx.GraphProto, scope: _Scope) -> None:
        """Round FP32 constants; one that some operator must read as FP32 stays, beside the other if need be."""
        tensors = []
        outputs = {value.name for value in graph.output}
        for tensor in graph.initializer:
            uses = self.constant_uses.get(tensor.name, {False})
            if tensor.data_type != _FLOAT or (graph is self.model.graph and tensor.name in outputs):
                tensors.append(tensor)
                continue
            known = scope[tensor.name] = {}
            if True in uses:
                rounded, clamped = round_tensor(tensor, self.dtype)
                tensors.append(rounded)
                known[self.half] = tensor.name
                self.clamped.extend([tensor.name] if clamped else [])
            if False in uses:
                copy = type(tensor)()
                copy.CopyFrom(tensor)
                copy.name = fresh_name(f"{tensor.name}_fp32", self.names) if True in uses else tensor.name
                tensors.append(copy)
                known[_FLOAT] = copy.name
        del graph.initializer[:]
        graph.initializer.extend(tensors)

    def _read(self, name: str, wanted: int, scope: _Scope, nodes: list[onnx.NodeProto]) -> str:
        """Return the name under which the tensor is at hand in the wanted type, with a cast added if there is none."""
        known = scope.get(name)
        if known is None:
            return name
        if wanted not in known:
            suffix = "fp32" if wanted == _FLOAT else self.dtype.value
            known[wanted] = fresh_name(f"{name}_{suffix}", self.names)
            nodes.append(self._cast(next(iter(known.values())), known[wanted], wanted))
        return known[wanted]

    def _write_outputs(self, node: onnx.NodeProto, slots: _Slots, scope: _Scope, leaving: frozenset[str]) -> None:
        """Record the outputs in the type the operator gives; an output of the model gets a name to be cast from."""
        for index, name in enumerate(node.output):
            if self.types.get(name) != _FLOAT:
                continue
            if not slots.output(index)[1]:
                self._note_kept(node)
                scope[name] = {_FLOAT: name}
                continue
            if name in leaving:
                node.output[index] = fresh_name(f"{name}_{self.dtype.value}", self.names)
            else:
                self.result_types[name] = self.half
            scope[name] = {self.half: node.output[index]}

    def _complete_types(self, node: onnx.NodeProto, slots: _Slots) -> None:
        """Type outputs the model declares nothing about like the FP32 inputs of the same type parameter."""
        floats = {slots.input(i)[0] for i, name in enumerate(node.input) if self.types.get(name) == _FLOAT}
        for index, name in enumerate(node.output):
            if name and name not in self.types and slots.output(index)[0] in floats - {""}:
                self.types[name] = _FLOAT

    def _change_attributes(self, node: onnx.NodeProto) -> None:
        """Make operators that state their output type state the new one."""
        import onnx

        if node.op_type == "ConstantOfShape" and not node.attribute:
            zero = onnx.helper.make_tensor("value", _FLOAT, [1], [0.0])
            node.attribute.append(onnx.helper.make_attribute("value", zero))
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
                values = [attribute.f] if attribute.name == "value_float" else list(attribute.floats)
                dims = [] if attribute.name == "value_float" else [len(values)]
                tensor = onnx.helper.make_tensor("value", _FLOAT, dims, values)
                attribute.CopyFrom(onnx.helper.make_attribute("value", tensor))
            if node.op_type in ("Constant", "ConstantOfShape") and attribute.t.data_type == _FLOAT:
                rounded, clamped = round_tensor(attribute.t, self.dtype)
                attribute.t.CopyFrom(rounded)
                self.clamped.extend([node.output[0]] if clamped else [])
            elif node.op_type in ("Cast", "DequantizeLinear") and attribute.name in ("to", "output_dtype"):
                attribute.i = self.half if attribute.i == _FLOAT else attribute.i

    def _slots(self, node: onnx.NodeProto) -> _Slots:
        import onnx

        try:
            schema = onnx.defs.get_schema(node.op_type, self._opset(node.domain), node.domain)
        except onnx.defs.SchemaError:
            return _Slots((), ())
        if node.op_type in _OWN_TYPE:
            return _Slots((), ())
        wanted = _TYPE_TEXT[self.dtype]
        return _Slots(
            tuple((formal.type_str, wanted in formal.types) for formal in schema.inputs),
            tuple((formal.type_str, wanted in formal.types) for formal in schema.outputs),
        )

    def _note_kept(self, node: onnx.NodeProto) -> None:
        (self.kept if node.domain in ("", "ai.onnx") else self.unknown).add(node.op_type)

    def _opset(self, domain: str) -> int:
        alike = ("", "ai.onnx") if domain in ("", "ai.onnx") else (domain,)
        return next((entry.version for entry in self.model.opset_import if entry.domain in alike), 1)

    def _cast(self, source: str, target: str, element_type: int) -> onnx.NodeProto:
        import onnx

        return onnx.helper.make_node(
            "Cast", [source], [target], name=fresh_name(f"{target}_Cast", self.names), to=element_type
        )


def _subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
