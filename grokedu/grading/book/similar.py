"""Answers of different students that are nearly the same: a help for a person, not a verdict.

Answers to short exercises are often alike by necessity. What counts here is what few others wrote:
runs of tokens that were not in the release and occur with few students. Two students who share most
of theirs are listed. Comments and blank lines do not count, names do; of a long answer only its
first 20,000 characters and 2,000 tokens count, so that no answer can make the comparison stall.
"""

from __future__ import annotations

import io
import itertools
import tokenize
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

RUN = 6  # tokens in a row
FEW = 3, 20  # a run tells something while 3 students share it, or one in 20
ENOUGH = 24  # such runs that a student must have
SHARE = 0.8
MOST_CHARACTERS, MOST_TOKENS = 20_000, 2_000  # of an answer
_LEFT_OUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER}


@dataclass(frozen=True)
class Pair:
    """Two students whose unusual code is nearly the same, and in which exercises."""

    first: str
    second: str
    share: float
    exercises: tuple[str, ...]

    def __str__(self) -> str:
        where = ", ".join(self.exercises)
        return (
            f"Nearly identical, to look at: {self.first} and {self.second} "
            f"({self.share:.0%} of what few others wrote; {where})"
        )


def similar_answers(
    answers: Mapping[str, Mapping[str, str]], given: Mapping[str, str]
) -> list[Pair]:
    """Pairs of students with nearly identical answers, the most alike first.

    Args:
        answers: by student, the source of each answer by exercise.
        given: by exercise, the source that everybody started from.
    """
    start = {run for id, source in given.items() for run in _runs(id, source)}
    few = max(FEW[0], len(answers) // FEW[1])
    holders: dict[int, tuple[str, list[str]]] = {}
    for student, sources in answers.items():
        for id, source in sources.items():
            for run in _runs(id, source) - start:
                _, who = holders.setdefault(run, (id, []))
                if len(who) <= few:
                    who.append(student)
    unusual: Counter[str] = Counter()
    shared: dict[tuple[str, str], Counter[str]] = {}
    for id, who in holders.values():
        if len(who) > few:
            continue
        unusual.update(who)
        for first, second in itertools.combinations(sorted(who), 2):
            shared.setdefault((first, second), Counter())[id] += 1
    pairs = []
    for (first, second), ids in shared.items():
        fewest = min(unusual[first], unusual[second])
        if fewest >= ENOUGH and sum(ids.values()) >= SHARE * fewest:
            pairs.append(Pair(first, second, sum(ids.values()) / fewest, tuple(sorted(ids))))
    return sorted(pairs, key=lambda pair: (-pair.share, pair.first, pair.second))


def _runs(id: str, source: str) -> set[int]:
    """The runs of tokens of an answer, each as its hash; of as much of it as is Python."""
    tokens: list[str] = []
    lines = io.StringIO(source[:MOST_CHARACTERS])
    try:
        for token in itertools.islice(tokenize.generate_tokens(lines.readline), MOST_TOKENS):
            if token.type not in _LEFT_OUT and token.string.strip():
                tokens.append(token.string)
    except (tokenize.TokenError, SyntaxError):
        pass
    return {hash((id, *tokens[at : at + RUN])) for at in range(len(tokens) - RUN + 1)}
