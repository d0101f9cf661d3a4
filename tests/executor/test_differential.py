"""The compiled executor against graphql-core's own: thousands of executions, the same answer to the byte.

The reference runs plain resolvers, which give one order of errors; ours runs the same rules as batch functions,
coroutines and stored fields drawn at random, and has to come to the same answer, its errors in the same order.
"""

import json
from random import Random
from typing import Any

import pytest
from graphql import DocumentNode, ExecutionResult, OperationDefinitionNode, execute_sync, parse, validate

from executor.plans import NotCompiled, Operation, Ready
from tests.executor.operations import Generated, Generator
from tests.executor.synthetic import EXAMPLE, Requests, Rules, compiled, reference

PARTS, DOCUMENTS, DATA = 8, 165, 4
"""Executions that are compared: their product."""
REFERENCE = reference()
SCHEMAS = [compiled(seed) for seed in range(20)]


def told(result: ExecutionResult) -> str:
    """Return a whole answer as text, the order of fields and of errors included."""
    errors = [{"formatted": error.formatted, "cause": repr(error.original_error)} for error in result.errors or ()]
    return json.dumps({"data": result.data, "errors": errors}, indent=1)


def generated(random: Random) -> tuple[Generated, DocumentNode]:
    """Return the next valid operation."""
    while True:
        made = Generator(EXAMPLE, random).operation(mutation=random.random() < 0.15)
        document = parse(made.text)
        if not validate(REFERENCE, document):
            return made, document


async def run(operation: Operation, variables: dict[str, Any], rules: Rules) -> ExecutionResult:
    """Run an operation by its plan; what graphql-core has to run has run nothing."""
    context = Requests(rules)
    ready = operation.prepare(variables)
    if isinstance(ready, Ready):
        return await ready.execute(context)
    return ExecutionResult(None, ready)


@pytest.mark.parametrize("part", range(PARTS))
async def test_generated_operations_give_the_same_answer_error_for_error(part: int) -> None:
    random = Random(part)
    handed_on = 0
    for number in range(DOCUMENTS):
        made, document = generated(random)
        node = document.definitions[0]
        assert isinstance(node, OperationDefinitionNode)
        for data in range(DATA):
            rules = Rules(number * DATA + data, [0, 3, 10, 30][data])
            operation = Operation(SCHEMAS[(number + 7 * data) % len(SCHEMAS)], document, node)
            expected = execute_sync(REFERENCE, document, context_value=Requests(rules), variable_values=made.variables)
            try:
                found = await run(operation, made.variables, rules)
            except NotCompiled:  # null for a condition
                handed_on += 1
                continue
            assert told(found) == told(expected), (part, number, data, made)
    assert handed_on < DOCUMENTS * DATA * 0.05
