"""Which votes are asked of which model, how, and what that will cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from newsclf.common.errors import ConfigError
from newsclf.common.records import StrictRecord
from newsclf.label.llm.journal import Journal, key_of
from newsclf.label.llm.model import Model, Sampling
from newsclf.label.llm.prices import Price, estimated_usage
from newsclf.label.llm.prompt import Prompt

_SEVERAL_VOTES_TEMPERATURE = 0.7
"""At 0, a model mostly gives each headline the same vote again."""


class LlmSettings(StrictRecord):
    """How models are asked."""

    votes: Annotated[int, Field(ge=1, le=100)] = 1
    """Per headline; with several models they take turns."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    """Requests at a time to each model."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 6
    """Requests for a vote, at most, until there is an answer."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """None: 0 for a single vote of each model, 0.7 for several."""
    max_answer_tokens: Annotated[int, Field(ge=8, le=100_000)] = 64
    """Tokens that an answer may have, reasoning included; models that reason need some thousands.
    They are what is set aside for each request."""
    max_cost_usd: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] | None = None
    """What all runs with one journal may cost together."""

    def sampling(self, models: int) -> Sampling:
        """How each of that many models chooses its words."""
        several = self.votes > models
        usual = _SEVERAL_VOTES_TEMPERATURE if several else 0.0
        temperature = usual if self.temperature is None else self.temperature
        return Sampling(temperature=temperature, max_tokens=self.max_answer_tokens)


@dataclass(frozen=True, slots=True)
class LlmAnnotator:
    """A model and what it costs."""

    model: Model
    price: Price


@dataclass(frozen=True, slots=True)
class LlmEstimate:
    """What a run will cost."""

    requests: int
    cached: int
    """Votes that earlier runs have paid for."""
    input_tokens: int
    """At 4 bytes a token."""
    output_tokens: int
    usd: Decimal
    most_usd: Decimal
    """If each byte is a token and each answer as long as it may be; without repeated requests."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A vote of a model on a headline."""

    text: str
    place: int
    """Among the votes on the headline."""
    number: int
    """Among the model's votes on the headline."""


def estimate(
    texts: Iterable[str],
    annotators: Sequence[LlmAnnotator],
    prompt: Prompt,
    settings: LlmSettings,
    journal: Journal,
) -> LlmEstimate:
    """Estimate what a run will cost, without what earlier runs have paid for.

    Raises:
        ConfigError: There are more models than votes.
    """
    sampling = sampling_of(annotators, settings)
    requests = cached = input_tokens = output_tokens = 0
    usd = most_usd = Decimal(0)
    for index, annotator in enumerate(annotators):
        name = annotator.model.name
        for wanted in wanted_votes(texts, index, len(annotators), settings.votes):
            key = key_of(name, prompt.digest, sampling, wanted.text, wanted.number)
            if journal.find(key):
                cached += 1
                continue
            message = prompt.message(wanted.text)
            usage = estimated_usage(message)
            requests += 1
            input_tokens += usage.input_tokens
            output_tokens += usage.output_tokens
            usd += annotator.price.of(usage)
            most_usd += annotator.price.most(message, sampling)
    return LlmEstimate(requests, cached, input_tokens, output_tokens, usd, most_usd)


def sampling_of(annotators: Sequence[LlmAnnotator], settings: LlmSettings) -> Sampling:
    """How the models choose their words; ConfigError if they can't all have a vote."""
    names = [annotator.model.name for annotator in annotators]
    repeated = next((name for name, count in Counter(names).items() if count > 1), None)
    if repeated:
        raise ConfigError(f"{repeated} is named twice", hint="--votes asks a model more than once")
    if not annotators or settings.votes < len(annotators):
        raise ConfigError(
            f"--votes {settings.votes} by {len(annotators)} models: each needs at least one",
            hint=f"--votes {len(annotators)}" if annotators else "name a model with --llm",
        )
    return settings.sampling(len(annotators))


def wanted_votes(texts: Iterable[str], index: int, models: int, votes: int) -> Iterator[Wanted]:
    """The votes of a model, headline by headline, so that what a limit cuts off is whole ones."""
    for text in dict.fromkeys(texts):
        for number, place in enumerate(range(index, votes, models)):
            yield Wanted(text, place, number)
