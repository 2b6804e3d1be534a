"""The tasks of the exercises: reference, inputs to try, catalogue of mistakes. One module per exercise."""
