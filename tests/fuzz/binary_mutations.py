"""Changes to SQLite databases, ONNX models and packed archives that leave them readable as what they are."""

from __future__ import annotations

import gzip
import io
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.fuzz.mutations import ODD_NUMBERS, ODD_TEXTS, any_bytes


def sqlite_rows(data: bytes, random: Random) -> bytes:
    """Change values, rows, columns and tables of a database; now and then its pages."""
    if random.random() < 0.3:
        return any_bytes(data, random)
    with TemporaryDirectory(prefix="fuzz-") as folder:
        path = Path(folder) / "db"
        path.write_bytes(data)
        with suppress(sqlite3.Error, OverflowError, UnicodeError):
            connection = sqlite3.connect(path, isolation_level=None)
            try:
                for _ in range(random.randint(1, 4)):
                    with suppress(sqlite3.Error, OverflowError, UnicodeError):
                        _change_database(connection, random)
            finally:
                connection.close()
        return path.read_bytes()


def _change_database(connection: sqlite3.Connection, random: Random) -> None:
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    table = _quoted(random.choice(tables))
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    column = _quoted(random.choice(columns))
    value = random.choice((*ODD_TEXTS, None, b"\xff\xfe", *(n for n in ODD_NUMBERS if abs(n) < 2**63), "12", 1.5))
    some = f"WHERE rowid % {random.choice((1, 2, 7, 40))} = 0"
    fill = random.choice((f"{column} * 2", f"-{column}", f"{column} + 9000000000000000000", "rowid", "?"))
    statements: tuple[str, ...] = (
        f"UPDATE {table} SET {column} = {fill} {some}",
        f"UPDATE {table} SET {column} = {fill} {some}",
        f"UPDATE {table} SET {column} = {fill} {some}",
        f"UPDATE {table} SET {column} = (SELECT {_quoted(random.choice(columns))} FROM {table} LIMIT 1)",
        f"DELETE FROM {table} {some}",
        f"INSERT INTO {table} SELECT * FROM {table} {some}",
        f"DROP TABLE {table}",
        f"ALTER TABLE {table} RENAME COLUMN {column} TO odd",
        f"ALTER TABLE {table} DROP COLUMN {column}",
        f"ALTER TABLE {table} ADD COLUMN more TEXT DEFAULT 'x'",
        f"ALTER TABLE {table} RENAME TO held; CREATE VIEW {table} AS SELECT * FROM held",
        f"UPDATE {table} SET rowid = rowid + {random.choice((1 << 40, -(1 << 40), (1 << 62)))}",
        f"PRAGMA user_version = {random.randint(-2, 9)}",
        f"CREATE INDEX found ON {table} ({column})",
    )
    statement = random.choice(statements)
    if "?" in statement:
        connection.execute(statement, (value,))
    elif ";" in statement:
        connection.executescript(statement)
    else:
        connection.execute(statement)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def onnx_fields(data: bytes, random: Random) -> bytes:
    """Change fields of a model: names, edges, types, extents, attributes, external data, subgraphs."""
    import onnx
    from google.protobuf.message import DecodeError, EncodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, ValueError):
        return any_bytes(data, random)
    for _ in range(random.randint(1, 4)):
        with suppress(ValueError, TypeError, IndexError):  # a field does not take it, or there is nothing to change
            random.choice(_ONNX_CHANGES)(model, random)
    try:
        return bytes(model.SerializeToString())
    except (EncodeError, ValueError):
        return data


def _edge(model: Any, random: Random) -> None:
    """Cycles, missing inputs, tensors with two writers."""
    node = random.choice(model.graph.node)
    names = [name for item in model.graph.node for name in (*item.input, *item.output)]
    side = random.choice((node.input, node.output))
    side[random.randrange(len(side))] = random.choice((*names, "", "nowhere", node.output[0]))


def _lose(model: Any, random: Random) -> None:
    field = random.choice(
        (model.graph.node, model.graph.input, model.graph.output, model.graph.initializer, model.opset_import)
    )
    del field[random.randrange(len(field)) if random.random() < 0.9 else slice(None)]


def _copy(model: Any, random: Random) -> None:
    field = random.choice((model.graph.node, model.graph.input, model.graph.output, model.graph.initializer))
    field.add().CopyFrom(random.choice(field))


def _tensor(model: Any, random: Random) -> None:
    tensor = random.choice(model.graph.initializer)
    what = random.randrange(6)
    if what == 0:
        tensor.dims[random.randrange(len(tensor.dims))] = random.choice((-1, 0, 2**40, 2**62, 3))
    elif what == 1:
        tensor.data_type = random.choice((0, 1, 8, 10, 16, 17, 22, 99, -3, 2**31 - 1))
    elif what == 2:
        tensor.raw_data = any_bytes(tensor.raw_data[:4096], random)
    elif what == 3:
        tensor.ClearField("raw_data")
    elif what == 4:
        tensor.name = random.choice((*ODD_TEXTS[:5], "x"))
    else:
        _external(tensor, random)


def _external(tensor: Any, random: Random) -> None:
    tensor.data_location = 1
    for key, value in (
        ("location", random.choice(("../../etc/passwd", "/etc/passwd", "w.bin", "", ".", "a\0b", "x" * 300))),
        ("offset", random.choice(("0", "-1", "9" * 30, "x", ""))),
        ("length", random.choice(("0", "-5", "9" * 30, "1e3", "4"))),
    ):
        if random.random() < 0.8:
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value


