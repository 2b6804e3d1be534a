"""`python -m grader SUBMISSIONS`: grade a class."""

import argparse
import sys
import warnings
from pathlib import Path

from grader.run import Options, Refusal, grade


def main() -> int:
    """Read the command line, grade, print three lines."""
    parser = argparse.ArgumentParser(prog="python -m grader", description="Grade a folder of submissions.")
    parser.add_argument(
        "submissions", type=Path, help="a folder or zip file per student, or notebooks with their names"
    )
    parser.add_argument("--course", type=Path, default=Path(), help="folder with solutions/ (default: this one)")
    parser.add_argument("--output", type=Path, help="where results go (default: grading/ in the course)")
    parser.add_argument("--database", help="the gradebook (default: sqlite, gradebook.db in the output)")
    parser.add_argument("--workers", type=int, default=2, help="submissions at a time (default: 2)")
    parser.add_argument("--seconds", type=int, default=60, help="limit of a cell and of a test (default: 60)")
    parser.add_argument("--memory", type=int, default=4096, help="limit of a process in MB (default: 4096)")
    parser.add_argument("--pictures", action="store_true", help="also run cells that only show something")
    parser.add_argument("--unsafe", action="store_true", help="run submissions without a sandbox, with your rights")
    given = parser.parse_args()
    if not given.submissions.is_dir():
        parser.error(f"there is no folder {given.submissions}")
    course = given.course.resolve()
    output = (given.output or course / "grading").resolve()
    output.mkdir(parents=True, exist_ok=True)
    options = Options(
        submissions=given.submissions.resolve(),
        course=course,
        output=output,
        database=given.database or f"sqlite:///{output}/gradebook.db?timeout=60",
        workers=max(1, given.workers),
        sandboxed=not given.unsafe,
        seconds=given.seconds,
        memory=given.memory,
        pictures=given.pictures,
    )
    warnings.simplefilter("ignore")  # nbgrader uses the database in ways that SQLAlchemy now warns of
    try:
        print(grade(options))
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
