"""ai_agents: the six tools, as single calls and as episodes in a scripted world; the eight ways in which agents go wrong.

The persona is in the patterns: look (``list_agents``) before calling others, ask before destroying, run before claiming, and end
with ``complete``. The mistakes are the eight failure families of spec/validators.md.
"""

from aj.competencies.draw import Tasks
from aj.competencies.patterns import calls, episodes

TASKS: Tasks = {**calls.TASKS, **episodes.TASKS}
