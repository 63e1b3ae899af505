"""Sixteen float32 at once in functions compiled by numba: one register with AVX-512, two or four elsewhere.

What numba makes of a plain loop is left to LLVM to vectorise, which first has to prove that no two arrays overlap and
then keeps the sums of nested loops in memory. Here a value is sixteen numbers, and a kernel says itself what stays in
registers. The functions exist only inside functions that numba compiles. Sixteen truth values are the bits of one
unsigned 16-bit integer, lane 0 the lowest.
"""

import operator
from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

LANES = 16
ALL = np.uint16(0xFFFF)  # every truth value true

_WORD = ir.IntType(32)
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
_WORDS = ir.VectorType(_WORD, LANES)
_TRUTHS = ir.VectorType(ir.IntType(1), LANES)
_LONGS = ir.VectorType(ir.IntType(64), LANES // 2)
_ALIGNMENT = 4  # bytes: an array may start anywhere


class Lanes(types.Type):
    """The compiled type of sixteen float32."""

    def __init__(self):
        super().__init__(name="Lanes")


lanes_type = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, _FLOATS)


def _all(kind: ir.VectorType, value: float) -> ir.Constant:
    return ir.Constant(kind, [value] * kind.count)


def _broadcast(builder: ir.IRBuilder, value: ir.Value, kind: ir.VectorType) -> ir.Value:
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_WORD, 0))
    return builder.shuffle_vector(first, undefined, _all(ir.VectorType(_WORD, kind.count), 0))


def _instruction(builder: ir.IRBuilder, name: str, *values: ir.Value) -> ir.Value:
    kind = ir.FunctionType(_FLOATS, [_FLOATS] * len(values))
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v16f32"), values)


def _elementwise(count: int, emit: Callable[..., ir.Value]) -> Callable:
    """A compiled function of ``count`` lanes to lanes."""

    def code(context, builder, signature, arguments):
        return emit(builder, *arguments)

    def one(typing_context, a):
        return lanes_type(lanes_type), code

    def two(typing_context, a, b):
        return lanes_type(lanes_type, lanes_type), code

    def three(typing_context, a, b, c):
        return lanes_type(lanes_type, lanes_type, lanes_type), code

    return intrinsic((one, two, three)[count - 1])


_add = _elementwise(2, lambda builder, a, b: builder.fadd(a, b))
_subtract = _elementwise(2, lambda builder, a, b: builder.fsub(a, b))
_multiply = _elementwise(2, lambda builder, a, b: builder.fmul(a, b))
_divide = _elementwise(2, lambda builder, a, b: builder.fdiv(a, b))
_negate = _elementwise(1, lambda builder, a: builder.fneg(a))
# a * b + c, rounded once where the processor can.
fma = _elementwise(3, lambda builder, a, b, c: _instruction(builder, "fmuladd", a, b, c))
square_root = _elementwise(1, lambda builder, a: _instruction(builder, "sqrt", a))
absolute = _elementwise(1, lambda builder, a: _instruction(builder, "fabs", a))
with_sign_of = _elementwise(2, lambda builder, a, b: _instruction(builder, "copysign", a, b))
# The smaller one of each pair; the second where one is NaN.
least = _elementwise(2, lambda builder, a, b: builder.select(builder.fcmp_ordered("<", a, b), a, b))


def _operator(function: Callable, compiled: Callable) -> None:
    @overload(function)
    def of_lanes(a, b):
        if isinstance(a, Lanes) and isinstance(b, Lanes):
            return lambda a, b: compiled(a, b)
        return None


for _function, _compiled in (
    (operator.add, _add),
    (operator.sub, _subtract),
    (operator.mul, _multiply),
    (operator.truediv, _divide),
):
    _operator(_function, _compiled)


@overload(operator.neg)
def _negative(a):
    return (lambda a: _negate(a)) if isinstance(a, Lanes) else None


def _place(context, builder, array_type, array, index) -> ir.Value:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _FLOATS.as_pointer())


@intrinsic
def load(typing_context, array, index):
    """Entries ``index`` to ``index + 15`` of a flat contiguous float32 array; the index is not checked."""

    def code(context, builder, signature, arguments):
        return builder.load(_place(context, builder, signature.args[0], *arguments), align=_ALIGNMENT)

    return lanes_type(array, types.intp), code


@intrinsic
def store(typing_context, array, index, value):
    """Write entries ``index`` to ``index + 15`` of such an array."""

    def code(context, builder, signature, arguments):
        array, index, value = arguments
        builder.store(value, _place(context, builder, signature.args[0], array, index), align=_ALIGNMENT)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes_type), code


@intrinsic
def splat(typing_context, value):
    """Sixteen times the same float32."""

    def code(context, builder, signature, arguments):
        return _broadcast(builder, arguments[0], _FLOATS)

    return lanes_type(types.float32), code


