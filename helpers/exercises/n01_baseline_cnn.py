"""The exercises of notebook 01."""

from helpers.exercises import compare

CASES = [
    (0.41, 0.46, 0.02),
    (0.46, 0.41, 0.02),
    (0.50, 0.47, 0.02),
    (0.5, 0.4, 0.02),
    (0.3, 0.345, 0.02),
    (0.4, 0.5, 0.02),
]
# The limit is 1.96 x 1.41 x sd = 0.0554 for sd = 0.02.


def luck(answer):
    """``luck_alone(a, b, sd)``: True when luck alone explains the difference of two runs."""
    compare(
        answer,
        lambda a, b, sd: abs(a - b) <= 1.96 * 2**0.5 * sd,
        CASES,
        {
            "One standard deviation is what a single run varies by; a third of them go further. "
            "Take 1.96 of them, and two runs vary by √2 times as much.": lambda a, b, sd: (
                abs(a - b) <= sd
            ),
            "1.96 sd is the limit for one run. Here both runs have luck: √2 is missing.": (
                lambda a, b, sd: abs(a - b) <= 1.96 * sd
            ),
            "Which of the two comes first must not matter: take the absolute value.": (
                lambda a, b, sd: a - b <= 1.96 * 2**0.5 * sd
            ),
        },
    )
    return "both signs, just inside and far outside of the limit."
