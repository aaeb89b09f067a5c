"""Let `python -m include.cli` be the command."""

from include.cli.main import main

main()