@intrinsic
def total(typing_context, a):
    """The sum of the sixteen, in float64 and in a fixed order."""

    def code(context, builder, signature, arguments):
        values = builder.fpext(arguments[0], _DOUBLES)
        while values.type.count > 1:
            half = values.type.count // 2
            parts = [
                builder.shuffle_vector(
                    values, values, ir.Constant(ir.VectorType(_WORD, half), list(range(start, start + half)))
                )
                for start in (0, half)
            ]
            values = builder.fadd(*parts)
        return builder.extract_element(values, ir.Constant(_WORD, 0))

    return types.float64(lanes_type), code


def _truths(builder: ir.IRBuilder, bits: ir.Value) -> ir.Value:
    return builder.bitcast(bits, _TRUTHS)


@intrinsic
def where(typing_context, bits, a, b):
    """``a`` where the bit is set, else ``b``."""

    def code(context, builder, signature, arguments):
        bits, a, b = arguments
        return builder.select(_truths(builder, bits), a, b)

    return lanes_type(types.uint16, lanes_type, lanes_type), code


@intrinsic
def positive(typing_context, a):
    """The bits of the lanes that are above zero."""

    def code(context, builder, signature, arguments):
        above = builder.fcmp_ordered(">", arguments[0], _all(_FLOATS, 0.0))
        return builder.bitcast(above, ir.IntType(16))

    return types.uint16(lanes_type), code


@intrinsic
def power_of_two(typing_context, shifted):
    """2^k of ``shifted = k + 1.5 * 2^23``, whose lowest mantissa bits are those of k, an integer from -126 to 127."""

    def code(context, builder, signature, arguments):
        exponent = builder.shl(builder.bitcast(arguments[0], _WORDS), _all(_WORDS, 23))
        return builder.bitcast(builder.add(exponent, _all(_WORDS, 127 << 23)), _FLOATS)

    return lanes_type(lanes_type), code


@intrinsic
def below(typing_context, start, threshold):
    """Sixteen random truths, true with probability threshold / 2^32 each: bits of 8 successive SplitMix64 outputs.

    Args:
        start: uint64, the generator's state, whose next 8 outputs are used. Lane 2 i is the lower half of output i,
            lane 2 i + 1 its upper half.
        threshold: uint32. A lane is true where its 32 bits are less.
    """

    def code(context, builder, signature, arguments):
        start, threshold = arguments
        steps = ir.Constant(_LONGS, [(lane + 1) * SPLIT_MIX[0] % 2**64 for lane in range(LANES // 2)])
        value = builder.add(_broadcast(builder, start, _LONGS), steps)
        for shift, multiplier in ((30, SPLIT_MIX[1]), (27, SPLIT_MIX[2])):
            value = builder.xor(value, builder.lshr(value, _all(_LONGS, shift)))
            value = builder.mul(value, _all(_LONGS, multiplier))
        value = builder.xor(value, builder.lshr(value, _all(_LONGS, 31)))
        limit = _broadcast(builder, threshold, _WORDS)
        truths = builder.icmp_unsigned("<", builder.bitcast(value, _WORDS), limit)
        return builder.bitcast(truths, ir.IntType(16))

    return types.uint16(types.uint64, types.uint32), code


# Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014): increment and multipliers.
SPLIT_MIX = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)

# expm1(r) / r for |r| <= ln(2) / 2 to a relative 1.1e-8 (Remez), the leading coefficient 1 + 1.1e-8 rounded to float32.
_EXPM1 = (
    1.0,
    0.49999998123675465,
    0.16666506155509472,
    0.041667136395510805,
    0.008369075706246329,
    0.0013888872856948095,
)
_C = tuple(np.float32(value) for value in _EXPM1)
_MINUS_TWO, _FARTHEST = np.float32(-2), np.float32(30)  # tanh(30) is 1 to float64's precision
_LOG2_E, _MINUS_LN_2, _SHIFT = np.float32(1 / np.log(2)), np.float32(-np.log(2)), np.float32(1.5 * 2**23)
_ONE, _TWO = np.float32(1), np.float32(2)


@njit
def tanh(z):
    """Hyperbolic tangent of sixteen float32, within 3 units in the last place and never beyond 1; NaN stays NaN.

    With u = expm1(-2 |z|), tanh|z| = -u / (2 + u), where nothing cancels. expm1(v) = 2^k expm1(r) + (2^k - 1) for
    v = k ln 2 + r.
    """
    v = least(splat(_FARTHEST), absolute(z)) * splat(_MINUS_TWO)
    shifted = fma(v, splat(_LOG2_E), splat(_SHIFT))
    r = fma(shifted - splat(_SHIFT), splat(_MINUS_LN_2), v)
    p = fma(splat(_C[5]), r, splat(_C[4]))
    p = fma(p, r, splat(_C[3]))
    p = fma(p, r, splat(_C[2]))
    p = fma(p, r, splat(_C[1]))
    p = fma(p, r, splat(_C[0])) * r
    scale = power_of_two(shifted)
    u = fma(scale, p, scale - splat(_ONE))
    return with_sign_of(u / (u + splat(_TWO)), z)
