"""Helpers of the course on saliency maps: pictures, networks, methods, measurements, figures.

The one idea is a *score*: any function from images ``(N, C, H, W)`` to one number per image ``(N,)``.
Every method takes a score and images, and returns a signed tensor of the images' shape.
Read the modules in the order in which data flows through them: ``pictures`` → ``networks`` → ``samples`` →
``gradients`` → ``maps`` → ``measure`` → ``show``. What is larger has a folder: ``birds`` (drawn scenes), ``widgets``,
``cards`` (explanation cards), ``checks`` (feedback on exercises).
"""
