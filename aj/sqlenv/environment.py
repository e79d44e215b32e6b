"""One episode: reset with a question, step with actions, and what the policy may see of it.

Gold SQL, gold answer, query hashes and earlier progress stay inside. Out of budget, the episode ends with terminal
reward 0; a step after ANSWER earns -0.1 and cannot change the answer.
"""

from dataclasses import dataclass

from aj.chat import Conversation
from aj.sqlenv import rewards
from aj.sqlenv.actions import Action, parse
from aj.sqlenv.database import Database, QueryError, show
from aj.sqlenv.grading import right
from aj.sqlenv.questions import Question

DEFAULT_BUDGET = 15


@dataclass(frozen=True)
class Observation:
    """What the policy sees after a step. ``reward`` is that of the step alone."""

    question: str
    schema_info: str
    """Table names at first; grows as tables are described."""
    result: str
    error: str
    step_count: int
    budget_remaining: int
    action_history: tuple[str, ...]
    done: bool
    reward: float

    @property
    def text(self) -> str:
        """The message that goes back to the model: never empty, and never able to imitate a role marker."""
        return (f"error: {self.error}" if self.error else self.result).replace("<|", "< |") or "empty"

    @property
    def messages(self) -> list[dict[str, str]]:
        """The same as what the rollout appends to the conversation."""
        return [{"role": "tool", "content": self.text}]


class SQLEnv:
    """The environment behind both fronts: text actions (``step``, rollout.py) and typed tools (tool_front.py)."""

    def __init__(self, budget: int = DEFAULT_BUDGET) -> None:
        self.budget = budget

    @classmethod
    def of(cls, question: Question, budget: int = DEFAULT_BUDGET) -> "SQLEnv":
        """An episode of this question that has begun."""
        env = cls(budget)
        env.reset(question)
        return env

    def reset(self, question: Question) -> Observation:
        """Start an episode; closes the one before."""
        self.close()
        self.question, self.database = question, Database(question.database)
        self.history: list[str] = []
        self.seen: list[Observation] = []  # of every step, for transcripts: nothing is played twice to be written down
        self.described: dict[str, str] = {}
        self._shown: set[str] = set()
        self.done = self.correct = self.answered = False
        self.best_progress = self.operational_sum = self.reward_sum = 0.0
        self.parse_failures = self.errors = 0
        return self._observe("", "", 0.0)

    @property
    def opening(self) -> Conversation:
        """What the episode starts with."""
        return Conversation(tuple(self.question.messages))

    def close(self) -> None:
        """Let go of the database."""
        if hasattr(self, "database"):
            self.database.close()

    def step(self, text: str) -> Observation:
        """Play one text action."""
        action = parse(text)
        self.parse_failures += not action.well_formed
        return self.act(action)

    def act(self, action: Action) -> Observation:
        """Play one parsed action."""
        self.seen.append(self._act(action))
        return self.seen[-1]

    def _act(self, action: Action) -> Observation:
        if self.done:
            self.reward_sum += rewards.AFTER_ANSWER
            return self._observe("", "the episode is over", rewards.AFTER_ANSWER)
        repeated = str(action) in self.history
        self.history.append(str(action))
        before, result, error = self.best_progress, "", ""
        try:
            result = self._execute(action)
        except QueryError as problem:
            error, self.errors = str(problem), self.errors + 1
        new = not error and result not in self._shown
        self._shown.add(result)
        # A text that did not parse may not earn more than a well-formed action.
        signal = rewards.operational_signal(ran=not error, new=new and action.well_formed, repeated=repeated)
        reward = rewards.step_reward(signal, self.best_progress - before)
        self.operational_sum += signal
        if action.kind == "ANSWER":
            reward += float(self.correct)
        elif len(self.history) >= self.budget:
            self.done = True
        self.reward_sum += reward
        return self._observe(result, error, reward)

    def _execute(self, action: Action) -> str:
        if action.kind == "ANSWER":
            self.done = self.answered = True
            self.correct = right(action.argument, self.question.gold, ordered=self.question.ordered)
            return "answered"
        if action.kind == "QUERY":
            found = self.database.query(action.argument)
            self.best_progress = max(self.best_progress, rewards.progress(found.rows, self.question.gold))
            return show(found)
        table = self.database.tables.get(action.argument.lower())
        if table is None:
            known = ", ".join(t.name for t in self.database.tables.values())
            raise QueryError(f"no such table: {action.argument[:40]}; tables: {known}")
        if action.kind == "SAMPLE":
            return show(self.database.sample(table.name))
        self.described[table.name] = str(table)
        return str(table)

    def _observe(self, result: str, error: str, reward: float) -> Observation:
        tables = (f"{t}: {self.described[t]}" if t in self.described else t for t in self.question.tables)
        steps = len(self.history)
        return Observation(
            question=self.question.text, schema_info="\n".join(tables), result=result, error=error, step_count=steps,
            budget_remaining=self.budget - steps, action_history=tuple(self.history), done=self.done, reward=reward,
        )  # fmt: skip
