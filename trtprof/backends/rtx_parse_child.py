"""The child process of :mod:`trtprof.backends.rtx_parser`: parses the model named on its command line.

Runs as ``python -m trtprof.backends.rtx_parse_child MODEL`` and answers in the form of the builder's child.
"""

from __future__ import annotations

import sys
from typing import Any

from trtprof.backends.rtx_child import say

_NO_REASON = ("false", "")
"""What the parser gives for an operator it has no importer for."""


def main() -> int:
    """Parse and answer; return 0 when an answer was given, whatever it says."""
    import tensorrt_rtx as trt

    logger = trt.Logger(trt.Logger.INTERNAL_ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(0)  # the parser holds no reference to it
    parser = trt.OnnxParser(network, logger)
    taken = parser.parse_from_file(sys.argv[1])
    say({"refused": [] if taken else [_refusal(parser.get_error(place)) for place in range(parser.num_errors)]})
    return 0


def _refusal(error: Any) -> dict[str, str]:
    """The node and the line of the message that says what is wrong."""
    lines = [line.strip() for line in error.desc().splitlines() if line.strip()]
    told = next((line for line in lines if "Invalid Node" not in line and line not in _NO_REASON), "")
    message = told.removeprefix("ITensor::getDimensions: ") or "the parser has no importer for this operator"
    return {"node": error.node_name(), "operator": error.node_operator(), "message": message}


if __name__ == "__main__":
    sys.exit(main())
