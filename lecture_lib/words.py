"""Names that a person types: look them up, and suggest the nearest when they are unknown."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Known names that look like the given one, or contain it, best first.

    Parameters
    ----------
    name : str
        What was typed.
    known : iterable of str
        The names that exist.
    count : int
        At most so many are returned.

    Returns
    -------
    list of str
        Possibly empty.
    """
    by_lower_case = {candidate.lower(): candidate for candidate in known}
    wanted = name.lower().replace("_", " ").strip()
    containing = sorted((candidate for candidate in by_lower_case if wanted and wanted in candidate), key=len)
    whole_words = [candidate for candidate in containing if wanted in candidate.split()]
    similar = get_close_matches(wanted, by_lower_case, n=count, cutoff=0.6)
    found = dict.fromkeys(whole_words + similar + containing)
    return [by_lower_case[candidate] for candidate in found][:count]


def choose(name: str, known: Iterable[str], kind: str) -> str:
    """Return the name if it is known; otherwise raise an error that suggests the nearest names.

    Parameters
    ----------
    name, known
        As in `nearest`.
    kind : str
        What is named, for the message: "photograph", "class", …

    Returns
    -------
    str
        The name, unchanged.

    Raises
    ------
    TypeError
        If the name is no string.
    ValueError
        If the name is unknown.
    """
    known = list(known)
    if not isinstance(name, str):
        raise TypeError(f"Expected the name of a {kind} as a string, received {type(name).__name__}.")
    if name in known:
        return name
    suggestions = nearest(name, known) or known[:5]
    raise ValueError(f"Unknown {kind} {name!r}. Did you mean {', '.join(map(repr, suggestions))}?")
