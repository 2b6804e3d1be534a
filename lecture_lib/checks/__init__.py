"""Feedback on exercises: the cell below each task calls `check`.

`judge` runs and compares a student's function; `task` says what a task is and `values` reads what a function returns;
`state` watches what may not change; `source` and `edits` read and change the student's own text, in which `mistakes`
looks for what is wrong; `relations` finds words for what nothing else names. ``tasks/`` has one module per exercise:
contracts, references, inputs to try, catalogues of mistakes.
"""

from lecture_lib.checks.judge import check as check
from lecture_lib.checks.values import plain as plain
