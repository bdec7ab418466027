"""Gradients of single examples, measured and summed, on any backend.

Keras has no public gradient. One file for each backend fills this gap:
`on_tensorflow`, `on_jax` and `on_torch`. Most layers need no loop over the
examples, because a *rule* computes the measure of all their gradients from
one batched backward pass.

A rule is a function `(inputs, delta, measure)` of what flowed into the layer
and of the gradient with respect to its output before the activation, both
with a first axis of examples. It returns pairs of a variable and an array of
its shape: the sum over the examples of `measure` of their gradients.
`measure` is the square or the absolute value of each element, so that
`measure(a * b)` is `measure(a) * measure(b)`.

Layers of Keras have their rules in `rules`. Any other layer may have one in
an attribute `per_example_rule`, as `layers.ExpandableDense` does; it holds
for the methods `call` and `call_block` of the same class or of a base.
"""
