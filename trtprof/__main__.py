"""``python -m trtprof``."""

from trtprof.cli import main

main()
