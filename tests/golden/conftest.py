"""Golden cases run through the same flows as everything else."""

from tests.flows.conftest import tie_out

__all__ = ["tie_out"]
