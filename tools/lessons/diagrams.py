"""Writes the course's diagrams: `python -m tools.lessons.diagrams`.

Fair MEDL part by part, and the causal diagrams of the simulated worlds.
"""

from tools import ROOT
from tools.lessons.drawing import (
    BLUE,
    BUILT,
    INK,
    LATER,
    LIT,
    PALE,
    PLAIN,
    Box,
    arrow,
    between,
    card,
    words,
)

FOLDER = ROOT / "fairmedl_lite" / "course" / "diagrams"
WIDTH = 480  # a phone shows it at three quarters: letters of 15 pixels are then 11

# ---- Fair MEDL ----
BOXES = {
    "z": Box(10, 12, 95, 36, ["cluster z"]),
    "x": Box(190, 12, 100, 36, ["columns x"]),
    "predictor": Box(48, 82, 132, 50, ["cluster predictor", "for new clusters"]),
    "FE": Box(205, 82, 85, 132, ["fixed", "effects", "FE:", "a network"]),
    "RE": Box(10, 164, 170, 50, ["random effects RE", "of each cluster"]),
    "A_C": Box(358, 112, 114, 66, ["adversary A_C", "reads FE,", "guesses z"]),
    "mixing": Box(10, 256, 170, 40, ["mixing: sum"]),
    "y_F": Box(205, 250, 85, 52, ["fixed", "score ŷ_F"]),
    "y_M": Box(10, 340, 170, 52, ["mixed", "score ŷ_M"]),
    "A_F": Box(358, 238, 114, 76, ["adversary A_F", "reads ŷ_F, y,", "guesses s"]),
    "A_M": Box(358, 328, 114, 76, ["adversary A_M", "reads ŷ_M, y,", "guesses s"]),
}
PARTS = {
    "fixed effects": ["x", "FE", "y_F"],
    "random effects": ["z", "RE", "predictor", "mixing", "y_M"],
    "cluster adversary": ["A_C"],
    "fairness adversaries": ["A_F", "A_M"],
}
# Points of each arrow, and the part without which it is not there.
FORWARD = [
    ([(240, 48), (240, 82)], "fixed effects"),
    ([(248, 214), (248, 250)], "fixed effects"),
    ([(29, 48), (29, 164)], "random effects"),
    ([(190, 30), (130, 30), (130, 82)], "random effects"),
    ([(114, 132), (114, 164)], "random effects"),
    ([(205, 190), (180, 190)], "random effects"),
    ([(95, 214), (95, 256)], "random effects"),
    ([(205, 276), (180, 276)], "random effects"),
    ([(95, 296), (95, 340)], "random effects"),
    ([(290, 128), (358, 128)], "cluster adversary"),
    ([(290, 260), (358, 260)], "fairness adversaries"),
    ([(180, 352), (358, 352)], "fairness adversaries"),
]
BACK = [
    ([(358, 162), (290, 162)], "cluster adversary"),
    ([(358, 292), (290, 292)], "fairness adversaries"),
    ([(358, 382), (180, 382)], "fairness adversaries"),
]
WHOLE = (
    "From top to bottom. The columns x go into the fixed effects FE, a network that gives the "
    "fixed score. The cluster z chooses the random effects RE of its cluster; for a new cluster a "
    "cluster predictor guesses from x which seen clusters it resembles. The random slopes stand on "
    "FE's last hidden layer. Mixing adds fixed and random effects to the mixed score. Three "
    "adversaries stand at the right. The cluster adversary reads FE's hidden units and guesses z. "
    "Two fairness adversaries read the fixed score and the outcome y, or the mixed score and y, "
    "and guess the sensitive attributes s. From each of the three a dashed arrow with a minus "
    "leads back: its gradient with the sign turned."
)
# For each diagram what its lesson builds, and what the course has by then.
LADDER = {
    "fair_medl_fixed_effects": (["fixed effects"], []),
    "fair_medl_random_effects": (["random effects"], ["fixed effects"]),
    "fair_medl_cluster_adversary": (["cluster adversary"], ["fixed effects", "random effects"]),
    "fair_medl_fairness_adversaries": (
        ["fairness adversaries"],
        ["fixed effects", "random effects", "cluster adversary"],
    ),
    "fair_medl": ([], list(PARTS)),
}


def fair_medl(built, known):
    """The model: what is built now stands out, and what comes later is pale and dotted."""
    looks = {part: BUILT if part in built else PLAIN if part in known else LATER for part in PARTS}
    parts = [_stream(points, looks[part]) for points, part in FORWARD]
    parts += [_stream(points, looks[part], back=True) for points, part in BACK]
    parts += [BOXES[name].draw(looks[part]) for part, names in PARTS.items() for name in names]
    title = f"Fair MEDL: {' and '.join(built)}" if built else "Fair MEDL, whole"
    said = []
    if built:
        later = [part for part in PARTS if part not in (*built, *known)]
        said.append(f"Built here, with a thick border: {', '.join(built)}.")
        said += [f"Still to come, dotted: {', '.join(later)}."] if later else []
    height = 470 + 28 * bool(built)
    return card(title, " ".join([*said, WHOLE]), [*parts, *_legend(built, looks)], WIDTH, height)


def _stream(points, look, back=False):
    color = {BUILT: LIT, LATER: PALE}.get(look, INK)
    width = 3 if look is BUILT else 1.8
    return arrow(points, color, width, "7 4" if back else "", "−" if back else "")


