"""Gradient descent: optimisers race down one loss."""

from ui.page import lab_page

lab_page("gradient_descent")
