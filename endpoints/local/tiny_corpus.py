"""What the tiny model's bigrams are counted on: sentences of the recruiting domain put together at random.

The sentences mean nothing; they only make the model's output look like words instead of noise.
"""

from __future__ import annotations

import random

SLOTS = {
    "person": "candidate applicant engineer analyst designer recruiter manager developer scientist architect",
    "skill": "Python Java SQL Kubernetes Terraform Spark React Go Rust statistics accounting negotiation",
    "trait": "curious careful collaborative pragmatic resilient decisive empathetic thorough flexible",
    "verb": "builds leads reviews improves documents measures ships explains maintains coordinates",
    "thing": "services pipelines dashboards interviews roadmaps reports platforms experiments teams",
    "place": "Berlin Zurich London Toronto Austin Singapore Dublin Madrid Lisbon Warsaw",
    "level": "junior senior principal staff lead associate",
    "trend": "rises falls slows recovers shifts grows",
    "count": "two three four five six seven eight ten",
}

SENTENCES = (
    "The {person} has {count} years of experience with {skill} and {skill}.",
    "A {level} {person} in {place} {verb} {thing} and {verb} {thing}.",
    "This role asks for {skill}, {skill} and a {trait} way of working.",
    "Demand for {skill} in {place} {trend} while supply {trend}.",
    "The {person} seems {trait} and {trait} under pressure.",
    "Salaries for a {level} {person} in {place} have moved this quarter.",
    "We match the profile because the {person} {verb} {thing} every week.",
    "Related terms are {skill}, {skill} and {thing}.",
    "Required skills include {skill}; knowledge of {skill} is welcome.",
    "In the last team the {level} {person} {verb} {thing} with {count} colleagues.",
    "It is a {trait} answer about {thing} from {place}.",
    "Please note that the {person} prefers remote work near {place}.",
)

SENTENCES_PER_CORPUS = 1500


def sentences(seed: int) -> list[str]:
    """`SENTENCES_PER_CORPUS` sentences, the same for the same seed on every machine."""
    generator = random.Random(seed)  # noqa: S311 - reproducible text, nothing secret
    words = {slot: _favourites(generator, text.split()) for slot, text in SLOTS.items()}
    return [_fill(generator, generator.choice(SENTENCES), words) for _ in range(SENTENCES_PER_CORPUS)]


def _favourites(generator: random.Random, words: list[str]) -> list[str]:
    """Each seed prefers some words, so that two models can be told apart by their text."""
    return words + generator.choices(words, k=2 * len(words))


def _fill(generator: random.Random, sentence: str, words: dict[str, list[str]]) -> str:
    for slot, choices in words.items():
        while f"{{{slot}}}" in sentence:
            sentence = sentence.replace(f"{{{slot}}}", generator.choice(choices), 1)
    return sentence
