"""Directories, blanks and limits of the grading pipeline; nbgrader reads this file from the repository root."""

from pathlib import Path

c = get_config()
root = Path(__file__).resolve().parent

# solutions/ → exercises/ (what students get) → grading/ (stays on the grader's machine, never committed).
c.CourseDirectory.root = str(root)
c.CourseDirectory.course_id = "saliency"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.submitted_directory = "grading/submitted"
c.CourseDirectory.autograded_directory = "grading/autograded"
c.CourseDirectory.feedback_directory = "grading/feedback"
c.CourseDirectory.db_url = f"sqlite:///{root}/grading/gradebook.db?timeout=60"
(root / "grading").mkdir(exist_ok=True)  # SQLite makes the file, not the folder

# What a student finds in place of a solution.
c.ClearSolutions.code_stub = {
    "python": '# YOUR CODE HERE (it replaces the next line)\nraise NotImplementedError("Your code is missing here.")'
}
c.ClearSolutions.text_stub = "*Your answer (double-click to write):*"

# A test cell that the student deleted comes back and fails, instead of taking its points out of the total.
c.OverwriteCells.add_missing_cells = True

# Seconds per cell. nbgrader gives 0 points to a cell that writes to stderr, so progress bars and
# harmless warnings are switched off in the kernels that grade (and only there).
c.Execute.timeout = 120
c.Execute.iopub_timeout = 30  # a busy machine may be that late with the outputs of a cell
c.Execute.extra_arguments = [
    "--HistoryManager.hist_file=:memory:",
    "--IPKernelApp.exec_lines=import os, warnings; os.environ['TQDM_DISABLE'] = '1'; warnings.simplefilter('ignore')",
]
