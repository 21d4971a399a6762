"""Explanations of predictions by occlusion: how much each word of a headline matters.

Each word is left out in turn, and the change in the probability of the predicted class is its
weight (Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014; Li, Monroe
and Jurafsky, "Understanding Neural Networks through Representation Erasure", 2016). All that this
needs of a model is that it classifies texts, so an explanation is the same wherever it is made.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from newsclf.contract.answers import Prediction
from newsclf.contract.limits import MAX_EXPLAINED_CHARACTERS, MAX_HEADLINES
from newsclf.contract.requests import ClassifyRequest, ContractError

_NO_WORDS = "."
"""Classified in place of the empty text that is left of a headline of one word, which no classifier
takes; models answer it alike (decision 0071)."""


class WordWeight(NamedTuple):
    """A word of a headline, and how much it matters to the prediction."""

    word: str
    start: int
    """Index of its first character in the headline, in Unicode code points."""
    end: int
    """Index after its last character."""
    weight: float
    """Probability of the predicted class less that without the word, from -1 to 1: a positive
    weight speaks for the class, a negative one against it."""

    def as_dict(self) -> dict[str, object]:
        """Encode for the public API."""
        return self._asdict()


def spans_of_words(text: str) -> list[tuple[int, int]]:
    """Start and end of each word: what stands between spaces, its punctuation included.

    Punctuation that stands alone, such as a dash or the sign in "5 %", belongs to the word before
    it, or at the beginning of a text to the word after it. Between words there are only spaces.
    """
    spans: list[tuple[int, int]] = []
    for found in re.finditer(r"\S+", text):
        if spans and _is_punctuation(found.group()):
            spans[-1] = (spans[-1][0], found.end())
        else:
            spans.append(found.span())
    if len(spans) > 1 and _is_punctuation(text[slice(*spans[0])]):
        spans[:2] = [(spans[0][0], spans[1][1])]
    return spans


def _is_punctuation(text: str) -> bool:
    return all(unicodedata.category(c).startswith("P") or c.isspace() for c in text)


def without_each_word(text: str) -> list[str]:
    """The text without its first word, without its second, and so on."""
    spans = spans_of_words(text)
    starts_of_next = [start for start, _ in spans[1:]] + [len(text)]
    left = (
        (text[:start] + text[following:]).strip()
        for (start, _), following in zip(spans, starts_of_next, strict=True)
    )
    return [rest or _NO_WORDS for rest in left]


def with_occlusions(headlines: Sequence[str]) -> list[str]:
    """All texts to classify for the explanations of headlines: each one, then it without each word.

    Raises:
        ContractError: a headline has more than MAX_EXPLAINED_CHARACTERS characters, or there would
            be more texts than the headlines that a request may hold.
    """
    for i, headline in enumerate(headlines):
        if len(headline) > MAX_EXPLAINED_CHARACTERS:
            raise ContractError(
                f"'explain' takes headlines of at most {MAX_EXPLAINED_CHARACTERS} characters;"
                f" headline {i} has {len(headline)}"
            )
    count = sum(classifications(headline) for headline in headlines)
    if count > MAX_HEADLINES:
        raise ContractError(
            f"'explain' classifies each headline and it without each word, here {count} texts; a"
            f" request may hold {MAX_HEADLINES}"
        )
    return [text for headline in headlines for text in (headline, *without_each_word(headline))]


def classifications(headline: str) -> int:
    """Number of texts to classify for the explanation of a headline."""
    return 1 + len(spans_of_words(headline))


def explanations(
    headlines: Sequence[str], predictions: Sequence[Prediction]
) -> list[tuple[Prediction, list[WordWeight]]]:
    """The prediction of each headline and the weights of its words, in the order of the text.

    Args:
        headlines: The headlines.
        predictions: Those of `with_occlusions(headlines)`.
    """
    left = iter(predictions)
    found = []
    for headline in headlines:
        prediction = next(left)
        weights = []
        for start, end in spans_of_words(headline):
            weight = prediction.score - next(left).scores[prediction.label_id]
            weights.append(WordWeight(headline[start:end], start, end, weight))
        found.append((prediction, weights))
    return found


def texts_of(request: ClassifyRequest) -> list[str]:
    """The texts to classify for a request to the public API.

    Raises:
        ContractError: it asks for explanations that are too many or too long.
    """
    return with_occlusions(request.headlines) if request.explain else request.headlines


def encode_answer(
    request: ClassifyRequest, predictions: Sequence[Prediction]
) -> list[dict[str, object]]:
    """Encode the predictions of a request for the public API.

    Args:
        request: What was asked.
        predictions: Those of `texts_of(request)`.
    """
    if not request.explain:
        return [prediction.as_dict(request.min_confidence) for prediction in predictions]
    return [
        prediction.as_dict(request.min_confidence)
        | {"explanation": [weight.as_dict() for weight in weights]}
        for prediction, weights in explanations(request.headlines, predictions)
    ]
