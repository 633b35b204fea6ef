"""What is known of one rule of the Edge TPU compiler."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Rule:
    """One rule; the letter of its `id` is its severity: E (error), W (warning), I (information).

    `effect` says what the compiler does with a file that breaks it: "refused" (no file comes out), "on CPU" (the
    operator, and what is run after it, stays on the CPU), "wrong" (it runs and gives wrong numbers), "slower", "none".
    """

    id: str
    title: str
    effect: str
    why: str
    cure: str
    source: str

    @property
    def severity(self) -> str:
        """ "error", "warning" or "information"."""
        return {"E": "error", "W": "warning", "I": "information"}[self.id[0]]
