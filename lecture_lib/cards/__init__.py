"""Explanation cards: a map, the question that it answers, what it does not say, and what was measured for it.

`explain` makes a card with the methods of `methods`; `card` says what a card is, when it warns, and how it looks.
"""

from lecture_lib.cards.card import CHECKS as CHECKS
from lecture_lib.cards.card import show_cards as show_cards
from lecture_lib.cards.explain import explanation_card as explanation_card
from lecture_lib.cards.explain import moved_by_shuffling as moved_by_shuffling
