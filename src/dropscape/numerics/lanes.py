"""Thirty-two float32 at once in functions compiled by numba: two registers with AVX-512, four or eight elsewhere.

What numba makes of a plain loop is left to LLVM to vectorise, which first has to prove that no two arrays overlap and
then keeps the sums of nested loops in memory. Here a value is thirty-two numbers, and a kernel says itself what stays
in registers; two registers side by side give the processor work while it waits for the result of one.

The functions exist only inside functions that numba compiles. Memory is given by address: arrays as arguments of the
inner functions make LLVM run out of registers. The caller keeps the array alive, and no index is checked. Thirty-two
truth values are the bits of one unsigned integer, lane 0 the lowest.
"""

import operator
from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from dropscape.numerics.split_mix import GOLDEN, LAST_SHIFT, MIX

LANES = 32
Truths = np.uint32
ALL = Truths(2**LANES - 1)  # every truth value true

_truths_type = types.uint32
_FLOAT, _WORD = ir.FloatType(), ir.IntType(32)
_FLOATS, _DOUBLES = ir.VectorType(_FLOAT, LANES), ir.VectorType(ir.DoubleType(), LANES)
_WORDS, _LONGS = ir.VectorType(_WORD, LANES), ir.VectorType(ir.IntType(64), LANES // 2)
_TRUTHS, _PACKED = ir.VectorType(ir.IntType(1), LANES), ir.IntType(LANES)
_ALIGNMENT = 4  # bytes: an array may start anywhere

STRIDE = np.uint64(LANES // 2 * GOLDEN % 2**64)  # from the state of one ``below`` to that of the next


class Lanes(types.Type):
    """The compiled type of thirty-two float32."""

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
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f32"), values)


def _compiled(result: types.Type, *arguments: types.Type) -> Callable[[Callable], Callable]:
    """Makes ``emit(builder, *values)``, which writes LLVM's instructions, a function of these types."""

    def of(emit: Callable[..., ir.Value]) -> Callable:
        def code(context, builder, signature, values):
            value = emit(builder, *values)
            return context.get_dummy_value() if result is types.void else value

        def one(typing_context, a):
            return result(*arguments), code

        def two(typing_context, a, b):
            return result(*arguments), code

        def three(typing_context, a, b, c):
            return result(*arguments), code

        function = intrinsic((one, two, three)[len(arguments) - 1])
        function.__doc__ = emit.__doc__
        return function

    return of


_unary = _compiled(lanes_type, lanes_type)
_binary = _compiled(lanes_type, lanes_type, lanes_type)
_ternary = _compiled(lanes_type, lanes_type, lanes_type, lanes_type)


@_ternary
def fma(builder, a, b, c):
    """The sum a * b + c, rounded once where the processor can."""
    return _instruction(builder, "fmuladd", a, b, c)


@_unary
def square_root(builder, a):
    """The square root of each."""
    return _instruction(builder, "sqrt", a)


@_binary
def least(builder, a, b):
    """The smaller one of each pair; the second where one is NaN."""
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


@_binary
def greatest(builder, a, b):
    """The larger one of each pair; the second where one is NaN."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _operator(function: Callable, compiled: Callable) -> None:
    @overload(function)
    def of_lanes(a, b):
        if isinstance(a, Lanes) and isinstance(b, Lanes):
            return lambda a, b: compiled(a, b)
        return None


_operator(operator.add, _binary(lambda builder, a, b: builder.fadd(a, b)))
_operator(operator.sub, _binary(lambda builder, a, b: builder.fsub(a, b)))
_operator(operator.mul, _binary(lambda builder, a, b: builder.fmul(a, b)))
_operator(operator.truediv, _binary(lambda builder, a, b: builder.fdiv(a, b)))
_negative = _unary(lambda builder, a: builder.fneg(a))


@overload(operator.neg)
def _negated(a):
    return (lambda a: _negative(a)) if isinstance(a, Lanes) else None


@intrinsic
def address(typing_context, array):
    """Where a contiguous array starts."""

    def code(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.ptrtoint(data, ir.IntType(64))

    return types.int64(array), code


def _entry(builder: ir.IRBuilder, start: ir.Value, index: ir.Value, kind: ir.Type) -> ir.Value:
    return builder.gep(builder.inttoptr(start, kind.as_pointer()), [index])


@_compiled(lanes_type, types.int64, types.int64)
def load(builder, start, index):
    """Entries ``index`` to ``index + 31`` of the float32 at the address ``start``."""
    place = builder.bitcast(_entry(builder, start, index, _FLOAT), _FLOATS.as_pointer())
    return builder.load(place, align=_ALIGNMENT)


@_compiled(types.void, types.int64, types.int64, lanes_type)
def store(builder, start, index, value):
    """Write them."""
    place = builder.bitcast(_entry(builder, start, index, _FLOAT), _FLOATS.as_pointer())
    builder.store(value, place, align=_ALIGNMENT)


@_compiled(lanes_type, types.int64, types.int64)
def number(builder, start, index):
    """Entry ``index`` of the float32 at the address ``start``, in every lane."""
    return _broadcast(builder, builder.load(_entry(builder, start, index, _FLOAT)), _FLOATS)


@_compiled(lanes_type, types.float32)
def splat(builder, value):
    """The same float32 in every lane."""
    return _broadcast(builder, value, _FLOATS)


@_compiled(types.float64, lanes_type)
def total(builder, a):
    """The sum of all lanes, in float64 and in a fixed order."""
    values = builder.fpext(a, _DOUBLES)
    while values.type.count > 1:
        half = values.type.count // 2
        lower, upper = (ir.Constant(ir.VectorType(_WORD, half), list(range(at, at + half))) for at in (0, half))
        values = builder.fadd(
            builder.shuffle_vector(values, values, lower), builder.shuffle_vector(values, values, upper)
        )
    return builder.extract_element(values, ir.Constant(_WORD, 0))


@_compiled(_truths_type, types.int64, types.int64)
def truths_at(builder, start, index):
    """Entry ``index`` of the truth values at the address ``start``."""
    return builder.load(_entry(builder, start, index, _PACKED))


@_compiled(types.void, types.int64, types.int64, _truths_type)
def store_truths(builder, start, index, value):
    """Write it."""
    builder.store(value, _entry(builder, start, index, _PACKED))


@_compiled(lanes_type, _truths_type, lanes_type)
def only(builder, truths, a):
    """``a`` where it is true, 0 elsewhere."""
    return builder.select(builder.bitcast(truths, _TRUTHS), a, _all(_FLOATS, 0.0))


@_compiled(_truths_type, lanes_type)
def positive(builder, a):
    """Which lanes are above zero, or are no number."""
    return builder.bitcast(builder.fcmp_unordered(">", a, _all(_FLOATS, 0.0)), _PACKED)


@_compiled(_truths_type, types.uint64, types.uint32)
def below(builder, state, threshold):
    """Random truths, true with probability threshold / 2^32 each: the next 16 outputs of a SplitMix64 generator.

    Lane 2 i is true where the lower 32 bits of output i are below the threshold, lane 2 i + 1 where the upper are.
    """
    steps = ir.Constant(_LONGS, [(number + 1) * GOLDEN % 2**64 for number in range(LANES // 2)])
    value = builder.add(_broadcast(builder, state, _LONGS), steps)
    for shift, multiplier in MIX:
        value = builder.xor(value, builder.lshr(value, _all(_LONGS, shift)))
        value = builder.mul(value, _all(_LONGS, multiplier))
    value = builder.xor(value, builder.lshr(value, _all(_LONGS, LAST_SHIFT)))
    limit = _broadcast(builder, threshold, _WORDS)
    return builder.bitcast(builder.icmp_unsigned("<", builder.bitcast(value, _WORDS), limit), _PACKED)


@_unary
def _power_of_two(builder, shifted):
    """2^k of ``shifted = k + 127 + 1.5 * 2^23``, whose lowest mantissa bits are the exponent of 2^k."""
    return builder.bitcast(builder.shl(builder.bitcast(shifted, _WORDS), _all(_WORDS, 23)), _FLOATS)


# expm1(r) / r for |r| <= ln(2) / 2 to a relative 1.1e-8 (Remez), here of r = 2 q and divided by q. The leading
# coefficient was 1 + 1.1e-8.
_EXPM1 = (
    1.0,
    0.49999998123675465,
    0.16666506155509472,
    0.041667136395510805,
    0.008369075706246329,
    0.0013888872856948095,
)
_C0, _C1, _C2, _C3, _C4, _C5 = (np.float32(value * 2 ** (power + 1)) for power, value in enumerate(_EXPM1))
_FARTHEST = np.float32(12)  # tanh(12) is 1 in float32
_TWO_LOG2_E, _MINUS_HALF_LN_2 = np.float32(2 / np.log(2)), np.float32(-np.log(2) / 2)
_SHIFT = np.float32(1.5 * 2**23 + 127)
_ONE, _TWO = np.float32(1), np.float32(2)


@njit
def tanh(z):
    """Hyperbolic tangent, to 4 units in the last place (2.5e-7 relative) and never beyond 1; NaN stays NaN.

    With u = expm1(2 z) it is u / (u + 2), where nothing cancels. expm1(2 z) = 2^k expm1(2 q) + (2^k - 1) with
    z = k ln(2) / 2 + q.
    """
    z = least(splat(_FARTHEST), greatest(splat(-_FARTHEST), z))
    shifted = fma(z, splat(_TWO_LOG2_E), splat(_SHIFT))
    q = fma(shifted - splat(_SHIFT), splat(_MINUS_HALF_LN_2), z)
    scale = _power_of_two(shifted)
    p = fma(splat(_C5), q, splat(_C4))
    p = fma(p, q, splat(_C3))
    p = fma(p, q, splat(_C2))
    p = fma(p, q, splat(_C1))
    p = fma(p, q, splat(_C0))
    u = fma(scale * q, p, scale - splat(_ONE))
    return u / (u + splat(_TWO))
