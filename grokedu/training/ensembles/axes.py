"""Which settings of an ensemble are axes, what values they have, and how they label runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grokedu.measures.arrays import Array
from grokedu.tasks import Task
from grokedu.training.settings import called

OBJECTS = ("loss", "optimizer", "constraint", "batch_size")  # a batch shares them
NUMBERS = ("train_size", "alpha", "lr", "weight_decay", "seed")  # of run to run

Point = dict[str, Any]  # setting to value, of one run; an object's is a Choice


@dataclass(frozen=True)
class Choice:
    """One value of an axis of objects, with its name."""

    name: str
    value: Any


def is_axis(name: str, value: Any) -> bool:
    """Whether a setting was given as several values.

    >>> is_axis("lr", 0.1), is_axis("seed", range(3)), is_axis("loss", "mse")
    (False, True, False)
    """
    if name in OBJECTS:
        return isinstance(value, (Mapping, list, tuple))
    return not isinstance(value, str) and np.ndim(_listed(value)) == 1


def _listed(value: Any) -> Any:
    return [*value] if isinstance(value, Iterable) and not isinstance(value, str) else value


def choices_of(name: str, value: Any) -> list[Any]:
    """The values of a setting: numbers as they are, objects with their names.

    Raises:
        ValueError: where there is none, or two of one name.

    >>> choices_of("lr", [0.1, 0.2]), choices_of("loss", ["mse"])
    ([0.1, 0.2], [Choice(name='mse', value='mse')])
    """
    values = [*_listed(value)] if is_axis(name, value) else [value]
    if name in OBJECTS:
        given = value if isinstance(value, Mapping) else None
        labels = [*map(called, values)] if given is None else [*given]
        objects = values if given is None else [*given.values()]
        choices: list[Any] = [
            Choice(str(label), each) for label, each in zip(labels, objects, strict=True)
        ]
    else:
        choices = [each.item() if hasattr(each, "item") else each for each in values]
    names = [each.name if name in OBJECTS else each for each in choices]
    if not choices or len({*names}) < len(choices):
        raise ValueError(
            f"{name} has the values {names}; an axis needs at least one, and each once. Objects "
            'that are called alike are told apart by a mapping, {"one": ..., "other": ...}'
        )
    return choices


def label_of(name: str, values: Sequence[Any]) -> Array | None:
    """(S,) the label of a setting from each run's value; None where nothing was set."""
    if name in OBJECTS:
        return np.array([choice.name for choice in values])
    if name == "train_size" and values[0] is None:
        return None  # train counts them
    numbers = np.array(values)
    return np.array([str(called(each)) for each in values]) if numbers.dtype == object else numbers


def check_the_task(task: Task | Callable[..., Task], settings: Mapping[str, Any]) -> None:
    """Refuse settings that the task does not take.

    Raises:
        ValueError: naming them and what it takes.
    """
    taken = accepted(task) if callable(task) else set()
    unknown = [name for name in settings if name not in taken and "**" not in taken]
    if unknown:
        raise ValueError(
            f"neither the training nor the task takes {', '.join(unknown)}; the task takes "
            f"{', '.join(sorted(taken)) or 'no settings'}"
        )


def accepted(task: Callable[..., Task]) -> set[str]:
    """The names of the keywords that a task can be given; "**" for any."""
    names = set()
    for name, parameter in inspect.signature(task).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            names.add("**")
        elif parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            names.add(name)
    return names
