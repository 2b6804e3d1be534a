"""Whatever unpacks to the right numbers is read; what does not is told in a sentence."""

import numpy as np
import pytest
import torch

from lecture_lib.checks.task import NotYet, Result
from lecture_lib.checks.values import agree, close, plain, read, wrong_type

NUMBER, VECTOR, MAP = Result("", ""), Result("", "(N,)"), Result("", "(N, H, W)")
PAIR = (NUMBER, NUMBER)
LIST = (Result("", "", many=True),)


@pytest.mark.parametrize("three", [3, 3.0, np.float64(3), np.array([3.0]), torch.tensor(3), torch.tensor([[3.0]])])
def test_one_number(three):
    assert agree(read(three, (NUMBER,)), [torch.tensor(3.0).double()])


@pytest.mark.parametrize(
    "pair",
    [(1, 2), [1.0, np.float32(2)], np.array([1, 2]), torch.tensor([1.0, 2]), (torch.tensor([1.0]), 2), iter((1, 2))],
)
def test_two_numbers(pair):
    assert agree(read(pair, PAIR), [torch.tensor(1.0).double(), torch.tensor(2.0).double()])


@pytest.mark.parametrize(
    "vector",
    [[1, 2.0], (np.float64(1), torch.tensor(2.0)), np.array([1, 2], dtype=np.float32), torch.tensor([1, 2])],
)
def test_one_number_for_each_image(vector):
    assert agree(read(vector, (VECTOR,)), [torch.tensor([1.0, 2.0]).double()])


def test_two_tensors_in_one():
    stacked = torch.rand(2, 3, 4, 5)
    assert agree(read(stacked, (MAP, MAP)), [part.double() for part in stacked])
    assert agree(read(stacked.numpy(), (MAP, MAP)), [part.double() for part in stacked])


def test_a_list_of_tensors():
    tensors = [torch.rand(2), torch.rand(3, 4)]
    for form in (tensors, tuple(tensors), iter(tensors), [part.numpy() for part in tensors]):
        assert agree(read(form, LIST), [part.double() for part in tensors])


@pytest.mark.parametrize(
    ("value", "results", "message"),
    [
        ((torch.ones(2, 3, 4),), (MAP,), "a tuple with one entry"),
        ([torch.ones(2, 3, 4)], (MAP,), "a list with one entry"),
        ((torch.ones(2),), (VECTOR,), "a tuple with one entry"),
        ([torch.ones(3, 4), torch.ones(3, 4)], (MAP,), "one value, but it returns a list of 2"),
        (torch.ones(3, 4).max(dim=1), (MAP,), "a tuple of 2"),
        (1.0, PAIR, "2 values, but it returns 1"),
        (torch.tensor(1.0), PAIR, "2 values, but it returns one"),
        ((1, 2, 3), PAIR, "2 values, but it returns 3"),
        (None, (MAP,), "returns None"),
        ((1, None), PAIR, "returns None"),
        ("words", (MAP,), "should return torch tensors, but it returns str"),
        ({1: 2}, PAIR, "2 values, but it returns 1"),
        (torch.ones(2, 3, 4, dtype=torch.complex64), (MAP,), "complex"),
        (np.array([None, "x"]), (VECTOR,), "objects"),
        (torch.ones(3), LIST, None),
        (3.0, LIST, "a list of tensors"),
    ],
)
def test_other_forms_are_told(value, results, message):
    if message is None:  # a tensor unpacks, too
        assert len(read(value, results)) == 3
        return
    with pytest.raises(NotYet, match=message):
        read(value, results)


def test_the_type_of_numbers_matters_only_where_the_contract_says_so():
    whole = (Result("", "(N,)", torch.uint8),)
    assert wrong_type(torch.ones(2), whole).startswith("returns the right numbers, but their type is torch.float32")
    assert wrong_type(torch.ones(2, dtype=torch.uint8), whole) is None
    assert wrong_type(np.ones(2, dtype=np.uint8), whole) is None
    assert wrong_type(torch.ones(2, dtype=torch.float64), (VECTOR,)) is None


def test_close_is_exact_about_shape_and_finiteness():
    one = torch.rand(3, 4)
    assert close(one, one + 1e-6)
    assert not close(one, one + 1e-2)
    assert not close(one[None], one)
    assert not close(one / 0, one / 0)


def test_plain_is_float32_without_a_graph():
    leaf = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    for value in (leaf * 2, (leaf * 2).detach().numpy()):
        made = plain(value)
        assert made.dtype == torch.float32
        assert not made.requires_grad
    assert [part.tolist() for part in plain((leaf, np.float64(2)))] == [plain(leaf).tolist(), 2.0]
    assert plain([1.0, 2.0]).tolist() == [1.0, 2.0]
    assert float(plain(3)) == 3.0
