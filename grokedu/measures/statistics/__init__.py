"""Numbers over several runs with their uncertainty; rank and partial correlation; prediction."""

from grokedu.measures.statistics.correlation import (
    auc,
    partial_correlation,
    rank_correlation,
    ranks,
)
from grokedu.measures.statistics.intervals import bootstrap
from grokedu.measures.statistics.prediction import leave_one_run_out, skill

__all__ = [
    "auc",
    "bootstrap",
    "leave_one_run_out",
    "partial_correlation",
    "rank_correlation",
    "ranks",
    "skill",
]
