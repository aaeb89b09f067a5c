"""How breaks are worked on: the shape of lives.yaml."""

from pydantic import BaseModel, ConfigDict, Field

from include.domain.break_life import FourEyes
from include.domain.breaks import Level
from include.domain.service_levels import ServiceLevel, Timing


class Lives(BaseModel):
    """How long breaks may wait, who hears of it then, and what needs more than one pair of eyes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service_levels: dict[Level, ServiceLevel]
    escalation: tuple[str, ...] = Field(min_length=1)
    timing: Timing
    four_eyes: FourEyes
