# %% [markdown]
# # Tensors and scores
# An exercise for the tests of the grader, with a check from the library.

# %%
import torch

from lecture_lib.checks.judge import check
from lecture_lib.checks.tasks import vanilla_saliency as tasks


# %% nbgrader={"grade": false, "grade_id": "vanilla-gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def vanilla_gradient(score, images):
    """Gradient (N, C, H, W) of the score at every image."""
    ### BEGIN SOLUTION
    images = images.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(score(images).sum(), images)
    return gradient
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "vanilla-gradient-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(tasks.VANILLA_GRADIENT, vanilla_gradient)
### BEGIN HIDDEN TESTS
check(tasks.VANILLA_GRADIENT, vanilla_gradient, seed=42)
weights = torch.linspace(-1, 1, 60).view(1, 3, 4, 5)
linear = vanilla_gradient(lambda images: (weights * images).sum(dim=(1, 2, 3)), torch.rand(2, 3, 4, 5))
assert torch.allclose(linear, weights.expand(2, -1, -1, -1)), "the gradient of a linear score is its weights"
### END HIDDEN TESTS


# %% nbgrader={"grade": false, "grade_id": "max-abs-map", "locked": false, "schema_version": 3, "solution": true, "task": false}
def max_abs_map(attribution):
    """Map (N, H, W): the largest absolute value over the channels."""
    ### BEGIN SOLUTION
    return attribution.abs().amax(dim=1)
    ### END SOLUTION


# %%
square = vanilla_gradient(lambda images: images.square().sum(dim=(1, 2, 3)), torch.ones(1, 3, 2, 2))

# %% nbgrader={"grade": true, "grade_id": "max-abs-map-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(tasks.MAX_ABS_MAP, max_abs_map)
### BEGIN HIDDEN TESTS
check(tasks.MAX_ABS_MAP, max_abs_map, seed=43)
assert torch.equal(max_abs_map(-square), torch.full((1, 2, 2), 2.0))
### END HIDDEN TESTS
