"""The exercises of notebook 01."""

from helpers.exercises import compare


def best(answer):
    """``best_epoch(history)``: the epoch with the lowest validation loss, from 1, and that loss."""

    def at(name="val_loss", pick=min, start=1):
        return lambda h: (h[name].index(pick(h[name])) + start, pick(h[name]))

    cases = [({"loss": [1.2, 0.8, 0.6, 0.5], "val_loss": [1.0, 0.7, 0.75, 0.9]},)]
    cases += [({"loss": [1.3, 1.0, 0.9], "val_loss": [0.6, 0.8, 0.7]},)]
    wrong = {
        "That is the last epoch. Training may have gone on after the best one.": lambda h: (
            (len(h["val_loss"]), h["val_loss"][-1])
        ),
        "Python counts from 0, people count epochs from 1.": at(start=0),
        "That is the training loss. It falls to the end, whatever validation says.": at("loss"),
        "That is the highest loss. Of a loss, less is better.": at(pick=max),
        "Two numbers are asked for: the epoch, and its loss.": lambda h: min(h["val_loss"]),
        "The epoch comes first, then its loss.": lambda h: at()(h)[::-1],
    }
    compare(answer, at(), cases, wrong)
    return "the best epoch, not the last one, and by validation loss."


def luck(answer):
    """``luck_alone(a, b, sd)``: True when luck alone explains the difference of two runs."""
    right = 1.96 * 2**0.5  # the limit is 0.0554 for an sd of 0.02
    pairs = [(0.41, 0.46), (0.46, 0.41), (0.5, 0.47), (0.5, 0.4), (0.4, 0.5), (0.52, 0.59)]

    def limit(factor, size=abs):
        return lambda a, b, sd: size(a - b) <= factor * sd

    wrong = {
        "One standard deviation is what a single run varies by; a third of them go further. Take "
        "1.96 of them, and two runs vary by √2 times as much.": limit(1),
        "1.96 sd is the limit for one run. Here both runs have luck: √2 is missing.": limit(1.96),
        "Your limit is about 3.9 sd. Two runs vary by √2 times as much as one, not by twice as "
        "much; and Student's t is for an sd that is a guess from a few seeds.": limit(3.92),
        "Which of the two comes first must not matter: take the absolute value.": limit(
            right, float
        ),
        "Turned round: luck explains the small differences.": lambda *all: not limit(right)(*all),
    }
    wrong["Either may be the larger one: take the absolute value."] = limit(right, lambda d: -d)
    compare(answer, limit(right), [(*pair, 0.02) for pair in pairs] + [(0.4, 0.45, 0.015)], wrong)
    return "both signs, just inside and far outside of the limit."


def better(answer):
    """``better(first, second)``: "first", "second" or "neither", by the interval over seeds."""
    cases = [((0.41, 0.40, 0.42, 0.40), (0.50, 0.52, 0.51, 0.51))]
    cases += [((0.50, 0.53, 0.52, 0.54, 0.53), (0.51, 0.46, 0.45, 0.47, 0.46))]
    cases += [((0.44, 0.46, 0.42, 0.45, 0.43), (0.46, 0.49, 0.48, 0.45, 0.47))]
    cases += [((0.450, 0.430, 0.440), (0.459, 0.451, 0.467))]
    cases += [((0.48, 0.45, 0.49, 0.46), (0.47, 0.48, 0.46, 0.46))]

    def said(words):  # what a rule says in the five cases
        return lambda *case: dict(zip(cases, words.split(), strict=True))[case]

    wrong = {
        "You look at one seed of each: its luck decides.": "first first first first second",
        "Means alone always differ. When may luck explain it?": "first second first first second",
        "The best run of each is its luckiest. Use all seeds.": "first second first first first",
        "Two intervals may overlap and the difference still be clear: take the interval of the "
        "differences.": "first second neither neither neither",
        "Whether runs overlap hangs on the two most extreme ones. Take the interval of the mean "
        "difference.": "first neither neither first neither",
        "Too narrow for three seeds: 1.96 is for a known sd. Student's t is wider, with ddof=1.": (
            "first second first first neither"
        ),
        "These are losses: lower is better.": "second first second neither neither",
    }
    hints = {hint: said(words) for hint, words in wrong.items()}
    right = said("first second first neither neither")
    compare(lambda *case: answer(*map(list, case)), right, cases, hints)
    return "an interval decides, and it may leave the question open."
