# %% [markdown]
# # Plain numbers
# An exercise for the tests of the grader, quick because it needs no torch.

# %%
import math

FACTOR = 2


# %% nbgrader={"grade": false, "grade_id": "double", "locked": false, "schema_version": 3, "solution": true, "task": false}
def double(number):
    """Twice the number."""
    ### BEGIN SOLUTION
    return FACTOR * number
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "double-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
assert double(2) == 4, "twice 2 is 4"
### BEGIN HIDDEN TESTS
SECRET_OF_THE_TEST = 7
assert double(SECRET_OF_THE_TEST) == 14
### END HIDDEN TESTS

# %% tags=["expected:line"]
print([double(number) for number in range(3)])


# %% nbgrader={"grade": false, "grade_id": "norm", "locked": false, "schema_version": 3, "solution": true, "task": false}
def norm(numbers):
    """Square root of the sum of squares."""
    ### BEGIN SOLUTION
    return math.sqrt(sum(number**2 for number in numbers))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "norm-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
assert norm([3, 4]) == 5
### BEGIN HIDDEN TESTS
assert math.isclose(norm([1, 1]), math.sqrt(FACTOR))
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": true, "grade_id": "why", "locked": false, "points": 1, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# Marked by hand.
# ### END SOLUTION