def _legend(built, looks):
    """What the lines mean."""
    parts = [
        arrow([(12, 428), (52, 428)]),
        words("forward", 60, 433),
        arrow([(160, 428), (220, 428)], dashes="7 4", sign="−"),
        words("gradient back, sign turned", 230, 433),
        words("Both scores are trained to tell the outcome y.", 12, 460),
    ]
    if built:
        parts += [Box(14, 474, 36, 16, []).draw(BUILT), words("this lesson", 60, 488)]
    if LATER in looks.values():
        parts += [Box(162, 474, 36, 16, []).draw(LATER), words("later lessons", 208, 488)]
    return parts


# ---- causal diagrams ----
def typists():
    """Simpson's paradox: practice makes fast, and makes few errors."""
    practice = Box(150, 14, 180, 52, ["the typist's practice", "(the cluster)"])
    speed, errors = Box(20, 150, 120, 40, ["speed"]), Box(340, 150, 120, 40, ["errors"])
    parts = [
        between(practice, speed, color=LIT, dashes="7 4", sign="+"),
        between(practice, errors, color=LIT, dashes="7 4", sign="−"),
        between(speed, errors, width=3.5, sign="+"),
        *(box.draw() for box in (practice, speed, errors)),
        *_key([("black, thick: what speed does", INK, ""), ("dashed: the confounder", LIT, "7 4")]),
    ]
    description = (
        "An arrow from speed to errors with a plus: a typist who types faster than usual makes "
        "more errors. Two dashed arrows lead from the typist's practice, which is the same in all "
        "rows of a typist: to speed with a plus, to errors with a minus. Over all rows the second "
        "way hides the first: fast typists make fewer errors."
    )
    return card("Causal diagram of the typists", description, parts, WIDTH, 262)


def probe():
    """A column that follows the cluster and causes nothing."""
    firm = Box(165, 14, 150, 40, ["the firm"])
    column, skill = Box(14, 120, 110, 40, ["probe"]), Box(180, 120, 120, 40, ["skill"])
    other = Box(180, 200, 120, 56, ["education,", "experience"])
    hired = Box(362, 120, 104, 40, ["hired"])
    parts = [
        between(firm, column, color=LIT, dashes="7 4", width=3),
        between(firm, skill),
        between(firm, hired),
        between(skill, hired),
        between(other, hired),
        *(box.draw() for box in (firm, column, skill, other, hired)),
        *_key(
            [
                ("cause", INK, ""),
                ("holds at the seen firms, is cut at new ones", LIT, "7 4"),
            ],
            top=290,
        ),
        words("There is no arrow from the probe to hired.", 12, 342),
    ]
    description = (
        "Arrows lead from the firm to the probe, to the mean skill of its applicants and to being "
        "hired, and from skill, and from education and experience, to being hired. No arrow leads "
        "from the probe to being hired: it only follows the firm. Its arrow is dashed, since at "
        "new firms it is cut, and the probe is a random number there. Sex and ethnicity are not "
        "drawn."
    )
    return card("Causal diagram of the probe", description, parts, WIDTH, 356)


def hiring():
    """Three ways from sex to the outcome."""
    firm, skill = (
        Box(20, 14, 150, 52, ["the firm:", "how few it hires"]),
        Box(360, 20, 106, 40, ["skill"]),
    )
    woman, hired = Box(20, 150, 110, 40, ["woman"]), Box(360, 150, 106, 40, ["hired"])
    school = Box(150, 230, 120, 56, ["education,", "experience"])
    minority = Box(360, 238, 106, 40, ["minority"])
    ways = {
        "direct": {"color": INK, "width": 3.5},
        "mediated": {"color": BLUE, "dashes": "9 4", "width": 3},
        "firms": {"color": LIT, "dashes": "2 4", "width": 3},
    }
    parts = [
        between(woman, hired, sign="1", **ways["direct"]),
        between(woman, school, sign="2", **ways["mediated"]),
        between(school, hired, sign="2", **ways["mediated"]),
        between(firm, woman, sign="3", **ways["firms"]),
        between(firm, hired, sign="3", **ways["firms"]),
        between(firm, skill, color=PALE),
        between(skill, hired, color=PALE),
        between(minority, hired, color=PALE),
        *(box.draw() for box in (firm, woman, school, minority, skill, hired)),
        *_key(
            [
                ("1 direct: employers treat women differently", INK, ""),
                ("2 mediated: women have less of both", BLUE, "9 4"),
                ("3 between firms: women apply to strict firms", LIT, "2 4"),
                ("what else counts", PALE, ""),
            ],
            top=320,
        ),
    ]
    description = (
        "Three ways lead from being a woman to being hired. One, direct: an arrow from woman to "
        "hired. Two, mediated: from woman to education and experience, and from there to hired. "
        "Three, between firms: from the firm, and how few it hires, one arrow to woman, since "
        "women apply to strict firms more often, and one to hired. Besides, the firm goes along "
        "with its applicants' skill, and skill and being of the minority lead to hired. The probe "
        "is not drawn."
    )
    return card("Causal diagram of the hiring world", description, parts, WIDTH, 420)


def _key(rows, top=216):
    """What each line means, a row for each."""
    parts = []
    for number, (text, color, dashes) in enumerate(rows):
        y = top + 26 * number
        parts += [arrow([(12, y), (56, y)], color, 2.5, dashes), words(text, 66, y + 5)]
    return parts


def diagrams():
    """Each file's name and what stands in it."""
    model = {name: fair_medl(built, known) for name, (built, known) in LADDER.items()}
    return model | {
        "causes_typists": typists(),
        "causes_probe": probe(),
        "causes_hiring": hiring(),
    }


if __name__ == "__main__":
    for name, text in diagrams().items():
        (FOLDER / f"{name}.svg").write_text(text, encoding="utf-8")
