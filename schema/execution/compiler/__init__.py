"""Operations compiled: what one needs of the source, and how its answer is shaped, decided once.

The interface, for whoever executes:

- `Compiler(schema, converter, ...)`, one for a graph.
- `compiler.operation(document, operation)` is the `Operation` of a validated document; keep it
  with the document.
- `operation.plan(variables)` is a `Planned` for one request: its `needs()` say what it will need
  of the source, before anything is sent; `await planned.execute(context)` answers with the plain
  dicts and lists that become JSON, and errors as graphql-core has them. A list of errors in its
  place says what is wrong with the variables. Where it is not `compiled`, graphql-core executes.

The types of Strawberry's schema are the only description of the graph: what they do not say, or
say in a way not known here, is not compiled.
"""
