"""How good a model is: engines that answer, suites that ask, statistics and the gate that decides."""
