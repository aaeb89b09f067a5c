"""The report to finance: facts in; subject, HTML, text and workbook out."""

from include.report.facts import (
    AgingTotal,
    AmbiguousTotal,
    AppliedTotal,
    ArrMonth,
    BreakTotal,
    ChangeTotal,
    OpenBreak,
    Posted,
    PostedTotal,
    QualityVerdict,
    ReportFacts,
    RestatedFigure,
    RestatedTotal,
    Restatement,
)

__all__ = [
    "AgingTotal",
    "AmbiguousTotal",
    "AppliedTotal",
    "ArrMonth",
    "BreakTotal",
    "ChangeTotal",
    "OpenBreak",
    "Posted",
    "PostedTotal",
    "QualityVerdict",
    "ReportFacts",
    "RestatedFigure",
    "RestatedTotal",
    "Restatement",
]
