"""The small faces: the right labels, a balanced fixed split, pixels in range."""

import numpy as np
import pytest
import skimage
import torch

from lecture_lib import pictures


def file() -> np.ndarray:
    """scikit-image's file as it is documented there: 100 faces, then 100 other pictures."""
    return np.load(f"{skimage.__path__[0]}/data/lfw_subset.npy")


def test_shape_and_range() -> None:
    images, labels = pictures.faces()
    assert images.shape == (200, 1, 25, 25)
    assert images.dtype == torch.float32
    assert pictures.check_images(images) is images
    assert images.max() > 0.95
    assert labels.shape == (200,)
    assert labels.dtype == torch.int64
    assert sorted(labels.tolist()) == [0] * 100 + [1] * 100


@pytest.mark.parametrize(("label", "part"), [(1, slice(0, 100)), (0, slice(100, 200))])
def test_every_picture_of_the_file_is_there_once_with_its_label(label: int, part: slice) -> None:
    images, labels = pictures.faces()
    ours = {image.numpy().tobytes() for image in images[labels == label]}
    assert ours == {image.astype(np.float32).tobytes() for image in file()[part]}


def test_the_split_is_balanced_and_fixed() -> None:
    images, labels = pictures.faces()
    assert 60 <= labels[:150].sum() <= 90
    assert 18 <= labels[150:].sum() <= 32
    train, test = ({image.numpy().tobytes() for image in part} for part in (images[:150], images[150:]))
    assert not train & test
    torch.manual_seed(123)
    again, labels_again = pictures.faces()
    assert torch.equal(again, images)
    assert torch.equal(labels_again, labels)


def test_the_order_is_mixed() -> None:
    labels = pictures.faces()[1].float()
    neighbours = (labels[1:] == labels[:-1]).float().mean().item()
    assert 0.35 < neighbours < 0.65


def test_the_global_random_numbers_are_left_alone() -> None:
    before = torch.random.get_rng_state()
    pictures.faces()
    assert torch.equal(torch.random.get_rng_state(), before)
