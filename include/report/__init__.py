"""The day's report to finance: facts in, subject, HTML and text out."""

from include.report.facts import (
    AgingTotal,
    AmbiguousTotal,
    AppliedTotal,
    BreakTotal,
    OpenBreak,
    ReportFacts,
)
from include.report.render import render_report
from include.report.spreadsheets import for_spreadsheets

__all__ = [
    "AgingTotal",
    "AmbiguousTotal",
    "AppliedTotal",
    "BreakTotal",
    "OpenBreak",
    "ReportFacts",
    "for_spreadsheets",
    "render_report",
]
