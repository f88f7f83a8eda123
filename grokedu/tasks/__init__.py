"""Data with its split into train and test: arithmetic modulo p, and MNIST."""

from grokedu.tasks.mnist import mnist_task, shrunk
from grokedu.tasks.modular import (
    TASKS,
    is_prime,
    make_task,
    modular_addition,
    modular_division,
    modular_multiplication,
    modular_polynomial,
    modular_subtraction,
)
from grokedu.tasks.task import Task, random_labels, random_stream, train_test_split

__all__ = [
    "TASKS",
    "Task",
    "is_prime",
    "make_task",
    "mnist_task",
    "modular_addition",
    "modular_division",
    "modular_multiplication",
    "modular_polynomial",
    "modular_subtraction",
    "random_labels",
    "random_stream",
    "shrunk",
    "train_test_split",
]
