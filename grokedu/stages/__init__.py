"""Stages of training: measures along runs, hidden states, the ways through them."""

from grokedu.stages.hidden import Choice, HiddenStates, choose_states, fit_hmm
from grokedu.stages.measures import standardise_per_run, training_features, trajectory
from grokedu.stages.paths import (
    leading_changes,
    occupancy,
    occupancy_predicts_convergence,
    routes,
    stage_boundaries,
    transition_graph,
)
from grokedu.stages.regression import Sequences, ridge_loss, ridge_predictor, sample_task

__all__ = [
    "Choice",
    "HiddenStates",
    "Sequences",
    "choose_states",
    "fit_hmm",
    "leading_changes",
    "occupancy",
    "occupancy_predicts_convergence",
    "ridge_loss",
    "ridge_predictor",
    "routes",
    "sample_task",
    "stage_boundaries",
    "standardise_per_run",
    "training_features",
    "trajectory",
    "transition_graph",
]