def _attribute(model: Any, random: Random) -> None:
    attribute = random.choice(random.choice(model.graph.node).attribute)
    what = random.randrange(5)
    if what == 0:
        attribute.type = random.choice((0, 1, 2, 3, 4, 5, 6, 7, 10))
    elif what == 1:
        attribute.i = random.choice((-1, 0, 2**62, 99))
    elif what == 2:
        del attribute.ints[:]
        attribute.ints.extend(random.choice(((), (0,), (-1, 2**62), (1,) * 9)))
    elif what == 3:
        attribute.name = random.choice(("axis", "perm", "kernel_shape", "pads", "group", ""))
    else:
        attribute.s = b"\xff"


def _operator(model: Any, random: Random) -> None:
    node = random.choice(model.graph.node)
    names = ("Conv", "Add", "QuantizeLinear", "DequantizeLinear", "Constant", "Sum", "If", "Concat", "Clip", "Nope")
    names += ("BatchNormalization", "ConvTranspose", "MatMul", "Gemm", "Cast", "Relu", "", "AveragePool", "Pad")
    node.op_type = random.choice(names)
    if random.random() < 0.2:
        node.domain = random.choice(("com.microsoft", "x", "ai.onnx"))
    if random.random() < 0.2:
        node.name = random.choice((*ODD_TEXTS[:5], model.graph.node[0].name))


def _shape(model: Any, random: Random) -> None:
    value = random.choice((*model.graph.input, *model.graph.output, *model.graph.value_info))
    tensor = value.type.tensor_type
    what = random.randrange(5)
    if what == 0:
        tensor.ClearField("shape")
    elif what == 1:
        random.choice(tensor.shape.dim).dim_value = random.choice((-1, 0, 2**40, 2**62))
    elif what == 2:
        random.choice(tensor.shape.dim).dim_param = random.choice(("N", "", "a\0"))
    elif what == 3:
        tensor.elem_type = random.choice((0, 8, 10, 16, 77, -1))
    else:
        value.type.ClearField("tensor_type")


def _subgraph(model: Any, random: Random) -> None:
    import onnx

    node = random.choice(model.graph.node)
    node.op_type = "If"
    inner = onnx.GraphProto()
    inner.node.add().CopyFrom(model.graph.node[0])
    for _ in range(random.choice((1, 5, 40))):
        outer = onnx.GraphProto(name="g")
        holder = outer.node.add(op_type="If", input=["c"], output=["o"])
        holder.attribute.add(name="then_branch", type=5).g.CopyFrom(inner)
        inner = outer
    node.attribute.add(name="then_branch", type=5).g.CopyFrom(inner)


def _versions(model: Any, random: Random) -> None:
    model.ir_version = random.choice((0, -1, 3, 99, 2**40))
    if model.opset_import:
        model.opset_import[0].version = random.choice((0, -1, 1, 7, 13, 99, 2**40))
        model.opset_import[0].domain = random.choice(("", "ai.onnx", "com.microsoft"))


def _metadata(model: Any, random: Random) -> None:
    model.producer_name = random.choice(ODD_TEXTS[:5])
    model.functions.add(name="f", domain="x").node.add().CopyFrom(random.choice(model.graph.node))


_ONNX_CHANGES: Final[tuple[Callable[[Any, Random], None], ...]] = (
    _edge, _edge, _lose, _copy, _tensor, _tensor, _attribute, _operator, _operator, _shape, _subgraph, _versions,
    _metadata,
)  # fmt: skip

_MEMBER_NAMES: Final = (
    "../x", "/etc/x", "c/../../x", "c", "c/" + "d/" * 40, "c/a\nb", "c/\x1b[31m", "C:\\x", "", ".", "c/" + "n" * 300,
    "c/capture.txt",
)  # fmt: skip


def tar_members(data: bytes, random: Random) -> bytes:
    """Change names, kinds and content of a packed archive; now and then the packed bytes."""
    if random.random() < 0.3:
        return any_bytes(data, random)
    try:
        members = _unpacked(data)
    except (tarfile.TarError, zlib.error, OSError, EOFError, ValueError, MemoryError):
        return any_bytes(data, random)
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(members)) if members else 0
        if not members:
            break
        member, content = members[place]
        what = random.randrange(6)
        if what == 0:
            member.name = random.choice(_MEMBER_NAMES)
        elif what == 1:
            member.type = random.choice((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, b"S"))
            member.linkname = random.choice(("../../x", "/etc/passwd", member.name))
        elif what == 2:
            members[place] = (member, any_bytes(content, random))
        elif what == 3:
            members.append((member, content))
        elif what == 4:
            del members[place]
        else:
            members[place] = (member, b"\0" * random.choice((1, 1 << 16)))
    return _packed(members)


def _unpacked(data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    with gzip.open(io.BytesIO(data)) as stream:
        plain = stream.read(1 << 20)
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        return [(member, file.read() if (file := tar.extractfile(member)) else b"") for member in tar if member.isreg()]


def _packed(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w") as tar,
        suppress(tarfile.TarError, ValueError, UnicodeError),
    ):
        for member, content in members:
            member.size = len(content) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def zip_members(data: bytes, random: Random) -> bytes:
    """Change names and content of the arrays of a ``.npz``; what is none is changed as bytes."""
    if random.random() < 0.3:
        return any_bytes(data, random)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, KeyError, EOFError, RuntimeError):
        return any_bytes(data, random)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, suppress(UnicodeError, ValueError, UserWarning):
        for name, content in members:
            changed = random.choice((name, name, random.choice(ODD_TEXTS), f"../{name}"))
            archive.writestr(
                f"x{changed}" if changed[:1] in ("", "\0") else changed,
                any_bytes(content[:4096], random) if random.random() < 0.7 else content,
            )
    return out.getvalue()
