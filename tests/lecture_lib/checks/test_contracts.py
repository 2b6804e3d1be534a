"""What a task's text says is what its cases and its reference do; and the cases cover what the text allows."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lecture_lib.checks import tasks as all_tasks
from lecture_lib.checks.judge import DRAWS
from lecture_lib.checks.task import statement
from lecture_lib.checks.values import read
from tools import build

EXERCISES = sorted((Path(__file__).parents[3] / "course" / "exercises").glob("*.py"))
MODULES = [
    importlib.import_module(f"lecture_lib.checks.tasks.{module.name}")
    for module in pkgutil.iter_modules(all_tasks.__path__)
]
TASKS = [pytest.param(task, id=task.name) for module in MODULES for task in module.TASKS]


def axes(shape):
    return re.findall(r"\w+", shape)


def cases_of(task):
    return [case for draw in range(DRAWS) for case in task.cases(draw)]


@pytest.mark.parametrize("task", TASKS)
def test_cases_and_reference_keep_the_contract(task):
    for case in cases_of(task):
        sizes = {part.name: value for part, value in zip(task.parameters, case, strict=True) if type(value) is int}
        for part, value in zip(task.parameters, case, strict=True):
            assert isinstance(value, Tensor) == bool(part.shape), part.name
            fits(sizes, part.shape, value)
        results = read(task.reference(*case), task.results)
        for result, value in zip(task.results, results, strict=False):
            if not result.many:
                fits(sizes, result.shape, value)
            assert torch.isfinite(value).all()


def fits(sizes, shape, value):
    """Each letter stands for one number in a case, in what is given and in what is returned."""
    if not isinstance(value, Tensor):
        return
    names = axes(shape)
    assert len(names) == value.ndim, shape
    for name, size in zip(names, value.shape, strict=True):
        assert sizes.setdefault(int(name) if name.isdigit() else name, int(name) if name.isdigit() else size) == size


@pytest.mark.parametrize("task", TASKS)
def test_the_cases_cover_what_the_contract_allows(task):
    """One image and several, square and not, one channel and more: wherever the contract leaves it open."""
    shapes = {part.name: part.shape for part in task.parameters if part.shape}
    seen = {(name, axis): set() for name, shape in shapes.items() for axis in axes(shape) if not axis.isdigit()}
    square = set()
    for case in cases_of(task):
        for part, value in zip(task.parameters, case, strict=True):
            for axis, size in zip(axes(part.shape), value.shape if part.shape else (), strict=True):
                if not axis.isdigit():
                    seen[part.name, axis].add(size)
            if part.shape.endswith("H, W)"):
                square.add(value.shape[-1] == value.shape[-2])
    always_the_same = {axis for (_, axis), sizes in seen.items() if len(sizes) < 2}
    assert always_the_same <= {"classes", "K"}
    if "accuracy" not in task.results[0].meaning and "right answers" not in task.results[0].meaning:
        assert all(1 in sizes and max(sizes) > 1 for (_, axis), sizes in seen.items() if axis == "N")
    assert all({1, 3} <= sizes for (name, axis), sizes in seen.items() if axis == "C" and name == "images")
    assert square in ({True, False}, set())


@pytest.mark.parametrize("task", TASKS)
def test_results_of_both_signs_occur_where_the_reference_has_any(task):
    """Else an absolute value, or max(0, …), would pass."""
    results = [read(task.reference(*case), task.results) for case in cases_of(task)]
    if not task.results[0].many:
        for parts in zip(*results, strict=True):
            low, high = min(part.min() for part in parts), max(part.max() for part in parts)
            one_sign = task.name in ONE_SIGN
            assert one_sign or low < 0 < high


ONE_SIGN = {
    "shift_right", "shift_test", "max_abs_map", "noise_sigma", "error_of_means", "hiding_baseline", "grad_cam",
    "share_inside", "head_attention", "class_token_map", "rollout", "trainable_attention", "remove_and_measure",
    "fgsm", "bim", "towards", "smallest_epsilon", "stored", "shortcut_test", "path_samples",
}  # fmt: skip


@pytest.mark.parametrize(("name", "place"), [("remove_and_measure", 1), ("shortcut_test", 2)])
def test_a_fall_may_be_a_rise(name, place):
    task = next(task for module in MODULES for task in module.TASKS if task.name == name)
    values = torch.cat([read(task.reference(*case), task.results)[place].flatten() for case in cases_of(task)])
    assert values.min() < 0 < values.max()


@pytest.mark.parametrize("text", EXERCISES, ids=lambda text: text.stem)
def test_every_exercise_prints_the_contract_of_each_of_its_tasks(text):
    notebook = build.read(text)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    checked = re.findall(r"^check\(tasks\.(\w+), (\w+)\)$", "\n".join(c.source for c in notebook.cells), re.MULTILINE)
    module = next(module for module in MODULES if module.__name__.endswith(text.stem[3:]))
    assert [getattr(module, constant) for constant, _ in checked] == list(module.TASKS)
    for task in module.TASKS:
        assert statement(task) in prose
        assert f"`{task.name}(" in prose


def test_a_statement_has_a_row_for_everything():
    said = statement(MODULES[-1].TASKS[0])
    assert said.startswith("| you get | what it is | shape |\n|---|---|---|\n| `network` |")
    assert "| **you return** | the score of the class, for every image | (N,) |" in said
    assert said.endswith("Later cells differentiate the result by `images`: don't cut it off.")
