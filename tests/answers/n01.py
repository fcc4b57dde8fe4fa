"""Plausible wrong answers to the exercises of notebook 01, each with a hint of its own."""

WRONG = {
    "01-luck": [
        lambda a, b, sd: abs(a - b) < sd,
        lambda a, b, sd: abs(a - b) < 1.96 * sd,
        lambda a, b, sd: (a - b) < 2.772 * sd,
    ],
}
