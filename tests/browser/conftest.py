"""The fixtures of the browser tests."""

from tests.shared.browser import lab as lab
