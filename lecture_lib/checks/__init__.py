"""Feedback on exercises: the cell below each task calls `check`.

`judge` runs and compares a student's function, `relations` finds words for what no catalogue foresaw, and `task` says
what a task is. ``tasks/`` has one module per exercise: references, inputs to try, catalogues of mistakes.
"""

from lecture_lib.checks.judge import check as check
