"""The parts of the compiler: variables, arguments, selections and shapes.

The types of Strawberry's schema are the only description of the graph. A construct that they do not
describe, or that the compiler does not know, is not compiled.
"""
