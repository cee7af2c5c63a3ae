"""The parts that operations are compiled from: variables, arguments, selections and shapes.

The types of Strawberry's schema are the only description of the graph: what they do not say, or
say in a way not known here, is not compiled.
"""
