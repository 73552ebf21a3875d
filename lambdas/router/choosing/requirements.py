"""What a candidate must be, in a header: `license=permissive, languages=de+fr, context=6000, structured-output`.

Requirements only ever leave candidates out: no experiment, failure or hedge leads to one that does not meet them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from lambdas.router.errors import ApiError, bad_request
from lambdas.router.route_table import Candidate, LicenceClass, Requirements, Route

HEADER = "x-adept-require"
NONE = Requirements()
_MOST_CHARS = 500


@lru_cache(maxsize=256)  # callers say the same thing again and again
def parse_requirements(text: str) -> Requirements:
    """The requirements in a header. Raises a 400 `ApiError` for what is not understood: none is skipped."""
    if len(text) > _MOST_CHARS:
        raise _not_understood(f"it has {len(text)} characters, at most {_MOST_CHARS} are taken")
    found = NONE
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, value = part.partition("=")
        take = _TAKERS.get(name.strip().lower())
        if take is None:
            raise _not_understood(f"{part!r:.80} is none of license, languages, context, structured-output")
        found = take(found, value.strip())
    return found


def merged(ours: Requirements, theirs: Requirements) -> Requirements:
    """Both at once."""
    if theirs == NONE:
        return ours
    contexts = [tokens for tokens in (ours.context_tokens, theirs.context_tokens) if tokens is not None]
    return Requirements(
        licence=ours.licence or theirs.licence,
        languages=tuple(dict.fromkeys(ours.languages + theirs.languages)),
        context_tokens=max(contexts, default=None),
        structured_output=ours.structured_output or theirs.structured_output,
    )


def gaps(candidate: Candidate, required: Requirements) -> list[str]:
    """What a candidate lacks, in the header's words; what is not known of it, it lacks."""
    lacking = [f"languages={each}" for each in required.languages if each not in candidate.languages]
    if required.licence is not None and candidate.licence is not required.licence:
        lacking.append(f"license={required.licence}")
    if required.context_tokens is not None and candidate.max_total_tokens < required.context_tokens:
        lacking.append(f"context={required.context_tokens}")
    if required.structured_output and not candidate.structured_output:
        lacking.append("structured-output")
    return lacking


def meeting(route: Route, candidates: Iterable[Candidate], required: Requirements) -> tuple[Candidate, ...]:
    """Those of `candidates` that meet all of it. Raises a 400 `ApiError` that says what each lacks when none does."""
    lacking = {candidate: gaps(candidate, required) for candidate in candidates}
    met = tuple(candidate for candidate, missing in lacking.items() if not missing)
    if met:
        return met
    told = "; ".join(
        f"{candidate.role} ({candidate.model_id}) lacks {', '.join(missing)}"
        for candidate, missing in lacking.items()
    )
    message = f"No candidate of {route.use_case} is what is required here: {told}."
    raise ApiError(400, message, param=HEADER, code="requirements_not_met")


def _licence(found: Requirements, value: str) -> Requirements:
    if value.lower() != LicenceClass.PERMISSIVE:
        raise _not_understood(f"license={value[:40]!r}: permissive is the one that can be required")
    return found._replace(licence=LicenceClass.PERMISSIVE)


def _languages(found: Requirements, value: str) -> Requirements:
    codes = tuple(filter(None, (code.strip().lower() for code in value.split("+"))))
    if not codes or not all(code.isascii() and code.isalpha() for code in codes):
        raise _not_understood(f"languages={value[:40]!r}: codes such as de+fr, or multilingual")
    return found._replace(languages=(*found.languages, *codes))


def _context(found: Requirements, value: str) -> Requirements:
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise _not_understood(f"context={value[:40]!r}: a number of tokens, prompt and answer together")
    return found._replace(context_tokens=max(int(value), found.context_tokens or 0))


def _structured_output(found: Requirements, value: str) -> Requirements:
    if value.lower() not in ("", "true"):
        raise _not_understood(f"structured-output={value[:40]!r}: it stands alone, or with true")
    return found._replace(structured_output=True)


_TAKERS: Mapping[str, Callable[[Requirements, str], Requirements]] = {
    "license": _licence,
    "licence": _licence,
    "languages": _languages,
    "language": _languages,
    "context": _context,
    "structured-output": _structured_output,
}


def _not_understood(reason: str) -> ApiError:
    return bad_request(f"{HEADER} is not understood: {reason}.", param=HEADER)
