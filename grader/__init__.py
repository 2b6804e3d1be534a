"""Grade a class: `python -m grader SUBMISSIONS`. What students send in is run, but never trusted.

The code of a submission runs in a sandboxed kernel (`sandbox`, `student`). The tests run elsewhere (`judge`): they
call the student's functions through a socket (`wire`, `inside`), and only plain values come back. A submission can
therefore neither read a test nor change what a test compares. nbgrader keeps the marks (`batch`).
"""
