import pytest
from hypothesis import given
from hypothesis import strategies as st

from lecture_lib import networks, words


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("tabbby", "tabby"),
        ("egyptian cat", "Egyptian cat"),
        ("espreso", "espresso"),
        ("Tripod", "tripod"),
        ("EGYPTIAN_CAT", "Egyptian cat"),
        ("golden retreiver", "golden retriever"),
    ],
)
def test_the_best_suggestion_is_the_class_that_was_meant(typed: str, meant: str) -> None:
    assert words.nearest(typed, networks.IMAGENET_CLASSES)[0] == meant


def test_a_part_of_a_name_finds_the_names_that_contain_it_shortest_first() -> None:
    assert words.nearest("maker", ["espresso maker", "cup", "coffee maker"]) == ["coffee maker", "espresso maker"]


def test_underscores_and_blanks_are_the_same() -> None:
    assert words.nearest("grace_hoper", ["cat", "grace_hopper"]) == ["grace_hopper"]
    assert "vit_b_16" in words.nearest("vit_b", ["vit_b_16", "resnet18"])


@pytest.mark.parametrize("typed", ["", " ", "qqqqqq"])
def test_nothing_near_gives_nothing(typed: str) -> None:
    assert words.nearest(typed, ["cat", "dog"]) == []


@given(st.text(max_size=12), st.lists(st.text(max_size=12), max_size=12), st.integers(1, 5))
def test_suggestions_are_known_names_without_repetition(typed: str, known: list[str], count: int) -> None:
    found = words.nearest(typed, known, count)
    assert len(found) <= count
    assert len(found) == len(set(found))
    assert set(found) <= set(known)


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=12), st.data())
def test_a_known_name_is_returned_unchanged(known: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(known))
    assert words.choose(name, known, "thing") == name


def test_an_unknown_name_says_what_is_wrong_and_what_is_near() -> None:
    with pytest.raises(ValueError, match=r"^Unknown class 'tabbby'\. Did you mean 'tabby'"):
        words.choose("tabbby", ["dog", "tabby"], "class")


def test_where_nothing_is_near_the_first_known_names_are_shown() -> None:
    with pytest.raises(ValueError, match=r"Unknown colour 'zzz'\. Did you mean 'red', 'green'\?"):
        words.choose("zzz", iter(["red", "green"]), "colour")


@pytest.mark.parametrize("name", [None, 3.5, ["tabby"], b"tabby"])
def test_a_name_that_is_no_string(name: object) -> None:
    with pytest.raises(TypeError, match=f"name of a class as a string, received {type(name).__name__}"):
        words.choose(name, ["tabby"], "class")
